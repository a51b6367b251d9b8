"""Compare two trees: what was added, removed or changed, in the order of paths.

The two are walked side by side and every pair of subtrees with one content id is
skipped, so the cost follows the changes: at most two nodes a change and level are read.
Entries are compared by identity, so another mtime or ETag of the same content is none.

Source of the idea: the tree diffs of Noms and Dolt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ..ids import NodeId
from .entry import PackedEntry
from .frontier import END, ROW, Frontier, count_same
from .lookup import after_prefix
from .source import NodeSource


class ChangeKind(Enum):
    """What happened to a path from the left tree to the right."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """A path whose content is not the same in both trees."""

    path: bytes
    kind: ChangeKind
    left: PackedEntry | None
    """None if added."""
    right: PackedEntry | None
    """None if removed."""


@dataclass(frozen=True, slots=True)
class ChangeCounts:
    """How many paths of each kind there are."""

    added_count: int
    removed_count: int
    changed_count: int


def diff_trees(
    source: NodeSource,
    left: NodeId,
    right: NodeId,
    *,
    prefix: bytes = b"",
    start: bytes = b"",
    after: bytes = b"",
) -> Iterator[Difference]:
    """Yield what is different from the tree `left` to `right`, in order of paths.

    Lazy: nodes are read as the iterator advances.

    Args:
        source: where the nodes of both are.
        left: id of the tree before.
        right: id of the tree after.
        prefix: only paths that start with it.
        start: only paths from it on.
        after: only paths behind it: where an earlier page ended.
    """
    if left == right:
        return
    # The first byte string behind `after`; no path has a NUL.
    start = max(prefix, start, after + b"\0" if after else b"")
    stop = after_prefix(prefix)
    left_side = Frontier(source.get, left, start=start, stop=stop)
    right_side = Frontier(source.get, right, start=start, stop=stop)
    while (kind := _skip_equal(left_side, right_side)) is not None:
        match kind:
            case ChangeKind.REMOVED if left_side.level != ROW:
                left_side.open()
            case ChangeKind.REMOVED:
                yield Difference(left_side.last, kind, left_side.packed, None)
                left_side.take()
            case ChangeKind.ADDED if right_side.level != ROW:
                right_side.open()
            case ChangeKind.ADDED:
                yield Difference(right_side.last, kind, None, right_side.packed)
                right_side.take()
            case ChangeKind.CHANGED:
                yield Difference(
                    left_side.last, kind, left_side.packed, right_side.packed
                )
                left_side.take()
                right_side.take()


def count_changes(source: NodeSource, left: NodeId, right: NodeId) -> ChangeCounts:
    """Return how many paths are different from the tree `left` to `right`.

    A subtree that is on one side only is counted unread.
    """
    added_count = removed_count = changed_count = 0
    if left == right:
        return ChangeCounts(0, 0, 0)
    left_side = Frontier(source.get, left)
    right_side = Frontier(source.get, right)
    while (kind := _skip_equal(left_side, right_side)) is not None:
        match kind:
            case ChangeKind.REMOVED:
                removed_count += left_side.head_entry_count
                left_side.take()
            case ChangeKind.ADDED:
                added_count += right_side.head_entry_count
                right_side.take()
            case ChangeKind.CHANGED:
                changed_count += 1
                left_side.take()
                right_side.take()
    return ChangeCounts(added_count, removed_count, changed_count)


def _skip_equal(left: Frontier, right: Frontier) -> ChangeKind | None:
    """Take what is equal on both sides; return what the head then is, None at the end.

    If it was added or removed, it is the head of one side, a row or a whole subtree.
    If it was changed, it is the head of both, and a row.
    """
    while left.level != END and right.level != END:
        if right.is_behind(left.last):
            return ChangeKind.REMOVED
        if left.is_behind(right.last):
            return ChangeKind.ADDED
        if count := count_same(left, right):
            left.take(count)
            right.take(count)
        elif left.level == right.level == ROW:
            # Neither is behind the other: one path.
            return ChangeKind.CHANGED
        else:
            left_level, right_level = left.level, right.level
            if left_level >= right_level:
                left.open()
            if right_level >= left_level:
                right.open()
    if left.level != END:
        return ChangeKind.REMOVED
    return ChangeKind.ADDED if right.level != END else None
