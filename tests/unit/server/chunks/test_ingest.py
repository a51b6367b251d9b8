"""An object becomes the same chunks, ids and digests however its bytes come in."""

from __future__ import annotations

import hashlib
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.server.chunks import ingest, recipe_builder
from lakebed.server.chunks.appender import PackAppender
from lakebed.server.chunks.cutting import LARGE_BYTES_MIN, StreamCutter
from lakebed.server.chunks.ingest import BATCH_BYTES, BlobWriter
from lakebed.server.chunks.pipeline import Lane
from lakebed.server.chunks.recipe import decode_recipe
from lakebed.server.errors import StorageFailedError, StorageFullError
from lakebed.server.ids import Kind, hash_chunk, hash_recipe
from lakebed.server.storage.memory import MemoryPackStorage

from support.blobs import SmallLake, random_bytes
from support.faults import Fault, FaultPlan, FaultyPackStorage

LARGE = random_bytes(3_500_000) + bytes(1_500_000) + b"row,of,text\n" * 100_000


async def test_an_empty_object_stores_nothing() -> None:
    lake = SmallLake()

    blob = lake.write([])
    lake.record(blob)

    assert (blob.frames, blob.stored, blob.reused) == ((), (), ())
    assert blob.blob_id == blake3(b"").digest()
    assert blob.md5 == hashlib.md5(b"").digest()
    assert await lake.get(blob.blob_id, 0) == b""


@pytest.mark.parametrize("size", [1, 1000, LARGE_BYTES_MIN - 1])
async def test_a_small_object_is_one_chunk_named_as_b3sum_names_it(size: int) -> None:
    lake = SmallLake()
    data = random_bytes(size)

    blob = lake.write([data])
    stored = lake.record(blob)

    assert blob.blob_id == blake3(data).digest()
    assert [(frame.kind, frame.id) for frame in stored] == [(Kind.CHUNK, blob.blob_id)]
    assert await lake.get(blob.blob_id, size) == data


def test_a_large_object_is_a_recipe_even_if_it_is_one_chunk() -> None:
    lake = SmallLake()

    blob = lake.write([bytes(LARGE_BYTES_MIN)])

    recipe = decode_recipe(bytes(blob.frames[0].data))
    assert blob.blob_id == blob.frames[0].id == hash_recipe(bytes(blob.frames[0].data))
    assert [row.id for row in recipe.rows(0, LARGE_BYTES_MIN)] == [
        hash_chunk(bytes(LARGE_BYTES_MIN))
    ]


async def test_a_large_object_is_what_the_chunker_cuts() -> None:
    lake = SmallLake()

    blob = lake.write([LARGE])
    lake.record(blob)

    cutter = StreamCutter()
    chunks = [*cutter.cut([LARGE]), *cutter.finish()]
    recipe = decode_recipe(bytes(blob.frames[-1].data))
    assert [(row.id, row.size_bytes) for row in recipe.rows(0, len(LARGE))] == [
        (hash_chunk(chunk), len(chunk)) for chunk in chunks
    ]
    assert await lake.get(blob.blob_id, len(LARGE)) == LARGE


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, len(LARGE)), max_size=8), st.booleans())
def test_the_result_does_not_depend_on_the_pieces(
    splits: list[int], small: bool
) -> None:
    data = LARGE[: LARGE_BYTES_MIN - 5] if small else LARGE
    edges = [0, *sorted(min(split, len(data)) for split in splits), len(data)]
    whole = SmallLake().write([data])
    sha256 = hashlib.sha256()

    split = SmallLake().write([data[a:b] for a, b in pairwise(edges)], sums=[sha256])

    assert (split.blob_id, split.size_bytes) == (whole.blob_id, whole.size_bytes)
    assert split.md5 == whole.md5 == hashlib.md5(data).digest()
    assert sha256.digest() == hashlib.sha256(data).digest()
    assert [f.id for f in split.frames] == [f.id for f in whole.frames]
    assert [f.id for f in split.stored] == [f.id for f in whole.stored]


def test_a_buffer_may_be_used_again_after_write() -> None:
    """A server reads every piece into the same buffer."""
    buffer = bytearray(100_000)
    writer = BlobWriter(SmallLake().appender, lambda ids: set())
    for at in range(0, len(LARGE), len(buffer)):
        piece = LARGE[at : at + len(buffer)]
        buffer[: len(piece)] = piece
        writer.write(memoryview(buffer)[: len(piece)])

    blob = writer.finish()

    assert blob.blob_id == SmallLake().write([LARGE]).blob_id
    assert blob.md5 == hashlib.md5(LARGE).digest()


class Refusing:
    """A sum that does not like what it gets."""

    def update(self, data: bytes | memoryview, /) -> None:
        raise StorageFailedError("injected")


@pytest.mark.parametrize("data", [b"data", LARGE], ids=["small", "large"])
def test_what_a_sum_refuses_is_refused(data: bytes) -> None:
    with pytest.raises(StorageFailedError, match="injected"):
        SmallLake().write([data], sums=[hashlib.sha256(), Refusing()])


def test_a_chunk_that_repeats_is_stored_once() -> None:
    lake = SmallLake()

    blob = lake.write([bytes(8 * LARGE_BYTES_MIN)])

    assert len(blob.stored) == 1
    assert sum(frame.location.plain_bytes for frame in blob.stored) == LARGE_BYTES_MIN


def test_chunks_that_are_stored_already_are_reused_and_named() -> None:
    lake = SmallLake()
    first = lake.write([LARGE])
    lake.record(first)

    again = lake.write([LARGE])

    assert again.stored == ()
    assert set(again.reused) == {(frame.kind, frame.id) for frame in first.stored}
    assert again.blob_id == first.blob_id


def test_a_mebibyte_inserted_in_the_middle_stores_little_more() -> None:
    lake = SmallLake()
    data = random_bytes(32 * 1024 * 1024)
    lake.put(data)
    middle = len(data) // 2

    stored = lake.record(
        lake.write([data[:middle], random_bytes(1024 * 1024, seed=2), data[middle:]])
    )

    assert sum(f.location.stored_bytes for f in stored) <= 4 * 1024 * 1024


async def test_records_of_a_huge_recipe_leave_on_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recipe_builder, "FLAT_ROWS_MAX", 4)
    monkeypatch.setattr(recipe_builder, "ROWS_MIN", 2)
    monkeypatch.setattr(recipe_builder, "ROWS_MAX", 2)
    monkeypatch.setattr(ingest, "_RECORDS_KEPT_MAX", 1)
    lake = SmallLake()
    data = random_bytes(12_000_000)

    blob = lake.write([data])
    lake.record(blob)

    assert Kind.RECIPE in {frame.kind for frame in blob.stored}
    assert await lake.get(blob.blob_id, len(data)) == data


async def test_a_recipe_of_many_levels_is_read_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recipe_builder, "FLAT_ROWS_MAX", 4)
    monkeypatch.setattr(recipe_builder, "ROWS_MIN", 2)
    monkeypatch.setattr(recipe_builder, "ROWS_MAX", 3)
    lake = SmallLake()
    data = random_bytes(12_000_000)
    blob_id = lake.put(data)

    assert await lake.get(blob_id, len(data)) == data
    for start, stop in ((0, 1), (5_000_000, 5_000_001), (3_000_000, 9_000_000)):
        assert await lake.get(blob_id, len(data), start, stop) == data[start:stop]
    assert (await lake.blobs.read_recipe(blob_id)).level >= 2


def test_memory_does_not_grow_with_the_object() -> None:
    storage = MemoryPackStorage()

    def forget(name: str, size: int) -> None:
        storage.delete(name)

    appender = PackAppender(
        storage, lambda name: None, forget, pack_bytes_max=2 * 1024 * 1024
    )
    piece = random_bytes(65_536)
    writer = BlobWriter(appender, lambda ids: set())
    for _ in range(100):
        writer.write(piece)
    tracemalloc.start()
    for index in range(500):
        writer.write(index.to_bytes(8, "big") + piece)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    writer.finish()

    assert peak_bytes <= 12 * BATCH_BYTES


@pytest.mark.parametrize("call", [0, 1, 2, 3])
def test_a_failing_disk_fails_the_upload(call: int) -> None:
    faulty = FaultyPackStorage(MemoryPackStorage(), FaultPlan(call, Fault.FULL))
    lake = SmallLake(faulty)

    with pytest.raises((StorageFullError, StorageFailedError)):
        lake.write([random_bytes(20_000_000)])

    assert faulty.injected


def test_uploads_in_few_threads_do_not_wait_for_each_other() -> None:
    lake = SmallLake()
    data = [random_bytes(6_000_000, seed=seed) for seed in range(4)]

    with ThreadPoolExecutor(4) as callers, ThreadPoolExecutor(1) as executor:

        def upload(content: bytes) -> bytes:
            writer = BlobWriter(
                lake.appender,
                lambda ids: set(),
                sums=[hashlib.sha256()],
                executor=executor,
            )
            writer.write(content)
            return writer.finish().md5

        digests = list(callers.map(upload, data))

    assert digests == [hashlib.md5(content).digest() for content in data]


def test_a_lane_runs_in_order_and_tells_the_first_failure() -> None:
    done: list[int] = []

    def fail() -> None:
        raise StorageFailedError("injected")

    with ThreadPoolExecutor(4) as executor:
        lane = Lane(executor)
        for number in range(100):
            lane.put(partial(done.append, number))
        lane.wait()
        lane.put(fail)
        with pytest.raises(StorageFailedError):
            lane.wait()
        with pytest.raises(StorageFailedError):
            lane.put(lambda: done.append(-1))

    assert done == list(range(100))
