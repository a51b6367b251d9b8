"""Nodes in packs: read through a cache, written as frames.

`StoredNodes` reads for any number of threads; its cache is bounded in bytes and holds
decoded nodes, because verifying and decoding one costs ten times a look-up in it.
`FrameSink` belongs to one build. It hands frames on in batches, so that a build of any
size takes little memory; what it wrote can be read once the transaction that records the
frames has committed (or from the cache, by luck), which is all that builds need: none
reads back what it wrote.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Protocol

from ..chunks.index import Frame
from ..ids import Kind, NodeId
from .codec import decode_node
from .node import Node

BATCH_BYTES_MAX = 4 * 1024 * 1024
"""Frames that a sink holds before it hands them on: 80 leaves. A commit of one path has
45 kB and rides with its transaction; at half a merge of a hundred changes would not."""


class FrameReader(Protocol):
    """Reads verified plain bytes; `chunks.reader.ChunkReader` is one."""

    def read_blocking(self, kind: Kind, ids: Sequence[bytes]) -> list[bytes]:
        """Return the plain bytes of `ids`, in that order.

        Raises:
            MissingDataError: one is not stored.
            CorruptDataError: what is stored is not what its id says.
        """
        ...


class NodeCache:
    """The nodes used last, up to so many bytes of memory; for any thread."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._lock = Lock()
        self._nodes: OrderedDict[NodeId, tuple[Node, int]] = OrderedDict()
        self.held_bytes = 0
        self.hit_count = 0
        self.miss_count = 0

    def get(self, node_id: NodeId) -> Node | None:
        """Return the node if it is here."""
        with self._lock:
            kept = self._nodes.get(node_id)
            if kept is None:
                self.miss_count += 1
                return None
            self.hit_count += 1
            self._nodes.move_to_end(node_id)
            return kept[0]

    def keep(self, node_id: NodeId, node: Node) -> None:
        """Keep `node`, dropping those not used for longest if there are too many."""
        size_bytes = node.memory_bytes
        with self._lock:
            if node_id in self._nodes or size_bytes > self._bytes_max:
                return
            self._nodes[node_id] = (node, size_bytes)
            self.held_bytes += size_bytes
            while self.held_bytes > self._bytes_max:
                _, (_, dropped_bytes) = self._nodes.popitem(last=False)
                self.held_bytes -= dropped_bytes


class StoredNodes:
    """A node source over stored frames, behind a cache."""

    def __init__(self, reader: FrameReader, cache: NodeCache) -> None:
        self._reader = reader
        self.cache = cache

    def try_get(self, node_id: NodeId) -> Node | None:
        """Return the node if it is cached; for the event loop, which must not read."""
        return self.cache.get(node_id)

    def get(self, node_id: NodeId) -> Node:
        """Return the node `node_id`."""
        node = self.cache.get(node_id)
        return self._load([node_id])[0] if node is None else node

    def get_many(self, node_ids: Sequence[NodeId]) -> list[Node]:
        """Return the nodes of `node_ids`, in that order; those not cached in one trip."""
        nodes = {node_id: self.cache.get(node_id) for node_id in node_ids}
        missing = [node_id for node_id, node in nodes.items() if node is None]
        loaded = dict(zip(missing, self._load(missing), strict=True))
        return [nodes[node_id] or loaded[node_id] for node_id in node_ids]

    def _load(self, node_ids: Sequence[NodeId]) -> list[Node]:
        nodes: list[Node] = []
        if node_ids:
            for node_id, data in zip(
                node_ids, self._reader.read_blocking(Kind.NODE, node_ids), strict=True
            ):
                node = decode_node(data)
                self.cache.keep(node_id, node)
                nodes.append(node)
        return nodes


class FrameSink:
    """A node sink that collects frames and hands them on in batches."""

    def __init__(
        self,
        nodes: StoredNodes,
        append: Callable[[list[Frame]], None],
        *,
        batch_bytes_max: int = BATCH_BYTES_MAX,
    ) -> None:
        """Put new nodes into the cache of `nodes`, and their frames to `append`.

        Args:
            nodes: the source whose cache is warmed.
            append: takes a full batch of frames, which then are its own.
            batch_bytes_max: when a batch is full.
        """
        self._cache = nodes.cache
        self._append = append
        self._batch_bytes_max = batch_bytes_max
        self._batch: list[Frame] = []
        self._batch_bytes = 0
        self._put_ids: set[NodeId] = set()

    def put(self, node_id: NodeId, data: bytes, node: Node) -> None:
        """Store the node `node_id`, whose canonical bytes are `data`, once."""
        if node_id in self._put_ids:
            return
        self._put_ids.add(node_id)
        self._cache.keep(node_id, node)
        self._batch.append(Frame(Kind.NODE, node_id, data))
        self._batch_bytes += len(data)
        if self._batch_bytes >= self._batch_bytes_max:
            self._append(self.take_rest())

    def take_rest(self) -> list[Frame]:
        """Return the frames that were not handed on, which then are the caller's."""
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        return batch
