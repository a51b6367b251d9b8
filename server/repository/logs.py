"""The log: commits that a ref descends from, filtered and paged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ..errors import InvalidValueError
from ..history.commit import Commit
from ..history.walk import iter_ancestors
from ..ids import NodeId
from ..refs.store import Repository
from ..tree.diff import diff_trees
from ..tree.lookup import find
from .engine import Engine
from .first_tree import EMPTY_TREE_ID
from .paging import Page, check_limit
from .resolving import resolve, resolve_in

FILTERS_MAX = 100
"""Paths and prefixes of one log: each costs two look-ups a commit."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which ancestors a log shows."""

    first_parent: bool = False
    """Follow only the first parent of each commit: the branch's own history."""
    since_ms: int | None = None
    """Leave out commits made before."""
    stop_at: str | None = None
    """Show nothing behind this commit (it is the last one shown)."""
    paths: Sequence[bytes] = ()
    """Show only commits that changed one of these paths,"""
    prefixes: Sequence[bytes] = ()
    """or a path below one of these prefixes."""


async def list_log(
    engine: Engine,
    repository: str,
    ref: str,
    *,
    after: str | None = None,
    limit: int,
    where: LogFilter | None = None,
) -> Page[Commit]:
    """Return a page of the ancestors of `ref`, itself first, each before its parents.

    `after` is the id of the last commit of the page before.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
        InvalidValueError: too many paths, or `after` is not in the log.
    """
    where = where or LogFilter()
    check_limit(limit)
    if len(where.paths) + len(where.prefixes) > FILTERS_MAX:
        raise InvalidValueError("objects", f"a log takes at most {FILTERS_MAX} paths")
    start = await resolve(engine, repository, ref)
    stop_at = None
    if where.stop_at is not None:
        stop_at = (await resolve_in(engine, start.repository, where.stop_at)).commit.id
    found: list[Commit] = []
    is_after = after is None
    commits = iter_ancestors(
        engine.history(start.repository),
        [start.commit.id],
        first_parent=where.first_parent,
    )
    async with aclosing(commits):
        async for commit in commits:
            if is_after:
                if await _is_shown(engine, start.repository, commit, where):
                    found.append(commit)
                if len(found) > limit:
                    break
            elif commit.id.hex() == after:
                is_after = True
            if commit.id == stop_at:
                break
    if not is_after:
        raise InvalidValueError(
            "after", f"cannot go on after '{after}': not in the log"
        )
    if len(found) <= limit:
        return Page(tuple(found), None)
    return Page(tuple(found[:limit]), found[limit - 1].id.hex())


async def _is_shown(
    engine: Engine, repository: Repository, commit: Commit, where: LogFilter
) -> bool:
    """Tell whether `commit` is young enough and changed what the filter asks for.

    A merge changed it if it differs there from each of its parents: what it only took
    over was done by the commits that it merged.
    """
    if where.since_ms is not None and commit.created_ms < where.since_ms:
        return False
    if not where.paths and not where.prefixes:
        return True
    history = engine.history(repository)
    parents = [await history.get(parent) for parent in commit.parents]

    def differs_from_all() -> bool:
        trees = [parent.tree_id for parent in parents] or [EMPTY_TREE_ID]
        return all(_differs(engine, tree, commit.tree_id, where) for tree in trees)

    return await asyncio.to_thread(differs_from_all)


def _differs(engine: Engine, old: NodeId, new: NodeId, where: LogFilter) -> bool:
    if old == new:
        return False
    for path in where.paths:
        if find(engine.nodes, old, path) != find(engine.nodes, new, path):
            return True
    return any(
        next(diff_trees(engine.nodes, old, new, prefix=prefix), None) is not None
        for prefix in where.prefixes
    )
