"""Where trees read nodes from and write them to.

Tree algorithms are synchronous: they run in a worker thread for anything larger than a
page, or on the event loop where every node they need is cached. The contract:

1. `get` returns the node of an id, verified against it; nodes are immutable, so the
   same object may be returned to any number of callers.
2. `put` takes canonical bytes under their id; it may buffer. What was put is readable
   at once through the source that belongs to the sink, and durable when the transaction
   that names the tree commits; never before.
3. Both may be called from one thread at a time; different threads use their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ..ids import NodeId

if TYPE_CHECKING:
    from .node import Node


class NodeSource(Protocol):
    """Reads nodes by id."""

    def get(self, node_id: NodeId) -> Node:
        """Return the node `node_id`.

        Raises:
            MissingDataError: it is not stored.
            CorruptDataError: what is stored is not that node.
        """
        ...

    def get_many(self, node_ids: Sequence[NodeId]) -> list[Node]:
        """Return the nodes of `node_ids`, in that order; one trip where it can."""
        ...


class NodeSink(Protocol):
    """Takes new nodes."""

    def put(self, node_id: NodeId, data: bytes, node: Node) -> None:
        """Store the node `node_id`, whose canonical bytes are `data`.

        `node` is the same node decoded, so that a cache need not decode it again.
        """
        ...
