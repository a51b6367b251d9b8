"""Commits: make one of a branch's staged changes, find, list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import (
    NothingToCommitError,
    RefMovedError,
    RefNotFoundError,
)
from ..history.commit import Commit
from ..history.traces import Traces
from ..refs.store import Branch
from ..staging.store import Change
from ..tree.edit import apply_changes
from ..tree.node import Tree
from .engine import Engine
from .once import Once
from .publishing import (
    REBUILDS_MAX,
    Built,
    Description,
    NewNodes,
    build_nodes,
    check_created_ms,
    publish,
    start_purge,
)
from .resolving import get_writable_branch, resolve

SCAN_ROWS = 10_000
"""Staged rows read at once by a commit: about 2 MiB. Half adds a thread hop for each
5,000 rows, double adds 2 MiB to the memory of each commit that is being built."""


async def commit_branch(
    engine: Engine,
    repository: str,
    branch: str,
    *,
    message: str,
    actor: str,
    metadata: Mapping[str, str] | None = None,
    created_ms: int | None = None,
    allow_empty: bool = False,
    force: bool = False,
    once: Once | None = None,
) -> Commit:
    """Commit everything that is staged on a branch when this begins.

    Writers go on under the next epoch. A commit that loses a race against another one
    builds again on the new head, scanning what is still live.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRefError,
        ReadOnlyRepositoryError, InvalidValueError
        NothingToCommitError: nothing is staged, or what is staged changes nothing, or
            another commit or reset took it meanwhile.
    """
    where, found = await get_writable_branch(engine, repository, branch, force=force)
    description = Description(
        message,
        metadata or {},
        actor,
        check_created_ms(created_ms, engine.clock()),
        once,
    )
    seen = await engine.metadata.write(lambda tx: tx.seal_epoch(found.id))
    first = seen
    if seen is None or first is None:
        raise RefNotFoundError(repository, branch, what="branch")
    hi = seen.epoch - 1
    for _ in range(REBUILDS_MAX):
        head = await engine.history(where).get(seen.head)
        built = await build_sealed(engine, head, seen, hi)
        is_change = built.tree.tree_id != head.tree_id
        if not is_change and not allow_empty:
            if await _drop_sealed(engine, seen, hi):
                start_purge(engine, seen.id)
                raise NothingToCommitError
        else:
            commit = await publish(
                engine,
                where,
                seen,
                built,
                parents=(head,),
                description=description,
                # Another commit may have raised it above what we sealed: lowered, it
                # would bring the rows back to life that were committed there.
                floor=max(hi + 1, seen.floor),
                action="commit",
                refuse_dirty=False,
            )
            if commit is not None:
                start_purge(engine, seen.id)
                return commit
        seen = await engine.metadata.find_branch(seen.id)
        if seen is None:
            raise RefNotFoundError(repository, branch, what="branch")
        _check_still_ours(first, seen, hi, allow_empty=allow_empty)
    raise RefMovedError(branch)


def _check_still_ours(
    first: Branch, now: Branch, hi: int, *, allow_empty: bool
) -> None:
    """Return if changes that this commit sealed may still be live.

    Raises:
        NothingToCommitError: another commit, or a reset, took them.
    """
    if now.resets != first.resets:
        raise NothingToCommitError("the staged changes were reset meanwhile")
    if now.floor > hi and first.floor <= hi and not allow_empty:
        raise NothingToCommitError(
            f"commit '{now.head.hex()}' took the staged changes meanwhile"
        )


async def _drop_sealed(engine: Engine, seen: Branch, hi: int) -> bool:
    """Make staged rows invisible that change nothing; tell whether the branch was so."""
    if seen.floor > hi:
        return True
    return await engine.metadata.write(
        lambda tx: tx.move_branch(
            seen,
            head=seen.head,
            floor=hi + 1,
            action="commit",
            actor="",
            now_ms=engine.clock(),
        )
    )


async def build_sealed(engine: Engine, head: Commit, seen: Branch, hi: int) -> Built:
    """Build the tree of `head` with the changes of epochs floor to `hi`, no lock held."""

    def build(nodes: NewNodes, traces: Traces) -> Tree:
        sealed = traces.follow(_iter_sealed(engine, seen, hi))
        return apply_changes(engine.nodes, nodes.sink, head.tree_id, sealed).tree

    return await build_nodes(engine, build)


def _iter_sealed(engine: Engine, seen: Branch, hi: int) -> Iterator[list[Change]]:
    """Yield the sealed changes of a branch in batches; blocks, for builder threads.

    Sealed rows never change, so pages of different moments fit together. Should another
    commit make them invisible meanwhile, the compare-and-set fails.
    """
    start, after = b"", False
    while seen.floor <= hi:
        page = engine.metadata.scan_staged_blocking(
            seen.id,
            epoch_min=seen.floor,
            epoch_max=hi,
            start=start,
            after=after,
            stop=None,
            limit=SCAN_ROWS,
        )
        if page:
            yield page
        if len(page) < SCAN_ROWS:
            return
        start, after = page[-1][0], True


async def get_commit(engine: Engine, repository: str, expression: str) -> Commit:
    """Return the commit that a ref expression resolves to.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
    """
    return (await resolve(engine, repository, expression)).commit
