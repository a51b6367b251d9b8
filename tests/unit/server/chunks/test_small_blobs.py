"""Small objects read together: the same bytes for everybody, and little held for the slow."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest
from lakebed.server.chunks.blobs import AHEAD_MAX, SLOW_S, STEP_BYTES, BlobReader
from lakebed.server.errors import CorruptDataError
from lakebed.server.ids import BlobId
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.objects import put_object, stat_object
from lakebed.server.repository.repositories import create_repository

from support.engines import open_engine

SIZES = [0, 1, 4096, STEP_BYTES - 1, STEP_BYTES, STEP_BYTES + 1, 0, 2**20 - 1, 5]


Wanted = list[tuple[BlobId, int]]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with open_engine(tmp_path / "lake") as opened:
        await create_repository(opened, "lake", actor="me")
        yield opened


async def put_all(engine: Engine, bodies: Sequence[bytes]) -> Wanted:
    for number, body in enumerate(bodies):
        await put_object(engine, "lake", "main", b"%d" % number, body)
    names = [b"%d" % number for number in range(len(bodies))]
    found = [(await stat_object(engine, "lake", "main", name)).entry for name in names]
    return [(entry.blob_id, entry.size_bytes) for entry in found]


@pytest.mark.parametrize("kind", ["fast", "slow", "one of many"])
async def test_the_same_bytes_come_for_everybody(engine: Engine, kind: str) -> None:
    source = random.Random(1)
    bodies = [source.randbytes(size) for size in SIZES]
    wanted = await put_all(engine, bodies)
    now = itertools.count(step=2 * SLOW_S if kind == "slow" else 0)
    blobs = BlobReader(engine.chunks, clock=lambda: next(now))

    async with AsyncExitStack() as stack:
        if kind == "one of many":
            for _ in range(AHEAD_MAX):
                other = await stack.enter_async_context(
                    aclosing(blobs.iter_small(wanted))
                )
                await anext(other)
        pieces = [piece async for piece in blobs.iter_small(wanted)]

    assert b"".join(pieces) == b"".join(bodies)
    assert all(pieces)
    # Who is slow is seen by the first piece.
    steps = pieces if kind == "one of many" else pieces[1:]
    assert max(len(piece) for piece in steps) <= (
        2**20 if kind == "fast" else STEP_BYTES
    )
    if kind == "fast":
        assert len(pieces) < 4
    async with aclosing(blobs.iter_small(wanted)) as again:
        # Turns that were taken are given back, whoever stops early.
        assert len(await anext(again)) > STEP_BYTES


async def test_an_object_of_another_size_than_it_should_be_is_damage(
    engine: Engine,
) -> None:
    ((blob_id, _),) = await put_all(engine, [b"abc"])

    with pytest.raises(CorruptDataError, match="3 bytes long, not 4"):
        _ = [piece async for piece in engine.blobs.iter_small([(blob_id, 4)])]
