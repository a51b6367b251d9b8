"""Reads are verified, find what has moved, and open only what they need."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.server.chunks.blobs import AHEAD_MAX, SLOW_S, STEP_BYTES, BlobReader
from lakebed.server.chunks.codec import Codec, encode_with_base
from lakebed.server.chunks.index import Location
from lakebed.server.errors import CorruptDataError, MissingDataError
from lakebed.server.ids import BlobId, ChunkId, Kind, hash_chunk
from lakebed.server.storage.store import new_pack_name

from support.blobs import SmallLake, chunk, node, random_bytes

DATA = random_bytes(5_000_000) + bytes(1_200_000) + b"text, " * 100_000
LAKE = SmallLake()
BLOB_ID = LAKE.put(DATA)
SMALL = DATA[:700_000]
SMALL_ID = LAKE.put(SMALL)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(DATA)), st.integers(0, len(DATA)), st.booleans())
def test_any_range_is_a_slice(one: int, other: int, small: bool) -> None:
    blob_id, data = (SMALL_ID, SMALL) if small else (BLOB_ID, DATA)
    start, stop = sorted(min(edge, len(data)) for edge in (one, other))

    got = asyncio.run(LAKE.get(blob_id, len(data), start, stop))

    assert got == data[start:stop]


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 4), (0, 11), (12, 12)])
async def test_a_range_that_is_none_is_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="range"):
        await LAKE.get(BlobId(bytes(32)), 10, start, stop)


async def test_a_range_opens_only_its_chunks() -> None:
    lake = SmallLake()
    blob_id = lake.put(DATA)
    recipe = await lake.blobs.read_recipe(blob_id)
    row = recipe.row(5)
    lake.index.finds.clear()

    await lake.get(blob_id, len(DATA), row.start + 10, row.start + 20)

    assert lake.index.finds == [(Kind.CHUNK, (row.id,))]


async def test_a_recipe_is_read_once_for_many_ranges() -> None:
    lake = SmallLake()
    blob_id = lake.put(DATA)
    for at in range(0, len(DATA), 1_000_000):
        await lake.get(blob_id, len(DATA), at, at + 5)

    assert [kind for kind, _ in lake.index.finds].count(Kind.RECIPE) == 1


async def test_a_download_reads_a_bounded_way_ahead() -> None:
    lake = SmallLake()
    blob_id = lake.put(DATA)
    pieces = lake.blobs.iter_blob(blob_id, len(DATA))
    lake.index.finds.clear()

    first = await anext(pieces)
    for _ in range(5):
        await asyncio.sleep(0)

    chunks_asked = [id_ for _, ids in lake.index.finds[1:] for id_ in ids]
    assert first == DATA[: len(first)]
    assert len(chunks_asked) * 65_536 <= 4 * 1024 * 1024
    await pieces.aclose()


async def test_downloads_beyond_a_few_hold_a_step_each_until_one_ends() -> None:
    lake = SmallLake()
    blob_id = lake.put(DATA)
    crowd = [lake.blobs.iter_blob(blob_id, len(DATA)) for _ in range(AHEAD_MAX + 3)]

    sizes = [len(await anext(pieces)) for pieces in crowd]
    late = await anext(crowd[-1])
    await crowd[0].aclose()
    after = await anext(crowd[-1])
    still_late = await anext(crowd[-2])

    assert min(sizes[:AHEAD_MAX]) >= STEP_BYTES
    assert sizes[AHEAD_MAX:] == [STEP_BYTES] * 3
    assert isinstance(late, bytes)  # a view of a chunk would hold the chunk
    assert late == DATA[STEP_BYTES : 2 * STEP_BYTES]
    assert DATA[2 * STEP_BYTES :].startswith(after)
    assert len(after) != STEP_BYTES
    assert len(still_late) == STEP_BYTES
    for pieces in crowd[1:]:
        await pieces.aclose()
    assert await lake.get(blob_id, len(DATA)) == DATA


async def test_a_slow_client_gives_up_reading_ahead_and_gets_it_back() -> None:
    lake = SmallLake()
    blob_id = lake.put(DATA)
    now = 0.0
    blobs = BlobReader(lake.chunks, clock=lambda: now)
    got: list[bytes] = []
    sizes: list[int] = []

    async for piece in blobs.iter_blob(blob_id, len(DATA)):
        got.append(bytes(piece))
        sizes.append(len(piece))
        if len(got) <= 4:
            now += 2 * SLOW_S

    assert sizes[1:5] == [STEP_BYTES] * 4
    assert max(sizes[5:]) > STEP_BYTES
    assert b"".join(got) == DATA


async def test_a_download_that_is_given_up_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    pieces = LAKE.blobs.iter_blob(BLOB_ID, len(DATA))
    await anext(pieces)

    await pieces.aclose()

    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("size_bytes", [len(DATA) - 1, len(DATA) + 1])
async def test_an_object_of_another_size_is_damage(size_bytes: int) -> None:
    with pytest.raises(CorruptDataError, match="bytes long"):
        await LAKE.get(BLOB_ID, size_bytes)
    with pytest.raises(CorruptDataError, match="bytes long"):
        await LAKE.get(SMALL_ID, len(SMALL) - 1)


def test_blocking_and_async_reads_agree_and_keep_the_order() -> None:
    lake = SmallLake()
    frames = [chunk(b"one"), chunk(b"two"), chunk(random_bytes(400_000)), chunk(b"")]
    lake.index.record(lake.appender.append(frames))
    ids = [frame.id for frame in [*reversed(frames), *frames]]
    expected = [frame.data for frame in [*reversed(frames), *frames]]

    assert lake.chunks.read_blocking(Kind.CHUNK, ids) == expected
    assert asyncio.run(lake.chunks.read(Kind.CHUNK, ids)) == expected
    assert asyncio.run(lake.chunks.read(Kind.CHUNK, ids[:2])) == expected[:2]
    assert asyncio.run(lake.chunks.read(Kind.CHUNK, [])) == []


@pytest.mark.parametrize("size", [60, 5_000, 300_000])
async def test_damage_to_any_byte_of_a_chunk_is_detected(size: int) -> None:
    lake = SmallLake()
    frame = chunk(random_bytes(size))
    at = lake.appender.append([frame])[0].location
    lake.index.rows[Kind.CHUNK, frame.id] = at
    for offset in range(at.offset, at.offset + size, max(1, size // 200)):
        lake.memory.damage(at.pack, offset)

        with pytest.raises(CorruptDataError) as blocking:
            lake.chunks.read_blocking(Kind.CHUNK, [frame.id])
        with pytest.raises(CorruptDataError):
            await lake.chunks.read(Kind.CHUNK, [frame.id])

        for name in ("chunk", frame.id.hex(), at.pack):
            assert name in str(blocking.value)
        lake.memory.damage(at.pack, offset)


async def test_damage_to_a_compressed_node_never_gives_other_bytes() -> None:
    """zstd has bits that mean nothing: a flip there changes nothing, so it may read on."""
    lake = SmallLake()
    frame = node(b"".join(index.to_bytes(4, "big") * 3 for index in range(500)))
    at = lake.appender.append([frame])[0].location
    lake.index.rows[Kind.NODE, frame.id] = at
    harmless = 0
    for offset in range(at.offset, at.offset + at.stored_bytes):
        lake.memory.damage(at.pack, offset)
        try:
            assert await lake.chunks.read(Kind.NODE, [frame.id]) == [frame.data]
            harmless += 1
        except CorruptDataError:
            pass
        lake.memory.damage(at.pack, offset)

    assert at.stored_bytes < len(frame.data) / 2
    assert harmless <= 8


async def test_no_byte_of_a_damaged_chunk_leaves_a_download() -> None:
    lake = SmallLake()
    blob_id = lake.put(DATA)
    recipe = await lake.blobs.read_recipe(blob_id)
    row = recipe.row(7)
    at = lake.index.rows[Kind.CHUNK, row.id]
    lake.memory.damage(at.pack, at.offset + at.stored_bytes - 1)
    got = b""

    async def download() -> None:
        nonlocal got
        async for piece in lake.blobs.iter_blob(blob_id, len(DATA)):
            got += bytes(piece)

    with pytest.raises(CorruptDataError, match=row.id.hex()):
        await download()

    assert got == DATA[: len(got)]
    assert len(got) <= row.start


async def test_what_is_not_stored_is_missing() -> None:
    lake = SmallLake()
    nothing = hash_chunk(b"nothing")

    with pytest.raises(MissingDataError, match=nothing.hex()):
        await lake.chunks.read(Kind.CHUNK, [nothing])
    with pytest.raises(MissingDataError, match=nothing.hex()):
        lake.chunks.read_blocking(Kind.CHUNK, [nothing])


async def test_a_pack_that_is_gone_is_missing_and_named() -> None:
    lake = SmallLake()
    frame = chunk(b"data")
    stored = lake.appender.append([frame])[0]
    lake.index.record([stored])
    lake.memory.delete(stored.location.pack)

    with pytest.raises(MissingDataError, match=frame.id.hex()):
        await lake.chunks.read(Kind.CHUNK, [frame.id])


@pytest.mark.parametrize("size", [100, 400_000])
@pytest.mark.parametrize("how", ["blocking", "async"])
async def test_a_chunk_that_moves_during_a_read_is_found_again(
    size: int, how: str
) -> None:
    """Small packs are merged in the background, and the old ones deleted."""
    lake = SmallLake()
    frame = chunk(random_bytes(size))
    old = lake.appender.append([frame])[0]
    lake.index.record([old])
    lake.appender.close()
    other = SmallLake(lake.memory)
    new = other.appender.append([frame])[0]

    def move() -> None:
        lake.index.rows[Kind.CHUNK, frame.id] = new.location
        lake.memory.delete(old.location.pack)

    lake.index.on_find = move

    if how == "async":
        assert await lake.chunks.read(Kind.CHUNK, [frame.id]) == [frame.data]
    else:
        assert lake.chunks.read_blocking(Kind.CHUNK, [frame.id]) == [frame.data]


async def test_a_chunk_recorded_after_the_first_look_is_found() -> None:
    lake = SmallLake()
    frame = chunk(b"just in time")
    stored = lake.appender.append([frame])
    lake.index.on_find = lambda: lake.index.record(stored)

    assert await lake.chunks.read(Kind.CHUNK, [frame.id]) == [frame.data]


def lake_with_base(base_codec: Codec = Codec.PLAIN) -> tuple[SmallLake, bytes]:
    """Return a lake with a chunk compressed by a base chunk, and its plain bytes."""
    lake = SmallLake()
    base = random_bytes(50_000)
    data = base[:20_000] + b"changed" + base[20_000:]
    stored = lake.appender.append([chunk(base)])[0]
    lake.index.record([stored])
    if base_codec is Codec.ZSTD_BASE:
        at = stored.location
        lake.index.rows[Kind.CHUNK, stored.id] = Location(
            at.pack, at.offset, at.stored_bytes, at.plain_bytes, 2, hash_chunk(b"")
        )
    payload = encode_with_base(data, base)
    name = new_pack_name()
    offset = lake.memory.create(name).append([payload])
    lake.index.rows[Kind.CHUNK, hash_chunk(data)] = Location(
        name, offset, len(payload), len(data), Codec.ZSTD_BASE, ChunkId(stored.id)
    )
    return lake, data


async def test_a_chunk_with_a_base_is_read_through_it() -> None:
    lake, data = lake_with_base()

    assert await lake.chunks.read(Kind.CHUNK, [hash_chunk(data)]) == [data]
    assert lake.chunks.read_blocking(Kind.CHUNK, [hash_chunk(data)]) == [data]
    at = lake.index.rows[Kind.CHUNK, hash_chunk(data)]
    assert await lake.chunks.read_at(Kind.CHUNK, hash_chunk(data), at) == data


async def test_a_base_with_a_base_is_refused() -> None:
    lake, data = lake_with_base(Codec.ZSTD_BASE)

    with pytest.raises(CorruptDataError, match="base itself"):
        await lake.chunks.read(Kind.CHUNK, [hash_chunk(data)])


async def test_a_damaged_base_is_told() -> None:
    lake, data = lake_with_base()
    base = lake.index.rows[Kind.CHUNK, hash_chunk(data)].base
    assert base is not None
    at = lake.index.rows[Kind.CHUNK, base]
    lake.memory.damage(at.pack, at.offset)

    with pytest.raises(CorruptDataError, match=base.hex()):
        await lake.chunks.read(Kind.CHUNK, [hash_chunk(data)])


async def test_with_verification_off_damage_would_be_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: it is the hash that finds damage to plain bytes, nothing else."""
    lake = SmallLake()
    frame = chunk(random_bytes(1000))
    stored = lake.appender.append([frame])[0]
    lake.index.record([stored])
    lake.memory.damage(stored.location.pack, stored.location.offset)

    def believe(kind: Kind, data: bytes) -> bytes:
        return frame.id

    monkeypatch.setattr("lakebed.server.chunks.reader.hash_stored", believe)

    assert await lake.chunks.read(Kind.CHUNK, [frame.id]) != [frame.data]


async def test_a_place_that_is_out_of_date_is_looked_up_again() -> None:
    """Packs are merged in the background: what was read before lies elsewhere now."""
    lake = SmallLake()
    blob = lake.put(b"moved")
    assert await lake.get(blob, 5) == b"moved"
    (old,) = lake.storage.names()

    merged = SmallLake(storage=lake.storage)
    merged.put(b"moved")
    lake.index.rows = merged.index.rows
    lake.storage.delete(old)

    assert await lake.get(blob, 5) == b"moved"
    lake.index.finds.clear()
    assert await lake.get(blob, 5) == b"moved"
    assert await lake.get(blob, 5) == b"moved"
    assert len(lake.index.finds) == 1, "the new place is not remembered"
