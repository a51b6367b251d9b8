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

from ..ids import ContentId, NodeId
from .entry import PackedEntry
from .node import Inner, Leaf, Node, NodeRef, Row

ROW = -1
"""Level of a head that is a row: below every node."""
END = -2
"""Level of the head when nothing is left."""


@dataclass(slots=True)
class _Opened:
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
        self._opened: list[_Opened] = []
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
    def node_id(self) -> NodeId:
        """Id of the head, which is a node."""
        top = self._opened[-1]
        return top.node.child_id(top.child)

    @property
    def content_id(self) -> ContentId:
        """Content id of the head, which is a node."""
        top = self._opened[-1]
        return top.node.content_id(top.child)

    @property
    def ref(self) -> NodeRef:
        """The head, which is a node."""
        top = self._opened[-1]
        return top.node.child(top.child)

    @property
    def is_tail(self) -> bool:
        """Whether the head, a node, lies at the right edge of its tree."""
        top = self._opened[-1]
        return top.is_tail and top.child + 1 == len(top.node.last_paths)

    @property
    def head_entry_count(self) -> int:
        """Entries that the head stands for."""
        return 1 if self.level == ROW else self.ref.entry_count

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

    def take(self) -> None:
        """Take the head, whatever it is."""
        self.low = self.last
        if self.level == ROW:
            self.row += 1
        else:
            self._opened[-1].child += 1
        self._settle()

    def count_rows_through(self, path: bytes) -> int:
        """Return how many rows, from the head on, its leaf has up to `path`."""
        assert self.leaf is not None
        return bisect_right(self.leaf.paths, path, self.row, self.row_stop) - self.row

    def take_rows(self, count: int) -> None:
        """Take the head, a row, and the rows after it in its leaf: `count` of them."""
        assert self.leaf is not None
        self.row += count
        self.low = self.leaf.paths[self.row - 1]
        self._settle()

    def rows(self, count: int) -> list[Row]:
        """Return the head, a row, and the rows after it in its leaf: `count` of them."""
        assert self.leaf is not None
        return self.leaf.rows(self.row, self.row + count)

    def open(self) -> None:
        """Read the head, a node, and stand in front of what is first in it."""
        node_id, is_tail = self.node_id, self.is_tail
        self._opened[-1].child += 1
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
                self._opened.append(_Opened(node, first, stop, is_tail))
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


def gallop(equal: Callable[[int, int], bool], limit: int) -> int:
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


def same_rows(one: Leaf, one_row: int, other: Leaf, other_row: int, count: int) -> bool:
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
