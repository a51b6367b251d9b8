"""Node bytes: they round-trip, they are strict, they never change by accident."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgpack
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.errors import CorruptDataError
from lakebed.server.ids import NodeId, hash_node
from lakebed.server.tree.codec import decode_node, encode_node
from lakebed.server.tree.entry import EXTRA_BYTES_MAX, PackedEntry
from lakebed.server.tree.node import Inner, Leaf, Node, make_leaf

from support.nodes import MemoryNodes
from support.trees import SMALL, build, entry_of, maps, node_ids, numbered

GOLDEN = Path(__file__).parents[3] / "golden"
Map = dict[bytes, PackedEntry]


def nodes_of(model: Map) -> list[Node]:
    nodes = MemoryNodes()
    root = build(nodes, model, rule=SMALL).tree_id
    return [nodes.nodes[node_id] for node_id in node_ids(nodes, root)]


@given(model=maps)
def test_nodes_round_trip(model: Map) -> None:
    for node in nodes_of(model):
        assert decode_node(encode_node(node).data) == node


@given(model=maps)
def test_rows_round_trip(model: Map) -> None:
    rows = sorted(model.items())
    leaf = make_leaf([path for path, _ in rows], [packed for _, packed in rows])

    assert leaf.rows() == rows
    assert [leaf.packed(row) for row in range(len(rows))] == [r[1] for r in rows]
    assert [leaf.rows(row, min(row + 3, len(rows))) for row in range(len(rows))] == [
        rows[row : row + 3] for row in range(len(rows))
    ]


@given(model=maps)
def test_the_content_id_covers_paths_and_identities_alone(model: Map) -> None:
    rows = sorted(model.items())
    leaf = make_leaf([path for path, _ in rows], [packed for _, packed in rows])
    content = b"".join(
        map(
            msgpack.packb,
            (1, 0, leaf.paths, leaf.blob_ids, sorted(leaf.extras.items())),
        )
    )

    assert encode_node(leaf).content_id == (
        blake3(content, derive_key_context="lakebed v1 content").digest()
    )
    assert encode_node(leaf).data[1:].startswith(content)


@given(model=maps, cut=st.integers(0, 10_000))
def test_a_truncated_node_is_corrupt(model: Map, cut: int) -> None:
    data = encode_node(nodes_of(model)[0]).data

    with pytest.raises(CorruptDataError):
        decode_node(data[: cut % len(data)])


@given(model=maps, at=st.integers(0, 10_000), bits=st.integers(1, 255))
def test_a_damaged_node_is_another_node_or_corrupt(
    model: Map, at: int, bits: int
) -> None:
    """Strict: what decodes at all, encodes to the very bytes it came from."""
    data = bytearray(encode_node(nodes_of(model)[0]).data)
    data[at % len(data)] ^= bits

    with suppress(CorruptDataError):
        assert encode_node(decode_node(bytes(data))).data == data


@given(
    noise=st.binary(max_size=300),
    head=st.sampled_from([b"", b"\x99\x01\x00", b"\x97\x01\x01"]),
)
def test_noise_is_corrupt_and_never_crashes(noise: bytes, head: bytes) -> None:
    with pytest.raises(CorruptDataError):
        decode_node(head + noise)


def leaf_fields() -> list[object]:
    """Return the fields of a good leaf of two rows."""
    return [1, 0, [b"a", b"b"], bytes(64), [], bytes(16), bytes(16), bytes(36), []]


def inner_fields() -> list[object]:
    """Return the fields of a good inner node of two children."""
    ones = b"\x01" + bytes(7)
    return [1, 1, bytes(64), [b"a", b"b"], bytes(64), ones * 2, bytes(16)]


@pytest.mark.parametrize(
    ("fields", "place", "value"),
    [
        (leaf_fields, 0, 2),
        (leaf_fields, 0, True),
        (leaf_fields, 1, False),
        (leaf_fields, 2, [b"b", b"a"]),
        (leaf_fields, 2, [b"a", b"a"]),
        (leaf_fields, 2, [b"", b"a"]),
        (leaf_fields, 2, [b"a", b"\xff"]),
        (leaf_fields, 2, [b"a", b"b\0"]),
        (leaf_fields, 2, [b"a", b"b" * 1025]),
        (leaf_fields, 2, [b"a", "b"]),
        (leaf_fields, 2, [b"a"]),
        (leaf_fields, 3, bytes(63)),
        (leaf_fields, 4, [[0, b""]]),
        (leaf_fields, 4, [[2, b"x"]]),
        (leaf_fields, 4, [[1, b"x"], [0, b"x"]]),
        (leaf_fields, 4, [[0, b"x" * (EXTRA_BYTES_MAX + 1)]]),
        (leaf_fields, 5, bytes(8)),
        (leaf_fields, 7, bytes(34)),
        (leaf_fields, 8, [[0, 1]]),
        (inner_fields, 1, 0),
        (inner_fields, 1, 33),
        (inner_fields, 2, bytes(32)),
        (inner_fields, 3, [b"b", b"a"]),
        (inner_fields, 5, bytes(16)),
        (inner_fields, 6, bytes(8)),
    ],
)
def test_a_field_out_of_its_rules_is_corrupt(
    fields: Callable[[], list[object]], place: int, value: object
) -> None:
    good = fields()
    bad = fields()
    bad[place] = value

    assert encode_node(decode_node(msgpack.packb(good))).data == msgpack.packb(good)
    with pytest.raises(CorruptDataError):
        decode_node(msgpack.packb(bad))


def test_integers_longer_than_they_need_be_are_corrupt() -> None:
    data = msgpack.packb(leaf_fields())

    with pytest.raises(CorruptDataError, match="canonical"):
        decode_node(data[:1] + b"\xcc\x01" + data[2:])


def test_an_inner_node_without_children_is_corrupt() -> None:
    with pytest.raises(CorruptDataError):
        decode_node(b"\x97\x01\x01\xc4\x00\x90\xc4\x00\xc4\x00\xc4\x00")


def golden_leaf() -> Leaf:
    """Return a leaf with everything a leaf can have, always the same one."""
    rows = {path: entry_of(path, mtime_ms=1_750_000_000_000) for path, _ in numbered(2)}
    extra = b"\x91\x92\xaccontent_type\xa8text/csv"
    rows["münchen/straße.csv".encode()] = PackedEntry(
        entry_of(b"x", mtime_ms=-1, size_bytes=2**63)[:64]
        + b"\x07\x00"
        + msgpack.packb((extra, b"\x90"))
    )
    ordered = sorted(rows.items())
    return make_leaf([row[0] for row in ordered], [row[1] for row in ordered])


def golden_tree() -> tuple[MemoryNodes, NodeId]:
    nodes = MemoryNodes()
    return nodes, build(nodes, numbered(5000)).tree_id


def read_golden(name: str) -> bytes:
    return bytes.fromhex((GOLDEN / name).read_text())


def test_leaf_bytes_are_those_of_version_1() -> None:
    """A failure here means that existing repositories can no longer be read."""
    golden = read_golden("node-v1-leaf.hex")

    assert encode_node(golden_leaf()).data == golden
    assert decode_node(golden) == golden_leaf()


def test_the_empty_leaf_is_that_of_version_1() -> None:
    golden = read_golden("node-v1-empty.hex")

    assert encode_node(make_leaf([], [])).data == golden
    assert decode_node(golden) == make_leaf([], [])


def test_inner_bytes_are_those_of_version_1() -> None:
    nodes, root = golden_tree()
    golden = read_golden("node-v1-inner.hex")

    assert nodes.data[root] == golden
    node = decode_node(golden)
    assert isinstance(node, Inner)
    assert node.entry_count == 5000


def test_ids_of_a_tree_of_5000_entries_are_those_of_version_1() -> None:
    """The cut rule, the codec and both hashes at once."""
    nodes, root = golden_tree()
    golden = dict(
        line.split() for line in (GOLDEN / "tree-v1-ids.txt").read_text().splitlines()
    )

    assert root.hex() == golden["tree_id"]
    assert encode_node(nodes.get(root)).content_id.hex() == golden["content_id"]
    assert len(nodes.data) == int(golden["node_count"])
    assert {hash_node(data) for data in nodes.data.values()} == set(nodes.data)


def test_the_same_rows_in_another_order_have_the_golden_id() -> None:
    _, root = golden_tree()
    rows = numbered(5000)
    random.Random(3).shuffle(rows)

    assert build(MemoryNodes(), rows).tree_id == root
