"""What lies below a prefix, with paths relative to it, and the tree of that.

The content id of that tree is the identity of a prefix: the same files are the same thing
wherever they lie, and whatever else lies beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from ..ids import NodeId
from .cursor import Cursor
from .edit import build_tree
from .lookup import after_prefix, read_tree
from .node import Node, Row, Tree
from .source import NodeSink, NodeSource

_ROWS_AT_ONCE = 2000


class NoSink:
    """Takes nodes of a tree of which only the ids are wanted."""

    def put(self, node_id: NodeId, data: bytes, node: Node) -> None:
        """Forget the node."""


def iter_below(
    source: NodeSource,
    root: NodeId,
    prefix: bytes,
    only: Collection[bytes] | None = None,
) -> Iterator[Row]:
    """Yield the rows of the tree `root` that begin with `prefix`, without it.

    An entry whose path is the prefix itself, as tools make to mark a folder, is not below
    it: it would have no name left. `only` leaves out what is not one of these paths.
    """
    cursor = Cursor(source, root)
    cursor.seek(prefix)
    for path, packed in cursor.rows(after_prefix(prefix)):
        if path != prefix and (only is None or path in only):
            yield path[len(prefix) :], packed


def batch_rows(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield `rows` as a builder takes them: many at a time."""
    rows = iter(rows)
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        yield batch


def build_subtree(
    source: NodeSource, sink: NodeSink, root: NodeId, prefix: bytes
) -> Tree:
    """Build the tree of what lies below `prefix` in the tree `root`.

    Reads each entry there; with an empty prefix it is the tree itself, read only at its
    root.
    """
    if not prefix:
        return read_tree(source, root)
    return build_tree(source, sink, batch_rows(iter_below(source, root, prefix)))
