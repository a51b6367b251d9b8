"""The identity of what lies below a prefix: its content id.

That of the tree which has exactly these files, under their paths relative to the prefix:
so equal content has one identity wherever it lies, and a copy of it is recognised. The
files are not read, only their rows.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from ..ids import ContentId, NodeId
from ..repository.engine import Engine
from ..tree.build import TreeBuilder
from ..tree.cursor import Cursor
from ..tree.lookup import after_prefix, measure_prefix, read_tree
from ..tree.node import Node
from ..tree.source import NodeSource

KEPT_MAX = 1024
"""Contents that a process keeps, 300 bytes each: of prefixes that runs read. Without them
one of 10^6 files takes a builder seconds each time that it is asked for."""
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies below a prefix."""

    identity: ContentId
    file_count: int
    size_bytes: int


_kept: OrderedDict[tuple[NodeId, bytes], Contents] = OrderedDict()
"""They follow from the tree alone, so that one store is as good as another."""


async def find_contents(engine: Engine, tree_id: NodeId, prefix: bytes) -> Contents:
    """Return what the tree `tree_id` has below `prefix`; all of it if that is empty."""
    key = (tree_id, prefix)
    found = _kept.get(key)
    if found is None:
        found = await engine.build(_measure, engine.nodes, tree_id, prefix)
        _kept[key] = found
        if len(_kept) > KEPT_MAX:
            _kept.popitem(last=False)
    return found


def _measure(source: NodeSource, tree_id: NodeId, prefix: bytes) -> Contents:
    if not prefix:
        tree = read_tree(source, tree_id)
        return Contents(tree.content_id, tree.entry_count, tree.byte_total)
    builder = TreeBuilder(source, _Nowhere())
    cursor = Cursor(source, tree_id)
    cursor.seek(prefix)
    stop = after_prefix(prefix)
    while rows := cursor.take(_ROWS_AT_ONCE, before=stop):
        builder.add_rows([(path[len(prefix) :], packed) for path, packed in rows])
    size = measure_prefix(source, tree_id, prefix)
    return Contents(builder.finish().content_id, size.entry_count, size.byte_total)


class _Nowhere:
    """Takes nodes that nobody will read: only their id is wanted."""

    def put(self, node_id: NodeId, data: bytes, node: Node) -> None:
        """Forget the node."""
