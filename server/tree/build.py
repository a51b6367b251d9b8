"""Build a tree from a stream of rows and of subtrees of other trees.

The result is a function of the set of entries alone (`cut.py`): whoever brings the same
rows, in whatever mixture of single rows and linked subtrees, gets the same root.

A subtree may be linked, unread, only where the builder stands at a cut on its level and
on every level below, because its own cuts were made from there. Elsewhere the builder
opens it and brings its children one by one, until their cuts and its own fall into step.
The nodes at the right edge of a tree, its *tail*, end where the entries end and not at a
cut. One of them may be linked only as the very last of the stream, so the builder holds
it back, and opens it when something follows.

Memory is one unfinished node a level, and the rows of one call.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import cast

from ..ids import NodeId, hash_node
from .codec import encode_node
from .cut import VERSION_1, CutRule, find_cuts
from .entry import PackedEntry
from .node import (
    CHILD,
    Inner,
    Leaf,
    Node,
    NodeRef,
    PackedChild,
    Row,
    Tree,
    make_inner,
    make_leaf,
)
from .source import NodeSink, NodeSource


@dataclass(slots=True)
class _Pending:
    """Rows of the node of one level that is not finished yet."""

    paths: list[bytes] = field(default_factory=list[bytes])
    packed: list[bytes] = field(default_factory=list[bytes])


class TreeBuilder:
    """Takes rows and subtrees in ascending order of paths, and writes a tree."""

    def __init__(
        self, source: NodeSource, sink: NodeSink, *, rule: CutRule = VERSION_1
    ) -> None:
        self._source = source
        self._sink = sink
        self._rule = rule
        self._levels = [_Pending()]
        self._tail: NodeRef | None = None
        self._last_path = b""
        # Ids that need no writing: read from the source, or written already.
        self._stored: set[NodeId] = set()
        self._written: set[NodeId] = set()

    def read(self, node_id: NodeId) -> Node:
        """Return a node of the source; one that is built equal is not written again."""
        self._stored.add(node_id)
        return self._source.get(node_id)

    def add_rows(self, rows: Sequence[Row]) -> None:
        """Take `rows`, whose paths ascend and follow on what was taken before.

        Raises:
            ValueError: they do not.
        """
        if rows:
            paths = [row[0] for row in rows]
            self._advance(paths[0], paths[-1])
            # Nodes check their own rows; this also looks across their ends.
            if not all(map(operator.lt, paths, islice(paths, 1, None))):
                raise ValueError("rows do not ascend")
            self._open_tail()
            self._feed(0, paths, [row[1] for row in rows])

    def link(self, ref: NodeRef, *, is_tail: bool = False) -> None:
        """Take the whole subtree `ref`, unread where that is possible.

        Args:
            ref: a subtree whose paths follow on what was taken before.
            is_tail: `ref` lies at the right edge of its tree.
        """
        self._advance(ref.last_path, ref.last_path)
        self._open_tail()
        self._link(ref, is_tail)

    def link_children(
        self, node: Inner, start: int, stop: int, *, is_tail: bool
    ) -> None:
        """Take the children `start` to `stop` (without it) of `node`.

        Args:
            node: an inner node.
            start: the first child to take.
            stop: the child to stop before.
            is_tail: `node` lies at the right edge of its tree.
        """
        if start < stop:
            self._advance(node.last_paths[start], node.last_paths[stop - 1])
            self._open_tail()
            self._link_children(node, start, stop, is_tail)

    def finish(self) -> Tree:
        """Write what is left and return the tree; the builder is used up."""
        if self._tail is not None:
            ref, self._tail = self._tail, None
            self._feed(ref.level + 1, [ref.last_path], [ref.pack()])
        level = 0
        while True:
            pending = self._levels[level]
            is_top = level + 1 == len(self._levels)
            if is_top and level and len(pending.paths) == 1:
                return self._root(level - 1, pending.paths[0], pending.packed[0])
            if pending.paths or is_top:
                last_path = pending.paths[-1] if pending.paths else b""
                packed = self._emit(level)
                if not last_path:
                    return self._root(0, b"", packed)
                self._feed(level + 1, [last_path], [packed])
            level += 1

    def _root(self, level: int, last_path: bytes, packed: bytes) -> Tree:
        ref = _unpack_child(level, last_path, packed)
        # A linked subtree may be taller than what is left of its tree needs.
        while ref.level and ref.node_id not in self._written:
            node = self.read(ref.node_id)
            if not isinstance(node, Inner) or len(node.last_paths) > 1:
                break
            ref = node.child(0)
        return Tree(
            ref.node_id, ref.content_id, ref.level, ref.entry_count, ref.byte_total
        )

    def _advance(self, first_path: bytes, last_path: bytes) -> None:
        if first_path <= self._last_path:
            raise ValueError(f"{first_path!r} does not follow {self._last_path!r}")
        self._last_path = last_path

    def _stands_at_cut(self, level: int) -> bool:
        """Tell whether no node of `level` or below is unfinished."""
        return not any(pending.paths for pending in self._levels[: level + 1])

    def _open_tail(self) -> None:
        """Bring what is in the tail that was held back, since something follows."""
        while self._tail is not None:
            ref, self._tail = self._tail, None
            self._open(ref, is_tail=True)

    def _link(self, ref: NodeRef, is_tail: bool) -> None:
        if not self._stands_at_cut(ref.level):
            self._open(ref, is_tail)
        elif is_tail:
            self._tail = ref
        else:
            self._feed(ref.level + 1, [ref.last_path], [ref.pack()])

    def _open(self, ref: NodeRef, is_tail: bool) -> None:
        match self.read(ref.node_id):
            case Leaf() as leaf:
                packed = leaf.packed_rows(0, len(leaf.paths))
                self._feed(0, leaf.paths, packed)
            case Inner() as inner:
                self._link_children(inner, 0, len(inner.last_paths), is_tail)

    def _link_children(self, node: Inner, start: int, stop: int, is_tail: bool) -> None:
        while start < stop and not self._stands_at_cut(node.level - 1):
            self._link(node.child(start), is_tail and start + 1 == len(node.last_paths))
            start += 1
        if start == stop:
            return
        # In step: what is whole goes in at once.
        holds_tail = is_tail and stop == len(node.last_paths)
        whole = stop - 1 if holds_tail else stop
        if start < whole:
            self._feed(
                node.level,
                node.last_paths[start:whole],
                node.packed_rows(start, whole),
            )
        if holds_tail:
            self._link(node.child(stop - 1), is_tail)

    def _feed(
        self, level: int, paths: Sequence[bytes], packed: Sequence[bytes]
    ) -> None:
        """Take rows of nodes of `level`; finish the nodes that end among them."""
        if not paths:
            return
        while level >= len(self._levels):
            self._levels.append(_Pending())
        pending = self._levels[level]
        cuts = find_cuts(paths, level, self._rule.sizes(level), len(pending.paths))
        finished_paths: list[bytes] = []
        finished: list[bytes] = []
        start = 0
        for cut in cuts:
            pending.paths += paths[start:cut]
            pending.packed += packed[start:cut]
            finished_paths.append(pending.paths[-1])
            finished.append(self._emit(level))
            start = cut
        pending.paths += paths[start:]
        pending.packed += packed[start:]
        self._feed(level + 1, finished_paths, finished)

    def _emit(self, level: int) -> PackedChild:
        """Write the unfinished node of `level` as it is; return its parent's row."""
        pending = self._levels[level]
        node: Node
        if level:
            children = cast("list[PackedChild]", pending.packed)
            node = make_inner(level, pending.paths, children)
        else:
            node = make_leaf(pending.paths, cast("list[PackedEntry]", pending.packed))
        pending.paths.clear()
        pending.packed.clear()
        encoded = encode_node(node)
        node_id = hash_node(encoded.data)
        self._written.add(node_id)
        if node_id not in self._stored:
            self._stored.add(node_id)
            self._sink.put(node_id, encoded.data, node)
        return PackedChild(
            CHILD.pack(node_id, encoded.content_id, node.entry_count, node.byte_total)
        )


def _unpack_child(level: int, last_path: bytes, packed: bytes) -> NodeRef:
    node_id, content_id, entry_count, byte_total = CHILD.unpack(packed)
    return NodeRef(level, node_id, content_id, last_path, entry_count, byte_total)
