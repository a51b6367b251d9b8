"""Which commit last changed each path: a page of a tree, each item with its commit.

History is walked from the ref down, once for the whole page. At each commit what is
still open is compared with the parents: what a parent has the same is passed on to that
parent, what differs from all of them was changed here. A merge that only took over what
one side had is thus never to blame.

The work of one page is bounded. What is not found within it comes with the commit where
the search stopped: the answer there is the answer here, so the caller may go on.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ObjectNotFoundError
from ..history.commit import Commit
from ..ids import CommitId, NodeId
from ..tree.cursor import Cursor
from ..tree.diff import diff_trees
from ..tree.listing import list_page
from ..tree.lookup import find, measure_prefix
from ..tree.source import NodeSource
from .contracts import Snapshot
from .engine import Engine, RepositoryCommits
from .paging import check_limit
from .resolving import resolve

COMMITS_MAX = 5000
"""Commits looked at for one page: about a second of one core. Half makes twice the
requests for a path that has not changed in years."""


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """What is open: a path, or all that begins with a prefix."""

    path: bytes
    is_prefix: bool

    def covers(self, path: bytes) -> bool:
        """Tell whether `path` is it or lies below it."""
        return path.startswith(self.path) if self.is_prefix else path == self.path


@dataclass(frozen=True, slots=True)
class Blamed:
    """A path or common prefix, and the commit that last changed it."""

    path: bytes
    is_prefix: bool
    commit: Commit
    is_found: bool
    """False: the search stopped at `commit`, which or an ancestor of which it is."""


@dataclass(frozen=True, slots=True)
class BlamePage:
    """A page of a tree with its commits, in byte order of the paths."""

    items: tuple[Blamed, ...]
    next_after: bytes | None
    """Where it goes on; None at the end."""


async def blame(
    engine: Engine,
    repository: str,
    ref: str,
    *,
    only: Item | None = None,
    prefix: bytes = b"",
    after: bytes = b"",
    delimiter: bytes = b"",
    limit: int,
    commits_max: int = COMMITS_MAX,
) -> BlamePage:
    """Return which commits last changed what is committed at `ref`.

    Args:
        engine: where.
        repository: name of the repository.
        ref: any ref expression; of a branch what is committed counts.
        only: this object or prefix alone; otherwise
        prefix: what lies below, a page of it
        after: behind this path or common prefix,
        delimiter: rolled up at its first place behind `prefix`.
        limit: the most items.
        commits_max: the most commits to look at.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
        ObjectNotFoundError: `only` is not there.
    """
    check_limit(limit)

    async def action(snapshot: Snapshot) -> BlamePage:
        version = await resolve(engine, repository, ref, reader=snapshot)
        start = version.require_data().commit
        next_after: bytes | None = None
        if only is not None:
            if not _is_there(engine.nodes, start.tree_id, only):
                raise ObjectNotFoundError(repository, ref, only.path.decode())
            items = [only]
        else:
            page = list_page(
                Cursor(engine.nodes, start.tree_id),
                prefix=prefix,
                after=after,
                delimiter=delimiter,
                limit=limit,
            )
            items = [Item(found.path, found.packed is None) for found in page.items]
            next_after = page.items[-1].path if page.is_truncated else None
        history = engine.history(version.repository, snapshot)
        walk = _Walk(engine.nodes, history, commits_max)
        return BlamePage(tuple(await walk.run(start, items)), next_after)

    return await engine.metadata.snapshot(action)


def _is_there(source: NodeSource, tree: NodeId, item: Item) -> bool:
    if item.is_prefix:
        return measure_prefix(source, tree, item.path).entry_count > 0
    return find(source, tree, item.path) is not None


class _Walk:
    def __init__(
        self, source: NodeSource, history: RepositoryCommits, commits_max: int
    ) -> None:
        self._source = source
        self._history = history
        self._commits_left = commits_max
        self._open: dict[CommitId, tuple[Commit, set[Item]]] = {}
        self._heap: list[tuple[int, CommitId]] = []
        self._found: list[Blamed] = []

    async def run(self, start: Commit, items: Sequence[Item]) -> list[Blamed]:
        if items:
            self._push(start, set(items))
        while self._heap and self._commits_left > 0:
            self._commits_left -= 1
            commit, open_items = self._open.pop(heapq.heappop(self._heap)[1])
            # The first parent that has the same takes it on, as Git's log does.
            for parent_id in commit.parents:
                parent = await self._history.get(parent_id)
                changed = changed_among(
                    self._source, parent.tree_id, commit.tree_id, sorted(open_items)
                )
                self._push(parent, open_items - changed)
                open_items = changed
                if not open_items:
                    break
            self._settle(commit, open_items, is_found=True)
        for commit, open_items in self._open.values():
            self._settle(commit, open_items, is_found=False)
        return sorted(self._found, key=lambda blamed: blamed.path)

    def _push(self, commit: Commit, items: set[Item]) -> None:
        if not items:
            return
        if commit.id not in self._open:
            self._open[commit.id] = (commit, set())
            # A commit comes after all of its descendants: see history/walk.py.
            heapq.heappush(self._heap, (-commit.generation, commit.id))
        self._open[commit.id][1].update(items)

    def _settle(self, commit: Commit, items: set[Item], *, is_found: bool) -> None:
        self._found += [
            Blamed(item.path, item.is_prefix, commit, is_found) for item in items
        ]


def changed_among(
    source: NodeSource, old: NodeId, new: NodeId, items: Sequence[Item]
) -> set[Item]:
    """Return those of `items` that are not the same in both trees.

    `items` ascend and none covers another. Reads the nodes at the edges of what changed
    among them, at most twice the height of the tree for each.
    """
    changed: set[Item] = set()
    row = 0
    while old != new and row < len(items):
        first = next(diff_trees(source, old, new, start=items[row].path), None)
        if first is None:
            break
        # The item that covers it, or the first one behind it.
        row = max(row, bisect_left(items, first.path, key=lambda one: one.path))
        for candidate in (row - 1, row):
            if 0 <= candidate < len(items) and items[candidate].covers(first.path):
                changed.add(items[candidate])
                row = candidate + 1
                break
    return changed
