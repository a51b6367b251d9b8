"""An object made of parts is the one that a single write would have made."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakebed.server.chunks import joining, recipe_builder
from lakebed.server.chunks.cutting import (
    CHUNK_BYTES_MAX,
    LARGE_BYTES_MIN,
    StreamCutter,
)
from lakebed.server.chunks.index import StoredFrame
from lakebed.server.chunks.ingest import BlobWriter
from lakebed.server.chunks.joining import JoinedBlob, join_blob
from lakebed.server.chunks.pieces import (
    Piece,
    PieceEnd,
    decode_pieces,
    encode_pieces,
    raw_chunk,
    whole_chunk,
)
from lakebed.server.errors import CorruptDataError
from lakebed.server.ids import BlobId, ChunkId, Kind, hash_chunk

from support.blobs import SmallLake, random_bytes

MIB = 1024 * 1024


class PartLake(SmallLake):
    """A small lake that takes in parts and joins them; counts what joining touches."""

    def __init__(self) -> None:
        super().__init__()
        self.read_bytes = 0
        self.recorded: list[StoredFrame] = []

    def put_part(self, data: bytes) -> list[Piece]:
        """Store a part as the server does; return its pieces."""
        chunks: list[tuple[ChunkId, int]] = []
        writer = BlobWriter(
            self.appender,
            self.index.find_stored,
            on_chunk=lambda id_, size: chunks.append((id_, size)),
        )
        writer.write(data)
        blob = writer.finish()
        self.record(blob)
        if not data:
            return []
        if not chunks:
            return [raw_chunk(blob.blob_id, len(data))]
        return [
            whole_chunk(id_, size, is_last=number == len(chunks))
            for number, (id_, size) in enumerate(chunks, 1)
        ]

    def read(self, pieces: Sequence[Piece]) -> list[bytes]:
        self.read_bytes += sum(piece.size_bytes for piece in pieces)
        ids = [piece.chunk_id for piece in pieces]
        chunks = self.chunks.read_blocking(Kind.CHUNK, ids)
        return [
            chunk[piece.start : piece.stop]
            for piece, chunk in zip(pieces, chunks, strict=True)
        ]

    def keep(self, stored: Sequence[StoredFrame]) -> None:
        self.appender.sync()
        self.index.record(stored)
        self.recorded += stored

    def join(self, parts: Sequence[Sequence[Piece]]) -> JoinedBlob:
        """Join `parts` and record the result."""
        pieces = [piece for part in parts for piece in part]
        blob = join_blob(
            iter(pieces),
            sum(piece.size_bytes for piece in pieces),
            read=self.read,
            appender=self.appender,
            find_stored=self.index.find_stored,
            record=self.keep,
        )
        self.keep([*blob.stored, *self.appender.append(blob.frames)])
        return blob


def blob_id_of(data: bytes) -> bytes:
    return SmallLake().put(data)


def split(data: bytes, at: Sequence[int]) -> list[bytes]:
    bounds = [0, *sorted(at), len(data)]
    return [data[start:stop] for start, stop in pairwise(bounds)]


def slice_pieces(pieces: Sequence[Piece], start: int, stop: int) -> list[Piece]:
    """Return the pieces of a range, as a copy makes them, in the slow obvious way."""
    sliced: list[Piece] = []
    for piece, end in zip(
        pieces, accumulate(piece.size_bytes for piece in pieces), strict=True
    ):
        begin = end - piece.size_bytes
        first, last = max(start, begin), min(stop, end)
        if (first, last) == (begin, end):
            sliced.append(piece)
        elif first < last:
            sliced.append(
                Piece(
                    piece.chunk_id,
                    piece.chunk_bytes,
                    first - begin,
                    last - begin,
                    PieceEnd.RAW,
                )
            )
    return sliced


low_entropy = st.sampled_from([b"\0", b"a", b"ab", b"row,of,text\n", b"\0\1" * 700])


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """Up to some 6 MiB: random, periodic, or runs of both."""
    runs: list[bytes] = []
    for _ in range(draw(st.integers(1, 4))):
        size = draw(st.integers(0, 3 * MIB // 2))
        if draw(st.booleans()):
            runs.append(random_bytes(size, draw(st.integers(0, 3))))
        else:
            word = draw(low_entropy)
            runs.append((word * (size // len(word) + 1))[:size])
    return b"".join(runs)


@st.composite
def splits(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    data = draw(contents())
    at = draw(st.lists(st.integers(0, len(data)), max_size=6))
    return data, at


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.data_too_large]
)
@given(case=splits())
async def test_parts_make_the_blob_of_a_single_write(
    case: tuple[bytes, list[int]],
) -> None:
    data, at = case
    lake = PartLake()

    blob = lake.join([lake.put_part(part) for part in split(data, at)])

    assert blob.blob_id == blob_id_of(data)
    assert await lake.get(blob.blob_id, len(data)) == data


@settings(max_examples=40, deadline=None)
@given(source=contents(), draw=st.data())
async def test_ranges_of_other_objects_make_the_blob_of_a_single_write(
    source: bytes, draw: st.DataObject
) -> None:
    lake = PartLake()
    pieces = lake.put_part(source)
    places = st.integers(0, len(source))
    ranges = [
        sorted(draw.draw(st.tuples(places, places)))
        for _ in range(draw.draw(st.integers(1, 4)))
    ]
    data = b"".join(source[start:stop] for start, stop in ranges)

    blob = lake.join([slice_pieces(pieces, start, stop) for start, stop in ranges])

    assert blob.blob_id == blob_id_of(data)


def test_only_what_lies_around_a_seam_is_read_and_stored() -> None:
    """Parts of random bytes meet after a chunk or two, so a seam costs at most 4 MiB."""
    lake = PartLake()
    parts = [lake.put_part(random_bytes(16 * MIB, seed)) for seed in range(4)]
    before = len(lake.index.rows)

    blob = lake.join(parts)

    data = b"".join(random_bytes(16 * MIB, seed) for seed in range(4))
    assert blob.blob_id == blob_id_of(data)
    assert lake.read_bytes < 3 * 4 * MIB
    assert len(lake.index.rows) - before <= 3 * 8 + 1


def test_a_single_part_is_the_object_and_nothing_of_it_is_read() -> None:
    lake = PartLake()
    data = random_bytes(5 * MIB)
    pieces = lake.put_part(data)

    blob = lake.join([pieces])

    assert lake.read_bytes == 0
    assert [frame.kind for frame in blob.frames] == [Kind.RECIPE]
    assert blob.blob_id == blob_id_of(data)


def test_a_small_object_of_one_part_is_stored_already() -> None:
    lake = PartLake()

    blob = lake.join([[], lake.put_part(b"small"), []])

    assert (blob.blob_id, blob.frames) == (BlobId(hash_chunk(b"small")), ())
    assert lake.read_bytes == 0


def test_an_object_of_empty_parts_is_empty() -> None:
    blob = PartLake().join([[], []])

    assert (blob.blob_id, blob.frames) == (BlobId(hash_chunk(b"")), ())


def test_small_parts_below_the_size_that_is_cut_become_one_chunk() -> None:
    lake = PartLake()
    data = random_bytes(LARGE_BYTES_MIN - 1)

    blob = lake.join([lake.put_part(part) for part in split(data, [5, 700_000])])

    assert blob.blob_id == BlobId(hash_chunk(data))


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_constant_bytes_meet_only_where_chunks_are_aligned(extra: int) -> None:
    """Zeros are cut at the maximum: shifted by a byte, no two cuts ever meet."""
    lake = PartLake()
    part = bytes(5 * CHUNK_BYTES_MAX + extra)
    parts = [lake.put_part(part) for _ in range(3)]

    blob = lake.join(parts)

    assert blob.blob_id == blob_id_of(part * 3)
    assert (lake.read_bytes == 0) == (extra == 0)


def test_parts_that_end_exactly_where_the_whole_is_cut() -> None:
    """Of small parts too, which the chunker never saw: they are bytes like any others."""
    lake = PartLake()
    data = random_bytes(8 * MIB, 9)
    cutter = StreamCutter()
    chunks = [bytes(chunk) for chunk in [*cutter.cut([data]), *cutter.finish()]]

    for size in (1, 2, 3):
        parts = [
            lake.put_part(b"".join(chunks[at : at + size]))
            for at in range(0, len(chunks), size)
        ]
        assert lake.join(parts).blob_id == blob_id_of(data)


def test_a_tree_of_recipes_is_that_of_a_single_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recipe_builder, "FLAT_ROWS_MAX", 4)
    monkeypatch.setattr(recipe_builder, "ROWS_MIN", 1)
    monkeypatch.setattr(recipe_builder, "ROWS_MAX", 3)
    monkeypatch.setattr(joining, "_RECORDS_MAX", 1)
    monkeypatch.setattr(joining, "_STORED_MAX", 2)
    lake = PartLake()
    data = random_bytes(10 * MIB, 4)

    blob = lake.join([lake.put_part(part) for part in split(data, [3 * MIB, 7 * MIB])])

    assert blob.blob_id == blob_id_of(data)
    assert lake.recorded


def test_many_tiny_parts_are_read_once() -> None:
    lake = PartLake()
    data = random_bytes(4_000 * 700)
    parts = [lake.put_part(data[at : at + 700]) for at in range(0, len(data), 700)]

    blob = lake.join(parts)

    assert blob.blob_id == blob_id_of(data)
    assert lake.read_bytes == len(data)


def test_what_is_stored_on_the_way_is_recorded_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An object that is cut anew throughout must not pile up a row a chunk in memory."""
    monkeypatch.setattr(joining, "_STORED_MAX", 4)
    lake = PartLake()
    data = random_bytes(12 * MIB)
    parts = [lake.put_part(part) for part in split(data, range(0, len(data), 999_999))]
    lake.recorded.clear()

    blob = lake.join(parts)

    assert blob.blob_id == blob_id_of(data)
    assert len(blob.stored) < 12
    assert len(lake.recorded) > 20


def test_what_the_lake_has_already_is_not_stored_again() -> None:
    lake = PartLake()
    data = random_bytes(9 * MIB)
    lake.put(data)
    parts = [lake.put_part(part) for part in split(data, [4 * MIB])]
    before = len(lake.index.rows)

    lake.join(parts)

    assert len(lake.index.rows) == before


@st.composite
def some_piece(draw: st.DrawFn) -> Piece:
    size = draw(st.integers(1, CHUNK_BYTES_MAX))
    end = draw(st.sampled_from(PieceEnd))
    start = draw(st.integers(0, size - 1)) if end is PieceEnd.RAW else 0
    chunk_id = ChunkId(bytes([draw(st.integers(0, 255))]) * 32)
    return Piece(chunk_id, size, start, size, end)


pieces_of_parts = st.lists(some_piece(), max_size=5)


@given(pieces=pieces_of_parts)
def test_pieces_come_back_as_they_were(pieces: list[Piece]) -> None:
    assert list(decode_pieces(encode_pieces(pieces))) == pieces


@given(pieces=pieces_of_parts.filter(bool), cut=st.integers(1, 36))
def test_pieces_that_were_cut_short_are_damage(pieces: list[Piece], cut: int) -> None:
    data = encode_pieces(pieces)
    row_bytes = 45 if pieces[-1].end is PieceEnd.RAW else 37

    with pytest.raises(CorruptDataError):
        list(decode_pieces(data[: -(1 + cut % (row_bytes - 1))]))


@given(noise=st.binary(max_size=200))
def test_noise_is_pieces_or_damage(noise: bytes) -> None:
    try:
        pieces = list(decode_pieces(b"\x01" + noise))
    except CorruptDataError:
        return
    assert encode_pieces(pieces) == (b"\x01" + noise if noise else b"")


def test_pieces_are_those_of_format_1() -> None:
    """A failure here means that uploads under way can no longer be completed."""
    golden = Path(__file__).parents[3] / "golden" / "pieces-v1.hex"
    data = bytes.fromhex(golden.read_text())
    pieces = [
        Piece(ChunkId(bytes(range(32))), 1_048_576, 0, 1_048_576, PieceEnd.CUT),
        Piece(ChunkId(bytes(range(1, 33))), 300_000, 0, 300_000, PieceEnd.END),
        Piece(ChunkId(bytes(range(2, 34))), 500, 7, 400, PieceEnd.RAW),
    ]

    assert encode_pieces(pieces) == data
    assert list(decode_pieces(data)) == pieces


def test_slices_of_the_tests_are_right() -> None:
    lake = PartLake()
    data = random_bytes(3 * MIB)
    pieces = lake.put_part(data)
    rng = random.Random(7)

    for _ in range(20):
        start, stop = sorted(rng.sample(range(len(data)), 2))
        sliced = slice_pieces(pieces, start, stop)
        assert b"".join(lake.read(sliced)) == data[start:stop]
