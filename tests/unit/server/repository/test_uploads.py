"""Uploads by the operations: what is stored, what is read, what expires."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from lakebed.server.errors import (
    InvalidPartError,
    MetadataTooLargeError,
    UploadNotFoundError,
)
from lakebed.server.ids import Kind
from lakebed.server.repository import objects, repositories
from lakebed.server.repository.completing import ListedPart
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.part_copies import copy_part
from lakebed.server.repository.uploads import (
    create_upload,
    expire_uploads,
    get_upload,
    put_part,
    start_expiring,
)
from lakebed.server.tree.entry import Entry
from lakebed.server.tree.extra import Extra

from support.engines import Clock, make_directory, open_engine
from support.uploads import USER, begin, complete, etag_of, listed, put_parts

R = "repo"
HOUR_MS = 3_600_000
MIB = 1024 * 1024


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def engine(clock: Clock) -> AsyncIterator[Engine]:
    directory = make_directory()
    async with open_engine(directory, clock=clock) as engine:
        await repositories.create_repository(engine, R, actor="me")
        yield engine
    shutil.rmtree(directory)


def random_bytes(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


async def stat(engine: Engine, path: bytes) -> Entry:
    return (await objects.stat_object(engine, R, "main", path)).entry


async def read(engine: Engine, path: bytes) -> bytes:
    pieces = objects.read_object(engine, await stat(engine, path))
    return b"".join([bytes(piece) async for piece in pieces])


async def test_the_object_is_that_of_a_single_put(engine: Engine) -> None:
    bodies = [random_bytes(3 * MIB, seed) for seed in range(3)]
    name = await begin(engine, R, b"parts")

    done = await complete(engine, name, await put_parts(engine, name, bodies))

    single = await objects.put_object(engine, R, "main", b"put", b"".join(bodies))
    entry = await stat(engine, b"parts")
    assert entry.blob_id == single.blob_id
    assert (entry.etag, entry.part_count) == (etag_of(bodies), 3)
    assert done.etag_text == objects.etag_text(entry)
    assert await read(engine, b"parts") == b"".join(bodies)


async def test_what_the_lake_has_is_not_stored_by_parts_either(engine: Engine) -> None:
    body = random_bytes(3 * MIB)
    await objects.put_object(engine, R, "main", b"put", body)
    recipe = (await engine.blobs.read_recipe((await stat(engine, b"put")).blob_id)).row
    before = engine.metadata.find_blocking(Kind.CHUNK, [recipe(0).id])
    name = await begin(engine, R, b"parts")

    await complete(engine, name, await put_parts(engine, name, [body]))

    assert (await stat(engine, b"parts")).blob_id == (
        await stat(engine, b"put")
    ).blob_id
    assert engine.metadata.find_blocking(Kind.CHUNK, [recipe(0).id]) == before


async def test_ten_thousand_tiny_parts_are_completed_in_one_pass(
    engine: Engine,
) -> None:
    """Quadratic work would take minutes; the bound only tells the two apart."""
    name = await begin(engine, R, b"tiny")
    bodies = [b"%0200d" % number for number in range(10_000)]
    parts: list[ListedPart] = []
    for at in range(0, 10_000, 500):
        some = enumerate(bodies[at : at + 500], at + 1)
        put = [put_part(engine, name, number, body) for number, body in some]
        parts += map(listed, await asyncio.gather(*put))

    before_s = time.process_time()
    done = await complete(engine, name, parts)

    assert time.process_time() - before_s < 20
    assert done.part_count == 10_000
    assert await read(engine, b"tiny") == b"".join(bodies)
    assert (await stat(engine, b"tiny")).etag == etag_of(bodies)


async def test_a_copied_range_is_not_stored_again(engine: Engine) -> None:
    source = random_bytes(5 * MIB)
    await objects.put_object(engine, R, "main", b"source", source)
    located = await objects.stat_object(engine, R, "main", b"source")
    name = await begin(engine, R, b"copy")
    parts = [
        listed(await copy_part(engine, name, number, located, start, stop))
        for number, (start, stop) in enumerate(
            [(0, 2 * MIB + 1), (2 * MIB + 1, 5 * MIB)], 1
        )
    ]

    await complete(engine, name, parts)

    assert (await stat(engine, b"copy")).blob_id == located.entry.blob_id


async def test_a_whole_object_of_one_piece_is_copied_unread(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = random_bytes(2 * MIB)
    put = await objects.put_object(engine, R, "main", b"source", source)
    located = await objects.stat_object(engine, R, "main", b"source")
    name = await begin(engine, R, b"copy")
    monkeypatch.setattr(type(engine.blobs), "iter_blob", None)

    part = await copy_part(engine, name, 1, located, 0, len(source))
    await complete(engine, name, [listed(part)])

    assert part.md5 == put.etag
    assert (await stat(engine, b"copy")).blob_id == put.blob_id


async def test_only_uploads_that_got_nothing_for_long_expire(
    engine: Engine, clock: Clock
) -> None:
    idle = await begin(engine, R, b"idle")
    await put_parts(engine, idle, [b"x"])
    busy = await begin(engine, R, b"busy")
    clock.now_ms += HOUR_MS
    await put_parts(engine, busy, [b"x"])

    assert await expire_uploads(engine, HOUR_MS // 2) == 1

    with pytest.raises(UploadNotFoundError):
        await get_upload(engine, idle)
    await get_upload(engine, busy)


async def test_a_server_ends_idle_uploads_by_itself(
    engine: Engine, clock: Clock
) -> None:
    idle = await begin(engine, R, b"idle")
    clock.now_ms += 3 * HOUR_MS

    start_expiring(engine, 2)

    async with asyncio.timeout(30):
        with suppress(UploadNotFoundError):
            while True:
                await get_upload(engine, idle)
                await asyncio.sleep(0)


async def test_metadata_that_leaves_no_room_for_checksums_is_refused_at_once(
    engine: Engine,
) -> None:
    extra = Extra(user_metadata={"k": "v" * 7_500})

    with pytest.raises(MetadataTooLargeError):
        await create_upload(engine, R, "main", b"p", initiator=USER, extra=extra)


async def test_a_missing_part_is_named(engine: Engine) -> None:
    name = await begin(engine, R, b"p")
    (part,) = await put_parts(engine, name, [b"x"])

    with pytest.raises(InvalidPartError, match="part 7 of the upload"):
        await complete(engine, name, [part, type(part)(7, part.etag)])


async def test_no_lease_is_left_over(engine: Engine, clock: Clock) -> None:
    """What a lease keeps cannot be collected for a day after the object is gone."""
    body = random_bytes(3 * MIB)
    await objects.put_object(engine, R, "main", b"put", body)
    located = await objects.stat_object(engine, R, "main", b"put")
    name = await begin(engine, R, b"parts")
    parts = await put_parts(engine, name, [body])
    parts.append(listed(await copy_part(engine, name, 2, located, 5, 2 * MIB)))

    await complete(engine, name, parts)

    clock.now_ms += 48 * HOUR_MS
    assert await engine.metadata.purge() == 0
