"""Packs, recipes and cut points of format 1 are read, and written, for ever alike.

The files in `chunks/` were written by the first version of each format and are never
edited: a new version gets new files, and these must still be read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
from blake3 import blake3
from lakebed.server.chunks.codec import Codec
from lakebed.server.chunks.cutting import StreamCutter
from lakebed.server.chunks.index import Frame
from lakebed.server.chunks.pack import (
    FooterBuilder,
    FrameHeader,
    encode_frame_header,
    encode_pack_header,
)
from lakebed.server.chunks.recipe import decode_recipe
from lakebed.server.chunks.recipe_builder import RecipeBuilder
from lakebed.server.chunks.scanning import PackEnd, PackScan
from lakebed.server.ids import ChunkId, hash_chunk
from lakebed.server.storage.memory import MemoryPackStorage

from support.slow_chunker import iter_chunk_sizes

FILES = Path(__file__).parent / "chunks"

PACK_NAME = "000102030405060708090a0b0c0d0e0f"


def golden_bytes(label: str, size: int) -> bytes:
    """Return `size` bytes that anyone can make again: BLAKE3 of `label`, extended."""
    return blake3(label.encode()).digest(length=size)


def expected_json(name: str) -> dict[str, object]:
    return cast("dict[str, object]", json.loads((FILES / name).read_text()))


CUTS = cast("dict[str, list[int]]", expected_json("cuts-v1.json"))

CUT_DATA = {
    "random, 4 MiB": golden_bytes("cuts", 4 * 1024 * 1024),
    "zeros, 2 MiB and 1": bytes(2 * 1024 * 1024 + 1),
    "bytes 0 to 255 again and again, 1 MiB": bytes(range(256)) * 4096,
    "random, 1 MiB and 3": golden_bytes("odd", 1024 * 1024 + 3),
}


@pytest.mark.parametrize("label", CUT_DATA)
def test_cut_points_are_those_of_format_1(label: str) -> None:
    cutter = StreamCutter()
    chunks = [*cutter.cut([CUT_DATA[label]]), *cutter.finish()]

    assert [len(chunk) for chunk in chunks] == CUTS[label]


@pytest.mark.parametrize("label", ["random, 4 MiB", "random, 1 MiB and 3"])
def test_the_written_format_gives_the_same_cut_points(label: str) -> None:
    assert list(iter_chunk_sizes(CUT_DATA[label])) == CUTS[label]


def load_pack(name: str) -> MemoryPackStorage:
    storage = MemoryPackStorage()
    storage.create(PACK_NAME).append([(FILES / name).read_bytes()])
    return storage


def scanned(storage: MemoryPackStorage) -> tuple[list[dict[str, object]], PackEnd]:
    base = golden_bytes("base", 2000)

    def read_base(id_: ChunkId) -> bytes:
        assert id_ == hash_chunk(base)
        return base

    scan = PackScan(storage, PACK_NAME)
    rows: list[dict[str, object]] = [
        {
            "kind": frame.kind.name.lower(),
            "id": frame.id.hex(),
            "offset": frame.location.offset,
            "stored_bytes": frame.location.stored_bytes,
            "plain_bytes": frame.location.plain_bytes,
            "codec": frame.location.codec,
            "base": frame.location.base.hex() if frame.location.base else None,
        }
        for frame in scan.iter_verified(read_base)
    ]
    assert scan.tail is not None
    return rows, scan.tail.end


def test_a_sealed_pack_of_format_1_is_read() -> None:
    rows, end = scanned(load_pack("sealed-v1.pack"))

    assert rows == expected_json("sealed-v1.json")["frames"]
    assert end is PackEnd.SEALED


def test_a_torn_pack_of_format_1_is_read() -> None:
    rows, end = scanned(load_pack("torn-v1.pack"))

    assert rows == cast("list[object]", expected_json("sealed-v1.json")["frames"])[:3]
    assert end is PackEnd.TORN


def test_a_pack_of_format_1_is_written_to_the_byte() -> None:
    """From its own rows and payloads, since zstd may compress differently one day."""
    golden = (FILES / "sealed-v1.pack").read_bytes()
    scan = PackScan(load_pack("sealed-v1.pack"), PACK_NAME)
    written = encode_pack_header(PACK_NAME)
    footer = FooterBuilder()
    for frame in scan.iter_verified(lambda base: golden_bytes("base", 2000)):
        at = frame.location
        payload = golden[at.offset : at.offset + at.stored_bytes]
        check = cast("int", checks()[frame.id.hex()])
        header = FrameHeader(
            frame.kind,
            frame.id,
            at.codec,
            at.stored_bytes,
            at.plain_bytes,
            check,
            at.base,
        )
        footer.add(header.located(PACK_NAME, len(written)))
        written += encode_frame_header(header) + payload
    written += footer.build(len(written))

    assert written == golden


def checks() -> dict[str, object]:
    frames = cast("list[dict[str, object]]", expected_json("checks-v1.json")["frames"])
    return {cast("str", frame["id"]): frame["payload_check"] for frame in frames}


def test_the_golden_pack_has_every_codec() -> None:
    frames = cast("list[dict[str, object]]", expected_json("sealed-v1.json")["frames"])

    assert {frame["codec"] for frame in frames} == set(Codec)


def recipe_frames(count: int) -> list[Frame]:
    builder = RecipeBuilder()
    for index in range(count):
        id_ = ChunkId(golden_bytes(f"chunk {index}", 32))
        builder.add(id_, 65_536 + index)
    builder.finish()
    return builder.take_finished()


def test_a_recipe_of_format_1_is_written_and_read_to_the_byte() -> None:
    golden = (FILES / "recipe-v1.bin").read_bytes()

    assert [bytes(frame.data) for frame in recipe_frames(5)] == [golden]
    recipe = decode_recipe(golden)
    assert (recipe.level, len(recipe), recipe.row(4).size_bytes) == (0, 5, 65_540)


def test_a_recipe_tree_of_format_1_is_cut_where_it_was() -> None:
    expected = expected_json("recipe-tree-v1.json")
    frames = recipe_frames(10_000)

    assert [len(decode_recipe(bytes(frame.data))) for frame in frames] == expected[
        "rows"
    ]
    assert frames[-1].id.hex() == expected["blob_id"]
