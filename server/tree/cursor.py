"""Read the rows of a tree in order, from any path on.

A cursor remembers the nodes on the way to its row, so that a seek further on reads only
nodes below the last one that covers both places: at most one a level.

`RowCursor` is what a listing needs of its rows. A tree's cursor keeps it; so can one
that lays staged changes over a tree.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Protocol

from ..ids import NodeId
from .node import Inner, Leaf, Node, Row
from .source import NodeSource


class RowCursor(Protocol):
    """Rows in ascending byte order of their paths, and a place among them."""

    def seek(self, path: bytes) -> None:
        """Go to the first row whose path is `path` or behind it, forwards or back."""
        ...

    def take(self, limit: int) -> list[Row]:
        """Return rows from the place on and go behind them.

        At least one row if there is any, at most `limit`: it may stop early where more
        rows cost another read.
        """
        ...


class Cursor:
    """The rows of the tree `root`, in ascending byte order; it starts at the first."""

    def __init__(self, source: NodeSource, root: NodeId) -> None:
        self._source = source
        self._root = root
        # Inner nodes from the root down, with the child that is next after this one.
        self._above: list[tuple[Inner, int]] = []
        self._leaf: Leaf | None = None
        self._row = 0
        self._root_node: Node | None = None

    def seek(self, path: bytes) -> None:
        """Go to the first row whose path is `path` or behind it, forwards or back."""
        if not self._is_ahead(path):
            self._restart(path)
            return
        leaf = self._leaf
        if leaf is not None and path <= leaf.last_path:
            self._row = bisect_left(leaf.paths, path, self._row)
            return
        self._leaf = None
        while self._above:
            inner, child = self._above.pop()
            if path <= inner.last_path:
                self._descend(inner, path, child)
                return

    def take(self, limit: int, before: bytes | None = None) -> list[Row]:
        """Return up to `limit` rows of one leaf and go behind them; [] at the end.

        `before` ends them before that path.
        """
        leaf = self._settle()
        if leaf is None or limit <= 0:
            return []
        stop = min(len(leaf.paths), self._row + limit)
        if before is not None:
            stop = bisect_left(leaf.paths, before, self._row, stop)
        rows = leaf.rows(self._row, stop)
        self._row = stop
        return rows

    def peek_path(self) -> bytes | None:
        """Return the path of the row at the place, None at the end; stays there."""
        leaf = self._settle()
        return None if leaf is None else leaf.paths[self._row]

    def skip(self) -> None:
        """Go behind the row at the place, unread; there must be one."""
        self._row += 1

    def peek(self) -> Row | None:
        """Return the row at the place, None at the end; stays there."""
        leaf = self._settle()
        if leaf is None:
            return None
        return leaf.paths[self._row], leaf.packed(self._row)

    def rows(self, stop: bytes | None = None) -> Iterator[Row]:
        """Yield rows from the place on in ascending order, before `stop` if given."""
        while (leaf := self._settle()) is not None:
            end = len(leaf.paths)
            if stop is not None and stop <= leaf.last_path:
                end = bisect_left(leaf.paths, stop, self._row)
            if end == self._row:
                return
            # One leaf at a time, and the place moves first: whoever stops in the
            # middle of the generator finds the cursor behind the leaf's rows.
            rows, self._row = leaf.rows(self._row, end), end
            yield from rows

    def _is_ahead(self, path: bytes) -> bool:
        """Tell whether `path` is not before the place; cheap, and may say no."""
        if self._leaf is None:
            return False
        if self._row < len(self._leaf.paths):
            return self._leaf.paths[self._row] <= path
        return self._leaf.last_path < path

    def _restart(self, path: bytes) -> None:
        if self._root_node is None:
            self._root_node = self._source.get(self._root)
        self._above = []
        self._leaf = None
        self._descend(self._root_node, path, 0)

    def _descend(self, node: Node, path: bytes, first_child: int) -> None:
        """Go to the first row of `node` at `path` or behind, if it has one."""
        while isinstance(node, Inner):
            child = bisect_left(node.last_paths, path, first_child)
            if child == len(node.last_paths):
                return
            self._above.append((node, child + 1))
            node = self._source.get(node.child_id(child))
            first_child = 0
        self._leaf = node
        self._row = bisect_left(node.paths, path)

    def _settle(self) -> Leaf | None:
        """Return the leaf of the place, the next one if it is behind a leaf's rows."""
        if self._root_node is None:
            self._restart(b"")
        if self._leaf is not None and self._row < len(self._leaf.paths):
            return self._leaf
        while self._above:
            inner, child = self._above.pop()
            if child < len(inner.last_paths):
                self._descend(inner, b"", child)
                return self._leaf
        return None
