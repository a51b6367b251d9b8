"""The log: commits that a ref descends from, filtered and paged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ..errors import CorruptDataError, InvalidValueError
from ..history.commit import Commit, decode_commit
from ..history.step import CommitStep
from ..history.traces import Wanted
from ..ids import CommitId, NodeId
from ..refs.store import Repository
from ..tree.diff import diff_trees
from ..tree.lookup import find
from .contracts import Snapshot
from .engine import Engine
from .first_tree import EMPTY_TREE_ID
from .paging import Page, check_limit
from .resolving import resolve, resolve_in
from .steps import Place, StepWalk, place_of

_FULL_ID = re.compile("[0-9a-f]{64}", re.ASCII)

FILTERS_MAX = 100
"""Paths and prefixes of one log: each is compared with the traces of every commit."""

STEPS_MAX = 300_000
"""Commits that one page looks at: about a second of one core. What it has not found by
then, the next page goes on to look for."""

TREES_MAX = 5000
"""Commits whose trees one page compares with their parents': about a second too. Only
those have to be that may have changed what is asked for."""


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

    `after` is where the page before says that it goes on: the id of a commit. A page may
    have fewer commits than `limit`, or none, and not be the last.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
        InvalidValueError: too many paths, or `after` is not in the log.
    """
    where = where or LogFilter()
    check_limit(limit)
    if len(where.paths) + len(where.prefixes) > FILTERS_MAX:
        raise InvalidValueError("objects", f"a log takes at most {FILTERS_MAX} paths")

    async def action(snapshot: Snapshot) -> Page[Commit]:
        start = await resolve(engine, repository, ref, reader=snapshot)
        stop_at: CommitId | None = None
        if where.stop_at is not None:
            stop = await resolve_in(
                engine, start.repository, where.stop_at, reader=snapshot
            )
            stop_at = stop.commit.id
        log = _Log(engine, snapshot, start.repository, where, stop_at)
        return await log.read_page(start.commit, after, limit)

    return await engine.metadata.snapshot(action)


class _Log:
    """Reads one page of a log on one state of the database."""

    def __init__(
        self,
        engine: Engine,
        snapshot: Snapshot,
        repository: Repository,
        where: LogFilter,
        stop_at: CommitId | None,
    ) -> None:
        self._engine = engine
        self._snapshot = snapshot
        self._repository = repository
        self._where = where
        self._stop_at = stop_at
        self._history = engine.history(repository, snapshot)
        self._wanted: Wanted | None = None
        if where.paths or where.prefixes:
            self._wanted = Wanted(where.paths, where.prefixes)
        self._trees_left = TREES_MAX

    async def read_page(
        self, start: Commit, after: str | None, limit: int
    ) -> Page[Commit]:
        """Return up to `limit` commits from `start` on, or behind `after`."""
        walk = await self._find_place(start, after)
        # Of the last page: to be met first, unless the walk begins behind it.
        skip_to = after if walk is None else None
        walk = walk or self._walk(place_of(start))
        found: list[CommitId] = []
        end: tuple[CommitId, Place] | None = None
        has_more = False
        steps_left = STEPS_MAX
        async with aclosing(walk.iter()) as steps:
            async for step in steps:
                if skip_to is not None:
                    if step.id.hex() == skip_to:
                        skip_to = None
                elif await self._is_shown(step):
                    if len(found) == limit:
                        has_more = True
                        break
                    found.append(step.id)
                    if len(found) == limit:
                        end = step.id, walk.place_behind(step)
                if step.id == self._stop_at:
                    break
                steps_left -= 1
                if skip_to is None and (steps_left <= 0 or self._trees_left <= 0):
                    end = end or (step.id, walk.place_behind(step))
                    has_more = True
                    break
        if skip_to is not None:
            raise _not_in_log(after)
        commits = tuple(await self._read(found))
        if not has_more or end is None:
            return Page(commits, None)
        next_after = end[0].hex()
        key = (start.id, self._where.first_parent, next_after)
        self._engine.log_places.keep(key, end[1])
        return Page(commits, next_after)

    def _walk(self, place: Place) -> StepWalk:
        return StepWalk(
            self._snapshot,
            self._repository.id,
            place,
            first_parent=self._where.first_parent,
        )

    async def _find_place(self, start: Commit, after: str | None) -> StepWalk | None:
        """Return a walk from behind `after`, None if one has to go there first.

        Raises:
            InvalidValueError: the repository has no such commit.
        """
        if after is None:
            return None
        key = (start.id, self._where.first_parent, after)
        place = self._engine.log_places.find(key)
        if place is not None:
            return self._walk(place)
        is_known = _FULL_ID.fullmatch(after) and await self._snapshot.find_commit_ids(
            self._repository.id, after, limit=1
        )
        if not is_known:
            raise _not_in_log(after)
        return None

    async def _is_shown(self, step: CommitStep) -> bool:
        """Tell whether a commit is young enough and changed what the filter asks for.

        A merge changed it if it differs there from each of its parents: what it only
        took over was done by the commits that it merged.
        """
        where = self._where
        if where.since_ms is not None and step.created_ms < where.since_ms:
            return False
        if self._wanted is None:
            return True
        if not self._wanted.may_be_in(step.traces):
            return False
        self._trees_left -= 1
        tree_id = (await self._history.get(step.id)).tree_id
        parents = [(await self._history.get(one)).tree_id for one in step.parent_ids]
        return all(
            _differs(self._engine, old, tree_id, where)
            for old in parents or [EMPTY_TREE_ID]
        )

    async def _read(self, ids: Sequence[CommitId]) -> list[Commit]:
        """Return the commits of `ids`, those that are not kept in one trip."""
        cache = self._engine.commits
        kept = {commit_id: cache.find(commit_id) for commit_id in ids}
        missing = [commit_id for commit_id, commit in kept.items() if commit is None]
        rows = await self._snapshot.find_commits(self._repository.id, missing)
        for commit_id, row in zip(missing, rows, strict=True):
            commit = None if row is None else decode_commit(row.record)
            if commit is None or commit.id != commit_id:
                raise CorruptDataError(
                    f"commit '{commit_id.hex()}' of '{self._repository.name}' is "
                    f"{'missing' if commit is None else 'damaged'}"
                )
            cache.keep(commit)
            kept[commit_id] = commit
        return [commit for commit in kept.values() if commit is not None]


def _not_in_log(after: str | None) -> InvalidValueError:
    return InvalidValueError("after", f"cannot go on after '{after}': not in the log")


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
