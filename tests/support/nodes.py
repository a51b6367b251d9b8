"""Nodes in memory, with counters: what a tree operation reads and writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lakebed.server.errors import MissingDataError
from lakebed.server.ids import NodeId, hash_node
from lakebed.server.tree.codec import decode_node
from lakebed.server.tree.node import Node


class MemoryNodes:
    """A node source and sink over a dict of canonical bytes.

    With `decoding` each read decodes the bytes again, as a cold cache would; otherwise
    it hands out the node that was put.
    """

    def __init__(self, *, decoding: bool = True) -> None:
        self.data: dict[NodeId, bytes] = {}
        self.nodes: dict[NodeId, Node] = {}
        self.decoding = decoding
        self.read_ids: list[NodeId] = []
        self.written_ids: list[NodeId] = []

    def get(self, node_id: NodeId) -> Node:
        self.read_ids.append(node_id)
        if node_id not in self.data:
            raise MissingDataError(f"cannot read node '{node_id.hex()}': not found")
        if self.decoding:
            return decode_node(self.data[node_id])
        return self.nodes[node_id]

    def get_many(self, node_ids: Sequence[NodeId]) -> list[Node]:
        return [self.get(node_id) for node_id in node_ids]

    def put(self, node_id: NodeId, data: bytes, node: Node) -> None:
        assert hash_node(data) == node_id
        self.written_ids.append(node_id)
        self.data[node_id] = data
        self.nodes[node_id] = node

    @property
    def read_count(self) -> int:
        """Different nodes read since the last `reset_counts`.

        A node that is read twice by one operation comes from the cache, whatever its
        size.
        """
        return len(set(self.read_ids))

    @property
    def written_count(self) -> int:
        return len(self.written_ids)

    def reset_counts(self, *, forget: Iterable[NodeId] = ()) -> None:
        """Start counting again; `forget` loses those nodes."""
        self.read_ids.clear()
        self.written_ids.clear()
        for node_id in forget:
            del self.data[node_id]
            del self.nodes[node_id]
