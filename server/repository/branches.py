"""Branches: create, list, delete, throw staged changes away; the ref log and undo."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ..errors import (
    DeleteDefaultBranchError,
    DirtyBranchError,
    InvalidValueError,
    RefExistsError,
    RefMovedError,
    RefNotFoundError,
)
from ..ids import CommitId
from ..refs.names import check_ref_name
from ..refs.protection import require_unprotected
from ..refs.store import Branch, RefLogEntry, Repository
from .contracts import WriteTransaction
from .engine import Engine
from .once import Once
from .paging import Filter, Page, check_limit, read_page
from .publishing import start_full_purge, start_purge
from .resolving import get_branch as get_branch_in
from .resolving import (
    get_repository,
    get_writable_branch,
    require_changeable,
    resolve,
)

_LOG_PAGE = 100
UNDO_MOVES_MAX = 10_000
"""Moves that an undo looks back over: more than anyone undoes by hand."""


async def create_branch(
    engine: Engine,
    repository: str,
    name: str,
    source: str,
    *,
    actor: str,
    hidden: bool = False,
    force: bool = False,
    once: Once | None = None,
) -> Branch:
    """Create a branch at the commit that the expression `source` resolves to.

    Nothing is copied: it costs one row, whatever the size of the repository.

    Raises:
        InvalidNameError, RefNotFoundError, ReadOnlyRepositoryError
        RefExistsError: a branch or tag has that name.
    """
    check_ref_name(name)
    start = await resolve(engine, repository, source)
    require_changeable(start.repository, force=force)
    head = start.commit.id
    now_ms = engine.clock()

    async def action(tx: WriteTransaction) -> Branch:
        if once is not None:
            await once.claim(tx, head, now_ms=now_ms)
        return await tx.create_branch(
            start.repository.id, name, head, hidden=hidden, actor=actor, now_ms=now_ms
        )

    return await engine.metadata.write(action)


async def get_branch(engine: Engine, repository: str, name: str) -> Branch:
    """Return the branch `name`.

    Raises:
        RepositoryNotFoundError, RefNotFoundError
    """
    return await get_branch_in(engine, await get_repository(engine, repository), name)


async def list_branches(
    engine: Engine,
    repository: str,
    *,
    prefix: str = "",
    after: str = "",
    limit: int,
    hidden: bool = False,
    is_shown: Filter | None = None,
) -> Page[Branch]:
    """Return a page of the branches, by name; see `read_page`.

    `hidden` adds the hidden ones.
    """
    where = await get_repository(engine, repository)

    async def read(after: str, limit: int) -> list[Branch]:
        return await engine.metadata.list_branches(
            where.id, prefix=prefix, after=after, limit=limit, hidden=hidden
        )

    return await read_page(
        read, lambda branch: branch.name, after=after, limit=limit, is_shown=is_shown
    )


async def delete_branch(
    engine: Engine, repository: str, name: str, *, actor: str, force: bool = False
) -> None:
    """Delete a branch with its staged changes; its commits stay reachable by id.

    Raises:
        DeleteDefaultBranchError: it is the default branch.
        RefNotFoundError: there is no branch of that name.
    """
    where, _ = await get_writable_branch(engine, repository, name, force=force)
    if name == where.default_branch:
        raise DeleteDefaultBranchError(name)
    deleted = await engine.metadata.write(
        lambda tx: tx.delete_ref(
            where.id, name, kind="branch", actor=actor, now_ms=engine.clock()
        )
    )
    if not deleted:
        raise RefNotFoundError(repository, name, what="branch")
    start_full_purge(engine)


async def reset_branch(
    engine: Engine,
    repository: str,
    name: str,
    *,
    path: bytes | None = None,
    prefix: bytes | None = None,
    force: bool = False,
) -> int:
    """Throw away staged changes: all, those of `path`, or those below `prefix`.

    Returns how many rows went (of all: 1 if there were any).
    """
    _, branch = await get_writable_branch(
        engine, repository, name, even_if_protected=True, force=force
    )
    discarded = await engine.metadata.write(
        lambda tx: tx.discard_staged(branch.id, path=path, prefix=prefix)
    )
    if discarded:
        start_purge(engine, branch.id)  # of all, the rows are only invisible yet
    return discarded


async def list_ref_log(
    engine: Engine,
    repository: str,
    ref: str,
    *,
    before: int | None = None,
    limit: int,
) -> list[RefLogEntry]:
    """Return moves of a branch or tag, newest first, also of one that was deleted.

    Raises:
        RefNotFoundError: there never was a ref of that name.
    """
    where = await get_repository(engine, repository)
    found = await engine.metadata.list_ref_log(
        where.id, ref, before=before, limit=check_limit(limit)
    )
    if not found and before is None:
        raise RefNotFoundError(repository, ref)
    return found


async def undo(engine: Engine, repository: str, name: str, *, actor: str) -> Branch:
    """Put a branch back to where it was before its last move that was not undone.

    Undoing again goes further back. A branch that was deleted is there again.

    Raises:
        ReadOnlyRepositoryError
        InvalidValueError: there is nothing left to undo.
        DirtyBranchError: the branch has staged changes.
        RefMovedError: the branch was moved at the same time.
    """
    where, ref, target = await _plan_undo(engine, repository, name)

    async def action(tx: WriteTransaction) -> Branch:
        if ref is None:
            return await tx.create_branch(
                where.id, name, target, hidden=False, actor=actor, now_ms=engine.clock()
            )
        branch = await tx.lock_branch(ref.id)
        if branch is None or branch.head != ref.head:
            raise RefMovedError(name)
        if await tx.has_live_changes(branch):
            raise DirtyBranchError(name)
        moved = await tx.move_branch(
            branch,
            head=target,
            floor=branch.floor,
            action="undo",
            actor=actor,
            now_ms=engine.clock(),
        )
        after = await tx.find_branch(branch.id)
        if not moved or after is None:
            raise RefMovedError(name)
        return after

    if ref is None:
        check_ref_name(name)
    try:
        return await engine.metadata.write(action)
    except RefExistsError:
        raise RefMovedError(name) from None


async def preview_undo(
    engine: Engine, repository: str, name: str, *, actor: str, to: CommitId | None
) -> RefLogEntry:
    """Return the move that `undo` would make now, or one back to the commit `to`.

    It has no number, because it is not made.

    Raises:
        As `undo`.
    """
    where, ref, target = await _plan_undo(engine, repository, name, to=to)
    if ref is not None and await engine.metadata.has_live_changes(ref):
        raise DirtyBranchError(name)
    return RefLogEntry(
        sequence=0,
        repository_id=where.id,
        ref=name,
        kind="branch",
        at_ms=engine.clock(),
        actor=actor,
        action="undo",
        old=None if ref is None else ref.head,
        new=target,
    )


async def _plan_undo(
    engine: Engine, repository: str, name: str, *, to: CommitId | None = None
) -> tuple[Repository, Branch | None, CommitId]:
    """Return where to undo, the branch if it is there, and where it goes back to."""
    where = await get_repository(engine, repository)
    require_changeable(where)
    require_unprotected(where, name)
    ref = await engine.metadata.find_ref(where.id, name)
    if ref is not None and not isinstance(ref, Branch):
        raise InvalidValueError("branch", f"cannot undo tag '{name}': tags never move")
    if to is None:
        to = await _find_undo_target(engine, repository, where.id, name)
    return where, ref, to


async def _find_undo_target(
    engine: Engine, repository: str, repository_id: int, name: str
) -> CommitId:
    undone = 0
    seen = 0
    tag: CommitId | None = None
    moves = _iter_moves(engine, repository_id, name)
    async with aclosing(moves):
        async for move in moves:
            seen += 1
            # A tag of that name is another story: tags never move.
            if move.kind == "tag" and seen == 1:
                tag = move.old or move.new
            if seen > UNDO_MOVES_MAX or move.kind == "tag":
                break
            if move.action == "undo":
                undone += 1
            elif undone:
                undone -= 1
            elif move.old is not None:
                return move.old
            else:
                break
    if not seen:
        raise RefNotFoundError(repository, name, what="branch")
    if tag is not None:
        raise InvalidValueError(
            "branch",
            f"'{name}' was a tag, and tags are not undone: to have it again, tag commit "
            f"'{tag.hex()[:12]}'",
        )
    raise InvalidValueError("branch", f"nothing to undo on branch '{name}'")


async def _iter_moves(
    engine: Engine, repository_id: int, name: str
) -> AsyncGenerator[RefLogEntry]:
    before: int | None = None
    while True:
        page = await engine.metadata.list_ref_log(
            repository_id, name, before=before, limit=_LOG_PAGE
        )
        for move in page:
            yield move
        if len(page) < _LOG_PAGE:
            return
        before = page[-1].sequence
