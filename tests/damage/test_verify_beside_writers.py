"""A verification beside writers of the same lake finds nothing wrong where nothing is."""

from __future__ import annotations

import asyncio
import random
import shutil
from contextlib import suppress

from lakebed.server.errors import NothingToCommitError
from lakebed.server.repository import commits, objects, repositories
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.verifying.run import verify

from support.engines import make_directory, open_engine

R = "repo"
SIZES = (10, 5_000, 1_300_000)
VERIFICATIONS = 5


async def write(engine: Engine, writer: int, stop: asyncio.Event) -> int:
    """Put and commit until `stop`; return how often."""
    chance = random.Random(writer)
    count = 0
    while not stop.is_set():
        path = b"%d/%d" % (writer, chance.randrange(200))
        body = chance.randbytes(chance.choice(SIZES))
        await objects.put_object(engine, R, "main", path, body)
        count += 1
        if count % 7 == 0:
            with suppress(NothingToCommitError):
                await commits.commit_branch(engine, R, "main", message="m", actor="me")
    return count


async def test_verify_beside_writers_finds_nothing() -> None:
    directory = make_directory()
    stop = asyncio.Event()
    async with open_engine(directory) as engine, open_engine(directory) as other:
        await repositories.create_repository(engine, R, actor="me")
        writers = [asyncio.create_task(write(engine, each, stop)) for each in range(3)]
        reports = [await verify(other) for _ in range(VERIFICATIONS)]
        stop.set()
        counts = await asyncio.gather(*writers)
        reports.append(await verify(other))
    shutil.rmtree(directory)

    assert min(counts) > 0, "nobody wrote: the test tests nothing"
    assert [report.faults for report in reports] == [[]] * len(reports)
    assert reports[-1].quarantined == reports[-1].healed == 0
