"""Walks over the graph of commits: ancestors in order, merge base.

Everything goes by generation: a commit's is higher than that of any ancestor, so a heap
on (generation descending, id) pops each commit after all of its descendants, whatever
the clocks of the committers said (P16).
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from ..ids import CommitId
from .commit import Commit

_OURS, _THEIRS = 1, 2


class CommitReader(Protocol):
    """Reads the commits of one repository."""

    async def get(self, commit_id: CommitId) -> Commit:
        """Return a commit.

        Raises:
            CorruptDataError: history refers to a commit that is not there.
        """
        ...


async def iter_ancestors(
    commits: CommitReader, start: Sequence[CommitId], *, first_parent: bool = False
) -> AsyncGenerator[Commit]:
    """Yield `start` and all ancestors, each once, every commit before its parents."""
    heap: list[tuple[int, CommitId]] = []
    waiting: dict[CommitId, Commit] = {}

    async def push(commit_id: CommitId) -> None:
        # A commit already popped cannot come again: its descendants all came before.
        if commit_id not in waiting:
            commit = await commits.get(commit_id)
            waiting[commit_id] = commit
            heapq.heappush(heap, (-commit.generation, commit_id))

    for commit_id in start:
        await push(commit_id)
    while heap:
        commit = waiting.pop(heapq.heappop(heap)[1])
        yield commit
        for parent in commit.parents[:1] if first_parent else commit.parents:
            await push(parent)


async def find_merge_base(
    commits: CommitReader, ours: CommitId, theirs: CommitId
) -> Commit | None:
    """Return the best common ancestor of two commits, or None if they share none.

    Of several it is the one of the highest generation, and of those the one with the
    smallest id, so that every server finds the same. Reads the commits above it.
    """
    sides: dict[CommitId, int] = {}
    known: dict[CommitId, Commit] = {}
    heap: list[tuple[int, CommitId]] = []

    async def reach(commit_id: CommitId, side: int) -> None:
        if commit_id not in sides:
            commit = await commits.get(commit_id)
            known[commit_id] = commit
            sides[commit_id] = 0
            heapq.heappush(heap, (-commit.generation, commit_id))
        sides[commit_id] |= side

    await reach(ours, _OURS)
    await reach(theirs, _THEIRS)
    while heap:
        commit_id = heapq.heappop(heap)[1]
        # Not held any longer: a commit may have 128 KiB of message and metadata.
        commit = known.pop(commit_id)
        # All descendants were popped before, so the sides of this one are complete.
        if sides[commit_id] == _OURS | _THEIRS:
            return commit
        for parent in commit.parents:
            await reach(parent, sides[commit_id])
    return None


async def is_ancestor(
    commits: CommitReader, ancestor: Commit, descendant: CommitId
) -> bool:
    """Tell whether `ancestor` is `descendant` or one of its ancestors."""
    async for commit in iter_ancestors(commits, [descendant]):
        if commit.id == ancestor.id:
            return True
        if commit.generation < ancestor.generation:
            return False
    return False
