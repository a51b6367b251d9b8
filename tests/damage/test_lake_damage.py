"""Whatever is damaged in a lake's packs, a reader gets the right bytes or an error."""

from __future__ import annotations

import random
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from lakebed.server.chunks.scanning import PackScan
from lakebed.server.errors import CorruptDataError
from lakebed.server.repository import commits, listings, logs, objects, repositories
from lakebed.server.repository.engine import Engine
from lakebed.server.storage.local import LocalPackStorage
from lakebed.server.tree.entry import Entry

from support.engines import make_directory, open_engine

R = "repo"
SEED = random.Random(7)
BODIES = {
    b"empty": b"",
    b"text": b"all work and no play " * 200,
    b"noise": SEED.randbytes(20_000),
    b"large": SEED.randbytes(2_000_000),
}


@pytest.fixture
async def lake() -> AsyncIterator[Path]:
    directory = make_directory()
    async with open_engine(directory / "lake") as engine:
        await repositories.create_repository(engine, R, actor="me")
        for path, body in BODIES.items():
            await objects.put_object(engine, R, "main", path, body)
        await commits.commit_branch(engine, R, "main", message="m", actor="me")
    yield directory / "lake"
    shutil.rmtree(directory)


async def read_all(engine: Engine) -> dict[bytes, bytes]:
    """Read whatever can be read; each object by itself."""
    found: dict[bytes, bytes] = {}
    with suppress(CorruptDataError):
        await logs.list_log(engine, R, "main", limit=100)
        listing = await listings.list_objects(engine, R, "main", limit=100)
        for item in listing.items:
            if isinstance(item, Entry):
                with suppress(CorruptDataError):
                    pieces = objects.read_object(engine, item)
                    data = b"".join([bytes(piece) async for piece in pieces])
                    found[item.path] = data
    return found


def pack_files(lake: Path) -> list[Path]:
    files = sorted(lake.glob("packs/*/*.pack"))
    assert files
    return files


async def test_an_undamaged_lake_reads_whole(lake: Path) -> None:
    async with open_engine(lake) as engine:
        assert await read_all(engine) == BODIES


async def test_no_flipped_bit_is_ever_served(lake: Path) -> None:
    """A flip in each kind of frame, and in a few hundred places besides."""
    storage = LocalPackStorage(lake)
    noticed = 0
    for file in pack_files(lake):
        whole = file.read_bytes()
        frames = [f.location for f in PackScan(storage, file.stem).iter_index()]
        places = [f.offset + f.stored_bytes // 2 for f in frames]
        places += [SEED.randrange(len(whole)) for _ in range(60)]
        for place in places:
            damaged = bytearray(whole)
            damaged[place] ^= 1 << SEED.randrange(8)
            file.write_bytes(damaged)
            async with open_engine(lake) as engine:
                found = await read_all(engine)
            for path, data in found.items():
                assert data == BODIES[path], f"byte {place} of {file.name}"
            noticed += found != BODIES
            file.write_bytes(whole)
    assert noticed >= 5, "no damage was noticed: the test checks nothing"


@pytest.mark.parametrize("how", ["gone", "empty", "half", "swapped"])
async def test_a_pack_that_is_not_whole_is_an_error_that_names_it(
    lake: Path, how: str
) -> None:
    (file,) = pack_files(lake)
    data = file.read_bytes()
    match how:
        case "gone":
            file.unlink()
        case "empty":
            file.write_bytes(b"")
        case "half":
            file.write_bytes(data[: len(data) // 4])
        case _:
            file.write_bytes(data[len(data) // 2 :] + data[: len(data) // 2])

    async with open_engine(lake) as engine:
        with pytest.raises(CorruptDataError) as error:
            await listings.list_objects(engine, R, "main", limit=100)

    assert file.stem in str(error.value)


async def test_the_index_can_be_made_from_the_packs_alone(lake: Path) -> None:
    storage = LocalPackStorage(lake)
    scanned = {
        (frame.kind, frame.id): frame.location
        for name in storage.names()
        for frame in PackScan(storage, name).iter_index()
    }

    async with open_engine(lake) as engine:
        for (kind, id_), location in scanned.items():
            found = await engine.metadata.find(kind, [id_])
            assert found[id_] == location
    # Everything that can be reached is among them: nothing else is read.
    assert len(scanned) >= len(BODIES)
