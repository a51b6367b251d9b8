"""Nodes out of frames: through a bounded cache, and into bounded batches."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from lakebed.server.chunks.index import Frame
from lakebed.server.errors import CorruptDataError, MissingDataError
from lakebed.server.ids import Kind, NodeId, hash_node
from lakebed.server.tree.codec import encode_node
from lakebed.server.tree.edit import build_tree
from lakebed.server.tree.node import Leaf, make_leaf
from lakebed.server.tree.store import FrameSink, NodeCache, StoredNodes

from support.trees import SMALL, entry_of, numbered


class MemoryFrames:
    """A frame reader over a dict."""

    def __init__(self) -> None:
        self.data: dict[bytes, bytes] = {}
        self.trips: list[list[bytes]] = []

    def read_blocking(self, kind: Kind, ids: Sequence[bytes]) -> list[bytes]:
        assert kind is Kind.NODE
        self.trips.append(list(ids))
        if missing := [id_ for id_ in ids if id_ not in self.data]:
            raise MissingDataError(f"node '{missing[0].hex()}' is not stored anywhere")
        return [self.data[id_] for id_ in ids]

    def add(self, leaf: Leaf) -> NodeId:
        data = encode_node(leaf).data
        node_id = hash_node(data)
        self.data[node_id] = data
        return node_id


def leaf_of(name: bytes) -> Leaf:
    return make_leaf([name], [entry_of(name)])


LEAVES = [leaf_of(b"%d" % n) for n in range(6)]
LEAF_BYTES = LEAVES[0].memory_bytes


@pytest.fixture
def frames() -> MemoryFrames:
    return MemoryFrames()


def test_a_node_is_read_once_while_it_is_cached(frames: MemoryFrames) -> None:
    nodes = StoredNodes(frames, NodeCache(10 * LEAF_BYTES))
    node_id = frames.add(LEAVES[0])

    assert nodes.try_get(node_id) is None
    assert nodes.get(node_id) == nodes.get(node_id) == LEAVES[0]
    assert nodes.try_get(node_id) == LEAVES[0]
    assert len(frames.trips) == 1


def test_many_nodes_are_one_trip(frames: MemoryFrames) -> None:
    nodes = StoredNodes(frames, NodeCache(10 * LEAF_BYTES))
    ids = [frames.add(leaf) for leaf in LEAVES[:4]]
    nodes.get(ids[1])

    assert nodes.get_many([*ids, ids[0]]) == [*LEAVES[:4], LEAVES[0]]
    assert frames.trips == [[ids[1]], [ids[0], ids[2], ids[3]]]


def test_the_cache_drops_what_was_not_used_for_longest(frames: MemoryFrames) -> None:
    cache = NodeCache(3 * LEAF_BYTES)
    nodes = StoredNodes(frames, cache)
    ids = [frames.add(leaf) for leaf in LEAVES]

    for at in (0, 1, 2, 0, 3):
        nodes.get(ids[at])

    assert [nodes.try_get(id_) is not None for id_ in ids[:4]] == [
        True,
        False,
        True,
        True,
    ]
    assert cache.held_bytes <= 3 * LEAF_BYTES
    assert (cache.hit_count, cache.miss_count) == (4, 5)


def test_a_node_larger_than_the_cache_is_read_all_the_same(
    frames: MemoryFrames,
) -> None:
    nodes = StoredNodes(frames, NodeCache(LEAF_BYTES - 1))
    node_id = frames.add(LEAVES[0])

    assert nodes.get(node_id) == LEAVES[0]
    assert nodes.cache.held_bytes == 0


def test_threads_share_a_cache(frames: MemoryFrames) -> None:
    nodes = StoredNodes(frames, NodeCache(3 * LEAF_BYTES))
    ids = [frames.add(leaf) for leaf in LEAVES]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(nodes.get, ids * 200))

    assert found == LEAVES * 200
    assert nodes.cache.held_bytes <= 3 * LEAF_BYTES


def test_a_frame_that_is_no_node_is_corrupt_and_not_cached(
    frames: MemoryFrames,
) -> None:
    nodes = StoredNodes(frames, NodeCache(10 * LEAF_BYTES))
    node_id = NodeId(bytes(32))
    frames.data[node_id] = b"noise"

    with pytest.raises(CorruptDataError):
        nodes.get(node_id)
    assert nodes.try_get(node_id) is None


def test_a_missing_node_is_missing(frames: MemoryFrames) -> None:
    nodes = StoredNodes(frames, NodeCache(10 * LEAF_BYTES))

    with pytest.raises(MissingDataError):
        nodes.get_many([NodeId(bytes(32))])


def test_a_sink_hands_frames_on_in_batches(frames: MemoryFrames) -> None:
    nodes = StoredNodes(frames, NodeCache(10**6))
    batches: list[list[Frame]] = []
    sink = FrameSink(nodes, batches.append, batch_bytes_max=5000)

    tree = build_tree(nodes, sink, [numbered(400)], rule=SMALL)
    rest = sink.take_rest()

    sizes = [sum(len(frame.data) for frame in batch) for batch in batches]
    largest = max(len(frame.data) for batch in batches for frame in batch)
    assert len(batches) > 3
    assert all(5000 <= size < 5000 + largest for size in sizes)
    assert sum(len(frame.data) for frame in rest) < 5000
    assert sink.take_rest() == []
    for frame in [*rest, *(frame for batch in batches for frame in batch)]:
        assert frame.kind is Kind.NODE
        frames.data[frame.id] = bytes(frame.data)
    assert StoredNodes(frames, NodeCache(0)).get(tree.tree_id).entry_count == 400


def test_a_sink_takes_a_node_once_and_warms_the_cache(frames: MemoryFrames) -> None:
    nodes = StoredNodes(frames, NodeCache(10 * LEAF_BYTES))
    sink = FrameSink(nodes, lambda batch: None)
    data = encode_node(LEAVES[0]).data
    node_id = hash_node(data)

    sink.put(node_id, data, LEAVES[0])
    sink.put(node_id, data, LEAVES[0])

    assert sink.take_rest() == [Frame(Kind.NODE, node_id, data)]
    assert nodes.try_get(node_id) == LEAVES[0]
    assert frames.trips == []
