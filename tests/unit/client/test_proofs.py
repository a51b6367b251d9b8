"""A proof shows what lies at a path of a commit, and nothing that is no proof does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.client import InvalidProofError, Proof, verify_proof, wire
from lakebed.server.history.commit import Commit, make_commit
from lakebed.server.ids import hash_node
from lakebed.server.repository.objects import etag_text
from lakebed.server.tree.codec import encode_node
from lakebed.server.tree.entry import PackedEntry, pack_entry, unpack_entry
from lakebed.server.tree.extra import Extra, decode_extra, encode_extra
from lakebed.server.tree.lookup import find_way
from lakebed.server.tree.node import Inner, Leaf, Tree, make_leaf

from support.nodes import MemoryNodes
from support.trees import SMALL, build, entry_of, maps, paths

Map = Mapping[bytes, PackedEntry]


class Lake:
    """A tree at a commit, and proofs of what is in it."""

    def __init__(self, rows: Map, *, message: str = "m") -> None:
        self.nodes = MemoryNodes()
        self.tree = build(self.nodes, rows, rule=SMALL)
        self.commit, self.record = commit_of(self.tree, message)
        self.id = self.commit.id.hex()

    def prove(self, path: bytes) -> wire.Proof:
        way = find_way(self.nodes, self.tree.tree_id, path)
        return wire.Proof(
            version=1,
            commit_id=self.id,
            path=path.decode(),
            commit=self.record,
            nodes=[encode_node(node).data for node in way],
        )


def commit_of(tree: Tree, message: str) -> tuple[Commit, bytes]:
    return make_commit(
        tree_id=tree.tree_id,
        content_id=tree.content_id,
        parents=(),
        committer="ann",
        message=message,
        created_ms=1_750_000_000_123,
        metadata={"k": "v"},
    )


def check(proof: wire.Proof, commit_id: str, path: str) -> Proof:
    return verify_proof(wire.encode(proof), commit_id, path)


def is_refused(document: bytes, commit_id: str, path: str) -> bool:
    try:
        verify_proof(document, commit_id, path)
    except InvalidProofError:
        return True
    return False


@given(rows=maps, path=paths)
def test_it_shows_what_is_at_a_path_or_that_nothing_is(rows: Map, path: bytes) -> None:
    lake = Lake(rows)

    found = check(lake.prove(path), lake.id, path.decode())

    assert (found.commit.id, found.commit.metadata) == (lake.id, {"k": "v"})
    packed = rows.get(path)
    if packed is None:
        assert found.object is None
        assert found.blob_id is None
        return
    entry = unpack_entry(path, packed)
    extra = decode_extra(entry.extra)
    shown = found.object
    assert shown is not None
    assert found.blob_id == entry.blob_id.hex()
    assert (shown.path, shown.size_bytes) == (path.decode(), entry.size_bytes)
    assert shown.etag == etag_text(entry)
    assert shown.modified_at is not None
    assert shown.modified_at.timestamp() == entry.mtime_ms // 1000
    assert (shown.content_type or "") == extra.content_type
    assert shown.metadata == dict(extra.user_metadata)


@given(rows=maps, path=paths, data=st.data())
def test_a_flipped_bit_anywhere_is_refused(
    rows: Map, path: bytes, data: st.DataObject
) -> None:
    """Of the document as it is kept, whichever part of it that bit belongs to."""
    lake = Lake(rows)
    document = bytearray(wire.encode(lake.prove(path)))
    at = data.draw(st.integers(0, len(document) - 1))
    document[at] ^= 1 << data.draw(st.integers(0, 7))

    assert is_refused(bytes(document), lake.id, path.decode())


def test_so_is_each_single_byte_of_a_small_one() -> None:
    lake = Lake({b"a": entry_of(b"a"), b"b": entry_of(b"b")})
    document = wire.encode(lake.prove(b"a"))

    for at in range(len(document)):
        for bit in range(8):
            broken = bytearray(document)
            broken[at] ^= 1 << bit
            assert is_refused(bytes(broken), lake.id, "a"), (at, bit)
        for kept in (document[:at], document[:at] + document[at + 1 :]):
            assert is_refused(kept, lake.id, "a"), at


@given(rows=maps, one=paths, other=paths)
def test_it_passes_for_no_other_path(rows: Map, one: bytes, other: bytes) -> None:
    """Neither as it is nor with the name written over: then it proves what is so."""
    lake = Lake(rows)
    proof = lake.prove(one)
    renamed = msgspec.structs.replace(proof, path=other.decode())

    if one != other:
        assert is_refused(wire.encode(proof), lake.id, other.decode())
    try:
        found = check(renamed, lake.id, other.decode())
    except InvalidProofError:
        assert proof.nodes != lake.prove(other).nodes
    else:
        assert (found.object is not None) == (other in rows)


@given(rows=maps, others=maps, path=paths)
def test_it_passes_for_no_other_commit(rows: Map, others: Map, path: bytes) -> None:
    lake, other = Lake(rows), Lake(others, message="other")
    proof, foreign = lake.prove(path), other.prove(path)
    name = path.decode()

    assert is_refused(wire.encode(proof), other.id, name)
    for mixed in (
        msgspec.structs.replace(proof, commit_id=other.id),
        msgspec.structs.replace(proof, commit=foreign.commit),
        msgspec.structs.replace(proof, commit=foreign.commit, commit_id=other.id),
    ):
        if lake.tree.tree_id != other.tree.tree_id or mixed.commit_id != other.id:
            assert is_refused(wire.encode(mixed), lake.id, name)
        if mixed.nodes != foreign.nodes:
            assert is_refused(wire.encode(mixed), other.id, name)


@given(rows=maps, path=paths, data=st.data())
def test_nodes_that_are_missing_added_or_swapped_are_refused(
    rows: Map, path: bytes, data: st.DataObject
) -> None:
    lake = Lake(rows)
    proof = lake.prove(path)
    at = data.draw(st.integers(0, len(proof.nodes) - 1))
    nodes = list(proof.nodes)
    stranger = data.draw(st.sampled_from(sorted(lake.nodes.data.values())))
    for changed in (
        nodes[:at] + nodes[at + 1 :],
        [*nodes, stranger],
        [*nodes[:at], stranger, *nodes[at + 1 :]],
        [*nodes[:at], nodes[at], *nodes[at:]],
        nodes[::-1],
    ):
        if changed != nodes:
            document = wire.encode(msgspec.structs.replace(proof, nodes=changed))
            assert is_refused(document, lake.id, path.decode())


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": "1"},
        {"more": 1},
        {"nodes": None},
        {"nodes": []},
        {"commit": ""},
        {"commit": "not base64"},
        {"path": 1},
    ],
    ids=str,
)
def test_another_shape_is_refused(change: dict[str, Any]) -> None:
    lake = Lake({b"a": entry_of(b"a")})
    document = {**json.loads(wire.encode(lake.prove(b"a"))), **change}

    assert is_refused(json.dumps(document).encode(), lake.id, "a")


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"null", b"\xff", b'{"x":' + b"[" * 100_000]
)
def test_noise_is_refused(document: bytes) -> None:
    assert is_refused(document, "0" * 64, "a")


def test_how_the_document_is_laid_out_does_not_matter() -> None:
    lake = Lake({b"a": entry_of(b"a")})
    fields = json.loads(wire.encode(lake.prove(b"a")))
    text = json.dumps(dict(reversed(fields.items())), indent=4)

    assert verify_proof(text, lake.id, "a").object is not None


GOLDEN = Path(__file__).parents[2] / "golden"
GOLDEN_ID = "7606c0ec3b060736bb1cebb3ddc7b82e99a3ab383c872ea08b9a0f7802dd0b1b"


def golden_lake() -> Lake:
    rows = {b"data/%02d.csv" % n: entry_of(b"%d" % n, mtime_ms=n) for n in range(40)}
    extra = encode_extra(Extra(content_type="text/csv", user_metadata={"owner": "ann"}))
    entry = unpack_entry(b"data/07.csv", rows[b"data/07.csv"])
    described = msgspec.structs.replace(entry, extra=extra, part_count=2)
    return Lake(rows | {b"data/07.csv": pack_entry(described)})


@pytest.mark.parametrize("path", ["data/07.csv", "data/07.tsv"])
def test_proofs_of_version_1_hold_for_ever(path: str) -> None:
    kept = (GOLDEN / f"proof-v1-{path.removeprefix('data/')}.json").read_bytes()
    lake = golden_lake()

    found = verify_proof(kept, GOLDEN_ID, path)

    assert kept == wire.encode(lake.prove(path.encode()))
    if path.endswith("tsv"):
        assert found.object is None
    else:
        assert found.object is not None
        assert found.object.etag.endswith("-2")
        assert found.object.content_type == "text/csv"
        assert found.object.metadata == {"owner": "ann"}


def forge(root: Leaf | Inner, *others: Leaf | Inner) -> tuple[wire.Proof, str]:
    """Return a proof of `b` in a tree that its maker made with intent."""
    nodes = [encode_raw(node) for node in (root, *others)]
    tree = Tree(hash_node(nodes[0]), encode_node(root).content_id, root.level, 1, 1)
    commit, record = commit_of(tree, "forged")
    proof = wire.Proof(
        version=1, commit_id=commit.id.hex(), path="b", commit=record, nodes=nodes
    )
    return proof, commit.id.hex()


def encode_raw(node: Leaf | Inner) -> bytes:
    return encode_node(node).data


def over(child: Leaf, last_paths: list[bytes], at: int, *, level: int = 1) -> Inner:
    """Return an inner node that has `child` at a row, and nothing real at the others."""
    wanted = hash_node(encode_raw(child))
    ids = [bytes([row]) * 32 for row in range(len(last_paths))]
    ids[at] = wanted
    count = len(last_paths)
    one = (1).to_bytes(8, "little") * count
    return Inner(level, tuple(last_paths), b"".join(ids), bytes(32 * count), one, one)


def leaf_of(*names: bytes) -> Leaf:
    return make_leaf(names, [entry_of(name) for name in names])


def test_a_tree_that_was_made_to_hold_two_truths_is_refused() -> None:
    """Else its maker could show `b` to one and its absence to another."""
    honest = leaf_of(b"a", b"b", b"c")
    assert not is_refused(*_document(forge(over(honest, [b"c"], 0), honest)))
    for leaf, last_paths in (
        (leaf_of(b"a", b"b"), [b"c"]),  # ends before its place does
        (leaf_of(b"a", b"b", b"d"), [b"c"]),  # ends behind it
        (leaf_of(b"a", b"b", b"c"), [b"a", b"c"]),  # begins before it
    ):
        inner = over(leaf, last_paths, len(last_paths) - 1)

        assert is_refused(*_document(forge(inner, leaf)))


def test_levels_go_down_one_by_one() -> None:
    leaf = leaf_of(b"a", b"b", b"c")

    assert is_refused(*_document(forge(over(leaf, [b"c"], 0, level=2), leaf)))


def _document(forged: tuple[wire.Proof, str]) -> tuple[bytes, str, str]:
    proof, commit_id = forged
    return wire.encode(proof), commit_id, "b"
