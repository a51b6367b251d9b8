"""The tree of what lies below a prefix, with paths relative to it.

Its content id is the identity of a prefix: the same files are the same thing wherever
they lie, and whatever else lies beside them.
"""

from __future__ import annotations

from ..ids import NodeId
from .build import TreeBuilder
from .cursor import Cursor
from .lookup import after_prefix, read_tree
from .node import Node, Row, Tree
from .source import NodeSink, NodeSource

_ROWS_AT_ONCE = 2000


class NoSink:
    """Takes nodes of a tree of which only the ids are wanted."""

    def put(self, node_id: NodeId, data: bytes, node: Node) -> None:
        """Forget the node."""


def build_subtree(
    source: NodeSource, sink: NodeSink, root: NodeId, prefix: bytes
) -> Tree:
    """Build the tree of the entries of `root` that begin with `prefix`, without it.

    Reads each entry below the prefix; with an empty prefix it is the tree `root` itself,
    read only at its root. An entry whose path is the prefix itself is not below it.
    """
    if not prefix:
        return read_tree(source, root)
    builder = TreeBuilder(source, sink)
    cursor = Cursor(source, root)
    cursor.seek(prefix)
    stop = after_prefix(prefix)
    rows: list[Row] = []
    for path, packed in cursor.rows(stop):
        if len(path) == len(prefix):
            continue
        rows.append((path[len(prefix) :], packed))
        if len(rows) == _ROWS_AT_ONCE:
            builder.add_rows(rows)
            rows = []
    builder.add_rows(rows)
    return builder.finish()
