"""Which commit last changed each path: a page of a tree, each item with its commit.

History is walked from the ref down, once for the whole page. At each commit what is
still open is compared with the parents: what a parent has the same is passed on to that
parent, what differs from all of them was changed here. A merge that only took over what
one side had is thus never to blame.

The work of one page is bounded. What is not found within it comes with the commit where
the search stopped: the answer there is the answer here, so the caller may go on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ..errors import ObjectNotFoundError
from ..history.commit import Commit
from ..history.step import CommitStep
from ..history.traces import Wanted
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
from .steps import StepWalk, place_of

COMMITS_MAX = 2000
"""Commits whose trees are compared for one page: about a second of one core. Only those
have to be that left a trace of something that is open."""
STEPS_MAX = 300_000
"""Commits passed for one page: as many as `logs.py` passes."""


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """What is open: a path, or all that begins with a prefix."""

    path: bytes
    is_prefix: bool

    def covers(self, path: bytes) -> bool:
        """Tell whether `path` is it or lies below it."""
        return path.startswith(self.path) if self.is_prefix else path == self.path

    def wanted(self) -> Wanted:
        """Return what tells by the traces of a commit whether it may have changed it."""
        name = (self.path,)
        return Wanted((), name) if self.is_prefix else Wanted(name, ())


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
        commits_max: the most commits whose trees are compared.

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
        steps = StepWalk(snapshot, version.repository.id, place_of(start))
        walk = _Walk(engine.nodes, history, commits_max)
        return BlamePage(tuple(await walk.run(steps, start, items)), next_after)

    return await engine.metadata.snapshot(action)


def _is_there(source: NodeSource, tree: NodeId, item: Item) -> bool:
    if item.is_prefix:
        return measure_prefix(source, tree, item.path).entry_count > 0
    return find(source, tree, item.path) is not None


class _Walk:
    """Passes open items down the history, until each is found or the work is enough."""

    def __init__(
        self, source: NodeSource, history: RepositoryCommits, commits_max: int
    ) -> None:
        self._source = source
        self._history = history
        self._trees_left = commits_max
        self._open: dict[CommitId, set[Item]] = {}
        self._found: list[Blamed] = []

    async def run(
        self, walk: StepWalk, start: Commit, items: Sequence[Item]
    ) -> list[Blamed]:
        """Return each of `items`, which are at `start`, with its commit."""
        wanted = {item: item.wanted() for item in items}
        steps_left = STEPS_MAX
        self._pass_on(start.id, set(items))
        async with aclosing(walk.iter()) as steps:
            async for step in steps:
                if not self._open or steps_left <= 0 or self._trees_left <= 0:
                    break
                steps_left -= 1
                here = self._open.pop(step.id, None)
                if here is None:
                    continue
                maybe = here
                if step.parents and step.traces is not None:
                    maybe = {one for one in here if wanted[one].may_be_in(step.traces)}
                    # The rest is as at the first parent.
                    self._pass_on(step.parent_ids[0], here - maybe)
                if maybe:
                    await self._look(step, maybe)
        for commit_id, rest in self._open.items():
            await self._settle(commit_id, rest, is_found=False)
        return sorted(self._found, key=lambda blamed: blamed.path)

    async def _look(self, step: CommitStep, items: set[Item]) -> None:
        """Ask the trees which of `items` a commit changed; pass the others on."""
        self._trees_left -= 1
        commit = await self._history.get(step.id)
        for parent_id in step.parent_ids:
            # The first parent that has the same takes it on, as Git's log does.
            parent = await self._history.get(parent_id)
            changed = changed_among(
                self._source, parent.tree_id, commit.tree_id, sorted(items)
            )
            self._pass_on(parent_id, items - changed)
            items = changed
            if not items:
                return
        await self._settle(step.id, items, is_found=True)

    def _pass_on(self, commit_id: CommitId, items: set[Item]) -> None:
        if items:
            self._open.setdefault(commit_id, set()).update(items)

    async def _settle(
        self, commit_id: CommitId, items: set[Item], *, is_found: bool
    ) -> None:
        commit = await self._history.get(commit_id)
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
