"""Recipes list the chunks of an object, give any range, and stay small when edited."""

from __future__ import annotations

import random
from array import array
from itertools import accumulate

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.server.chunks import recipe_builder
from lakebed.server.chunks.index import Frame
from lakebed.server.chunks.recipe import (
    LEVELS_MAX,
    Recipe,
    decode_recipe,
    encode_recipe,
)
from lakebed.server.chunks.recipe_builder import FLAT_ROWS_MAX, ROWS_MAX, RecipeBuilder
from lakebed.server.errors import CorruptDataError
from lakebed.server.ids import BlobId, ChunkId, hash_chunk, hash_recipe

Rows = list[tuple[ChunkId, int]]


def rows(count: int, seed: int = 0) -> Rows:
    random_ = random.Random(seed)
    return [
        (ChunkId(random_.randbytes(32)), random_.randint(1, 1_000_000))
        for _ in range(count)
    ]


def build(rows: Rows) -> tuple[BlobId, dict[bytes, bytes]]:
    """Return the blob id of `rows`, and the records by id."""
    builder = RecipeBuilder()
    records: dict[bytes, bytes] = {}

    def take(frames: list[Frame]) -> None:
        for frame in frames:
            assert hash_recipe(bytes(frame.data)) == frame.id
            records[frame.id] = bytes(frame.data)

    for chunk_id, size in rows:
        builder.add(chunk_id, size)
        if builder.finished_count > 10:
            take(builder.take_finished())
    blob_id = builder.finish()
    take(builder.take_finished())
    return blob_id, records


def unfold(blob_id: bytes, records: dict[bytes, bytes]) -> Rows:
    """Return the rows of a recipe by opening every record of it."""
    recipe = decode_recipe(records[blob_id])
    children = [recipe.row(index) for index in range(len(recipe))]
    if recipe.level == 0:
        return [(ChunkId(row.id), row.size_bytes) for row in children]
    found: Rows = []
    for row in children:
        child = decode_recipe(records[row.id])
        assert (child.level, child.size_bytes) == (recipe.level - 1, row.size_bytes)
        found += unfold(row.id, records)
    return found


@pytest.mark.parametrize("count", [1, 2, 1000, FLAT_ROWS_MAX])
def test_a_recipe_of_few_rows_is_one_record(count: int) -> None:
    given_rows = rows(count)

    blob_id, records = build(given_rows)

    assert list(records) == [blob_id]
    assert unfold(blob_id, records) == given_rows


@pytest.mark.parametrize("count", [FLAT_ROWS_MAX + 1, 20_000, 100_000])
def test_a_recipe_of_many_rows_is_a_tree(count: int) -> None:
    given_rows = rows(count)

    blob_id, records = build(given_rows)

    assert unfold(blob_id, records) == given_rows
    assert decode_recipe(records[blob_id]).level >= 1
    assert max(len(decode_recipe(data)) for data in records.values()) <= ROWS_MAX
    assert count / 768 <= len(records) <= count / 64


def test_rows_that_never_cut_still_make_a_tree() -> None:
    """A terabyte of zeros: every chunk has the same id."""
    given_rows = [(hash_chunk(bytes(10)), 1_048_576)] * 30_000

    blob_id, records = build(given_rows)

    assert unfold(blob_id, records) == given_rows
    assert len(records) <= 4


def test_the_root_is_the_last_record_to_be_taken() -> None:
    builder = RecipeBuilder()
    for chunk_id, size in rows(9_000):
        builder.add(chunk_id, size)

    blob_id = builder.finish()

    assert builder.take_finished()[-1].id == blob_id
    assert builder.take_finished() == []


def test_a_root_is_never_wrapped_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building stops when a level has one record, wherever its last cut fell."""
    monkeypatch.setattr(recipe_builder, "FLAT_ROWS_MAX", 200)
    monkeypatch.setattr(recipe_builder, "ROWS_MIN", 2)
    monkeypatch.setattr(recipe_builder, "ROWS_MAX", 6)
    for count in range(201, 600):
        given_rows = rows(count)
        blob_id, records = build(given_rows)
        root = decode_recipe(records[blob_id])

        assert len(root) > 1
        assert sum(len(decode_recipe(r)) for r in records.values()) == (
            count + len(records) - 1
        )


def test_an_edit_of_a_huge_object_writes_few_records() -> None:
    before = rows(50_000)
    edited = [*before[:25_000], *rows(3, seed=9), *before[25_001:]]

    old, new = build(before)[1], build(edited)[1]

    assert len(new.keys() - old.keys()) <= 4


@settings(max_examples=200)
@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=30),
    st.integers(-3, 1600),
    st.integers(-3, 1600),
)
def test_the_rows_of_a_range_are_those_that_overlap_it(
    sizes: list[int], start: int, stop: int
) -> None:
    ids = b"".join(bytes([index]) * 32 for index in range(len(sizes)))
    recipe = Recipe(0, ids, array("Q", sizes))
    start = max(start, 0)
    ends = list(accumulate(sizes))
    expected = [
        index
        for index, (end, size) in enumerate(zip(ends, sizes, strict=True))
        if max(end - size, start) < min(end, stop)
    ]

    found = list(recipe.rows(start, stop))

    assert [row.id[0] for row in found] == expected
    for row in found:
        assert row.start + row.size_bytes == ends[row.id[0]]
        assert row.size_bytes == sizes[row.id[0]]


SIZES = (5).to_bytes(8, "little")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        msgpack.packb([1, 0, b"x" * 32]),
        msgpack.packb([2, 0, b"x" * 32, SIZES]),
        msgpack.packb([1, 0, b"x" * 32, SIZES, 0]),
        msgpack.packb([1, 0, "x" * 32, SIZES]),
        msgpack.packb([1, -1, b"x" * 32, SIZES]),
        msgpack.packb([1, LEVELS_MAX, b"x" * 32, SIZES]),
        msgpack.packb([1, 0, b"", b""]),
        msgpack.packb([1, 0, b"x" * 31, SIZES]),
        msgpack.packb([1, 0, b"x" * 64, SIZES]),
        msgpack.packb([1, 0, b"x" * 32, SIZES[:7]]),
        msgpack.packb([1, 0, b"x" * 32, bytes(8)]),
        msgpack.packb([1, 0, b"x" * 64, b"\xff" * 16]),
        msgpack.packb({"version": 1}),
        msgpack.packb([1, 0, b"x" * 32, SIZES]) + b"\x00",
    ],
)
def test_what_is_no_recipe_is_damage(data: bytes) -> None:
    with pytest.raises(CorruptDataError):
        decode_recipe(data)


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_damage(data: bytes) -> None:
    try:
        recipe = decode_recipe(data)
    except CorruptDataError:
        return
    assert len(recipe) > 0


def test_encoding_is_canonical() -> None:
    sizes = array("Q", [1, 2])

    assert encode_recipe(0, b"x" * 64, sizes) == msgpack.packb(
        [1, 0, b"x" * 64, bytes([1, *[0] * 7, 2, *[0] * 7])]
    )
