"""What is left of a tree while several are walked side by side: diff and merge.

A frontier stands in front of its *head*: the next row, or the next subtree, which it
has not read. The walk compares heads. Where it can decide from what the parents say of
them, it takes them whole; otherwise it opens one and compares its children.

Promises:

1. Every path still ahead is greater than `low`.
2. `last` is the greatest path of the head, so the head covers no path outside
   (`low`, `last`].
3. Only `open` reads a node, and it reads one (the first one comes with the frontier).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from ..ids import NodeId
from .build import TreeBuilder
from .entry import PackedEntry
from .node import Inner, Leaf, Node

ROW = -1
"""Level of a head that is a row: below every node."""
END = -2
"""Level of the head when nothing is left."""


@dataclass(slots=True)
class Opened:
    """An inner node that was opened, and how far it is taken."""

    node: Inner
    child: int
    stop: int
    is_tail: bool


class Frontier:
    """The part of one tree, from `start` to `stop`, that has not been taken yet."""

    __slots__ = (
        "_opened",
        "_read",
        "_start",
        "_stop",
        "last",
        "leaf",
        "level",
        "low",
        "row",
        "row_stop",
    )

    def __init__(
        self,
        read: Callable[[NodeId], Node],
        root: NodeId | None,
        *,
        start: bytes = b"",
        stop: bytes | None = None,
    ) -> None:
        self._read = read
        self._start = start
        self._stop = stop
        self._opened: list[Opened] = []
        self.low = b""
        """Every path still ahead is greater."""
        self.last = b""
        """The greatest path of the head; of a row, its path."""
        self.level = END
        """Level of the head: of a node, or ROW, or END."""
        self.leaf: Leaf | None = None
        """The leaf of the head, where that is a row."""
        self.row = 0
        """The head's row in `leaf`."""
        self.row_stop = 0
        """The end of the rows of `leaf` that are ahead."""
        if root is not None:
            self._enter(read(root), is_tail=True)

    @property
    def children(self) -> Opened:
        """The inner node that the head is in, where the head is a node."""
        return self._opened[-1]

    @property
    def head_entry_count(self) -> int:
        """Entries that the head stands for."""
        if self.level == ROW:
            return 1
        top = self._opened[-1]
        return top.node.child(top.child).entry_count

    @property
    def packed(self) -> PackedEntry:
        """The packed entry of the head, which is a row."""
        assert self.leaf is not None
        return self.leaf.packed(self.row)

    def is_behind(self, path: bytes) -> bool:
        """Tell whether everything ahead is known to lie behind `path`."""
        if self.level >= 0:
            return self.low >= path
        return self.level == END or self.last > path

    def count_through(self, path: bytes) -> int:
        """Return how many heads, in the node that the head is in, end up to `path`."""
        if self.leaf is not None:
            paths, start, stop = self.leaf.paths, self.row, self.row_stop
        else:
            top = self._opened[-1]
            paths, start, stop = top.node.last_paths, top.child, top.stop
        return bisect_right(paths, path, start, stop) - start

    def take(self, count: int = 1) -> bytes:
        """Take the head and those behind it in its node, `count`; return the last path."""
        if self.leaf is not None:
            self.row += count
            self.low = self.leaf.paths[self.row - 1]
        else:
            top = self._opened[-1]
            top.child += count
            self.low = top.node.last_paths[top.child - 1]
        taken = self.low
        self._settle()
        return taken

    def bring(self, builder: TreeBuilder, count: int) -> None:
        """Bring the head and those behind it in its node, `count`, to `builder`."""
        if self.leaf is not None:
            builder.add_rows(self.leaf.rows(self.row, self.row + count))
        else:
            top = self._opened[-1]
            builder.link_children(
                top.node, top.child, top.child + count, is_tail=top.is_tail
            )

    def open(self) -> None:
        """Read the head, a node, and stand in front of what is first in it."""
        top = self._opened[-1]
        node_id = top.node.child_id(top.child)
        top.child += 1
        is_tail = top.is_tail and top.child == len(top.node.last_paths)
        self._enter(self._read(node_id), is_tail)

    def _enter(self, node: Node, is_tail: bool) -> None:
        match node:
            case Leaf():
                self.leaf = node
                self.row = bisect_left(node.paths, self._start)
                self.row_stop = len(node.paths)
                if self._stop is not None:
                    self.row_stop = bisect_left(node.paths, self._stop)
            case Inner():
                first = bisect_left(node.last_paths, self._start)
                stop = len(node.last_paths)
                if self._stop is not None:
                    stop = min(stop, bisect_left(node.last_paths, self._stop) + 1)
                self._opened.append(Opened(node, first, stop, is_tail))
        self._settle()

    def _settle(self) -> None:
        """Find the head again after something was taken or opened."""
        if self.leaf is not None:
            if self.row < self.row_stop:
                self.level = ROW
                self.last = self.leaf.paths[self.row]
                return
            self.leaf = None
        while self._opened:
            top = self._opened[-1]
            if top.child < top.stop:
                if top.child:
                    self.low = max(self.low, top.node.last_paths[top.child - 1])
                self.level = top.node.level - 1
                self.last = top.node.last_paths[top.child]
                return
            self._opened.pop()
        self.level = END


def count_same(one: Frontier, other: Frontier) -> int:
    """Return how many heads of both, in the nodes they are in, have the same content.

    Rows are the same if path and identity are, subtrees if the content id is.
    """
    if one.leaf is not None and other.leaf is not None:
        return _count_same_rows(one.leaf, one.row, one.row_stop, other)
    if one.level < 0 or one.level != other.level:
        return 0
    mine, others = one.children, other.children
    return _count_same_ids(mine.node.content_ids, mine, others.node.content_ids, others)


def count_identical(one: Frontier, other: Frontier) -> int:
    """Return how many subtrees at both heads are the same nodes, to the last byte."""
    if one.level < 0 or one.level != other.level:
        return 0
    mine, others = one.children, other.children
    return _count_same_ids(mine.node.child_ids, mine, others.node.child_ids, others)


def _count_same_ids(mine: bytes, one: Opened, others: bytes, other: Opened) -> int:
    shift = other.child - one.child

    def equal(start: int, stop: int) -> bool:
        first, last = one.child + start, one.child + stop
        return (
            mine[first * 32 : last * 32]
            == others[(first + shift) * 32 : (last + shift) * 32]
        )

    return _gallop(equal, min(one.stop - one.child, other.stop - other.child))


def _count_same_rows(leaf: Leaf, row: int, row_stop: int, other: Frontier) -> int:
    other_leaf, other_row = other.leaf, other.row
    assert other_leaf is not None

    def equal(start: int, stop: int) -> bool:
        return _same_rows(
            leaf, row + start, other_leaf, other_row + start, stop - start
        )

    return _gallop(equal, min(row_stop - row, other.row_stop - other_row))


def _gallop(equal: Callable[[int, int], bool], limit: int) -> int:
    """Return how many of the first `limit` things are equal, before the first that is not.

    `equal(start, stop)` tells whether all from `start` to `stop` (without it) are; it
    compares whole slices, so that a long run costs a few calls and a short one too.
    """
    known = 0
    step = 1
    while known < limit:
        stop = min(limit, known + step)
        if not equal(known, stop):
            break
        known = stop
        step *= 2
    else:
        return limit
    # Equal up to `known`, unequal somewhere before `stop`.
    stop = min(limit, known + step)
    while stop - known > 1:
        middle = (known + stop) // 2
        if equal(known, middle):
            known = middle
        else:
            stop = middle
    return known


def _same_rows(
    one: Leaf, one_row: int, other: Leaf, other_row: int, count: int
) -> bool:
    """Tell whether `count` rows of two leaves have the same paths and identities."""
    if (
        one.blob_ids[one_row * 32 : (one_row + count) * 32]
        != other.blob_ids[other_row * 32 : (other_row + count) * 32]
        or one.paths[one_row : one_row + count]
        != other.paths[other_row : other_row + count]
    ):
        return False
    if not one.extras and not other.extras:
        return True
    return all(
        one.extras.get(one_row + row) == other.extras.get(other_row + row)
        for row in range(count)
    )
