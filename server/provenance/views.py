"""What a request with the key of a run reads and writes, once it was let in.

Reads of a branch are pinned to where it was when the run began; writes go to a hidden
branch of the run, and from the first one on the run reads there too, so that it sees its
own. Tags, commits and whatever else names no branch mean what they mean, and so do hidden
branches, on which clients prepare transactions of their own.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from ..errors import (
    InvalidRefExpressionError,
    PermissionDeniedError,
    RefExistsError,
    RefMovedError,
    RunEndedError,
)
from ..ids import CommitId
from ..refs.expression import Expression, parse_expression
from ..refs.store import Branch, Repository
from ..repository.contracts import WriteTransaction
from ..repository.engine import Engine
from ..repository.resolving import get_writable_branch
from ..runs.rows import RunScope, WorkBranchRow
from .pins import find_pins_of

NAMES_MAX = 1000
"""Work branches of one run, and names that are tried for one: others may have taken some."""
_ID_CHARS = 12
"""Of the id of a run in the names of its branches: enough to find it by."""


class Use(Enum):
    """What a request does with a ref that it names."""

    READ = "read"
    WRITE = "write"
    """It stages or commits on the branch."""
    MOVE = "move"
    """It makes, moves or removes the branch itself; nothing of that can be taken back."""
    ITSELF = "itself"
    """The name alone counts: no content is read by it."""


class View(Struct, frozen=True, gc=False):
    """A ref as a run sees it."""

    ref: str
    """The expression to act upon."""
    written: str
    """As the request has it."""
    base: CommitId | None = None
    """If `ref` is a work branch: the commit that it began at."""


async def see(
    engine: Engine, run: RunScope, repository: str, ref: str, use: Use
) -> View:
    """Return what `ref` of `repository` is for `run`.

    The one place that decides it. The caller was let in to `ref` as it is written; what is
    wrong with a ref is said by whoever acts upon it.

    Raises:
        RunEndedError: the end of the run was asked for.
        PermissionDeniedError: it would move a branch that others see.
        and, for writing, what `get_writable_branch` raises
    """
    if run.is_ending:
        raise RunEndedError(run.name, "its end was asked for: ask again to finish it")
    if use is Use.ITSELF:
        return View(ref, ref)
    try:
        expression = parse_expression(ref, repository=repository)
    except InvalidRefExpressionError:
        return View(ref, ref)
    if expression.at_ms is not None:
        return View(ref, ref)
    where = await engine.metadata.find_repository(repository)
    if where is None:
        return View(ref, ref)
    branch = await engine.metadata.find_ref(where.id, expression.name)
    work = await engine.metadata.find_work_branch(run.run_id, where.id, expression.name)
    if isinstance(branch, Branch) and branch.hidden:
        return View(ref, ref)
    if use is Use.MOVE:
        if isinstance(branch, Branch):
            raise PermissionDeniedError(
                f"access denied: run '{run.name}' cannot move or delete branch "
                f"'{expression.name}': what it writes is published when it succeeds"
            )
        return View(ref, ref)
    if use is Use.WRITE and not expression.is_plain_name:
        return View(ref, ref)  # which is refused as what it is
    if work is None and (use is Use.WRITE or expression.view == "staged"):
        if not isinstance(branch, Branch):
            return View(ref, ref)
        work = await _make_work_branch(engine, run, where, branch)
    if work is not None:
        return _see_work(work, expression, ref)
    pin = (await find_pins_of(engine, run.name)).get((where.id, ref))
    if pin is not None:
        return View(pin.hex(), ref)
    head = await engine.metadata.find_head_at(
        where.id, expression.name, run.log_sequence
    )
    if head is not None:
        return View(head.hex() + _rest(expression, ref).rstrip("@"), ref)
    is_plain = isinstance(branch, Branch) and expression.is_plain_name
    if is_plain and not where.read_only:
        return View(f"{ref}@", ref)  # what is not committed has no version
    return View(ref, ref)


def _see_work(work: WorkBranchRow, expression: Expression, ref: str) -> View:
    if work.work_branch is None:
        raise RefMovedError(work.branch)
    return View(work.work_branch + _rest(expression, ref), ref, work.base)


def _rest(expression: Expression, ref: str) -> str:
    """Return what stands behind the name."""
    return ref[len(expression.name) :]


async def _make_work_branch(
    engine: Engine, run: RunScope, where: Repository, branch: Branch
) -> WorkBranchRow:
    """Make the hidden branch on which `run` prepares what it will publish on `branch`."""
    await get_writable_branch(engine, where.name, branch.name, even_if_protected=True)
    now_ms = engine.clock()

    async def action(tx: WriteTransaction) -> WorkBranchRow:
        await tx.hear_run(run.run_id, now_ms=now_ms)
        there = await tx.find_work_branch(run.run_id, where.id, branch.name)
        if there is not None:
            return there  # another request was faster
        base = await tx.find_head_at(where.id, branch.name, run.log_sequence)
        if base is None:
            now = await tx.find_branch(branch.id)
            base = branch.head if now is None else now.head
        made = await _create(tx, run, where, base, now_ms)
        await tx.add_work_branch(
            run.run_id, where.id, branch.name, work_branch_id=made.id, base=base
        )
        return WorkBranchRow(
            where.id, where.name, branch.name, made.id, made.name, base, None
        )

    return await engine.metadata.write(action)


async def _create(
    tx: WriteTransaction, run: RunScope, where: Repository, base: CommitId, now_ms: int
) -> Branch:
    number = len(await tx.list_work_branches(run.run_id)) + 1
    while number <= NAMES_MAX:
        name = f"run-{run.name[:_ID_CHARS]}-{number}"
        number += 1
        if await tx.find_ref(where.id, name) is None:
            return await tx.create_branch(
                where.id, name, base, hidden=True, actor=run.name, now_ms=now_ms
            )
    raise RefExistsError(where.name, f"run-{run.name[:_ID_CHARS]}-{NAMES_MAX}")
