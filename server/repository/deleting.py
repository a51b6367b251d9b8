"""Deletions of many objects of a branch at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from msgspec import Struct

from ..errors import (
    LakeError,
    ObjectNotFoundError,
    PreconditionFailedError,
    RefMovedError,
)
from ..refs.store import Branch, Repository
from ..staging.store import Change, PathState
from ..tree.entry import PackedEntry, unpack_entry
from ..tree.lookup import find_many
from .contracts import Snapshot, WriteTransaction
from .engine import Engine
from .gathering import read_states
from .objects import CONDITION_ATTEMPTS_MAX, Condition, is_still, stage
from .resolving import get_writable_branch


class Deletion(Struct, frozen=True, gc=False):
    """One of them."""

    path: bytes
    condition: Condition | None = None
    staged_only: bool = False
    """Takes back what is staged at the path, if that is an object, and nothing else:
    what is committed there is seen again."""


Outcome = bool | LakeError
"""Whether there was an object to delete; or why it was not deleted."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the deletions come to in the state that was looked at."""

    branch: Branch
    outcomes: list[Outcome]
    deleted: list[Change]
    discarded: list[bytes]
    relied_on: list[tuple[bytes, PathState]]
    """Paths that must be as they were seen: those with conditions."""


async def delete_objects(
    engine: Engine,
    repository: str,
    branch: str,
    deletions: Sequence[Deletion],
    *,
    force: bool = False,
) -> list[Outcome]:
    """Stage `deletions` in their order, all in one transaction; return what each did.

    Looks everything up in a thread. A condition that does not hold keeps its own
    deletion from happening and no other.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRefError,
        ReadOnlyRepositoryError
    """
    for _ in range(CONDITION_ATTEMPTS_MAX):
        where, target = await get_writable_branch(
            engine, repository, branch, force=force
        )
        plan = await _plan(engine, where, target, deletions)
        if plan is None:
            continue
        if not (plan.deleted or plan.discarded):
            return plan.outcomes
        if await engine.metadata.write(_carry_out(where, plan)):
            return plan.outcomes
    raise RefMovedError(branch)


def _carry_out(
    where: Repository, plan: _Plan
) -> Callable[[WriteTransaction], Awaitable[bool]]:
    async def action(tx: WriteTransaction) -> bool:
        for path, state in plan.relied_on:
            if not await is_still(tx, state, path):
                return False
        for path in plan.discarded:
            await tx.discard_staged(plan.branch.id, path=path)
        await stage(tx, where, plan.branch, plan.deleted)
        return True

    return action


async def _plan(
    engine: Engine, where: Repository, target: Branch, deletions: Sequence[Deletion]
) -> _Plan | None:
    """Return what to do; None if the branch is not the one that it was."""

    async def action(snapshot: Snapshot) -> _Plan | None:
        branch = await snapshot.find_branch(target.id)
        if branch is None:
            return None
        paths = [deletion.path for deletion in deletions]
        states = await read_states(snapshot, where, branch, paths)
        if states is None:
            return None
        head = await engine.history(where, snapshot).get(branch.head)
        committed = find_many(engine.nodes, head.tree_id, states)
        return _decide(branch, states, committed, deletions)

    return await engine.metadata.snapshot(action)


def _decide(
    branch: Branch,
    states: dict[bytes, PathState],
    committed: dict[bytes, PackedEntry],
    deletions: Sequence[Deletion],
) -> _Plan:
    plan = _Plan(branch, [], [], [], [])
    staged = {path: state.staged for path, state in states.items() if state.is_staged}
    for deletion in deletions:
        path = deletion.path
        is_staged = path in staged
        present = staged[path] if is_staged else committed.get(path)
        if deletion.staged_only and not is_staged:
            present = None
        if deletion.condition is not None or deletion.staged_only:
            plan.relied_on.append((path, states[path]))
        plan.outcomes.append(_judge(deletion, present, states[path]))
        if plan.outcomes[-1] is not True:
            continue
        if deletion.staged_only:
            del staged[path]
            plan.discarded.append(path)
        else:
            staged[path] = None
            plan.deleted.append((path, None))
    return plan


def _judge(
    deletion: Deletion, present: PackedEntry | None, state: PathState
) -> Outcome:
    path = deletion.path
    if deletion.condition is not None:
        entry = None if present is None else unpack_entry(path, present)
        try:
            deletion.condition.check(entry, state, path)
        except (PreconditionFailedError, ObjectNotFoundError) as error:
            return error
    return present is not None
