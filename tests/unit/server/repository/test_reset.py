"""What a reset leaves behind."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest
from lakebed.server.repository import branches, objects, repositories
from lakebed.server.repository.engine import Engine

from support.engines import make_directory, open_engine

R = "repo"


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    directory = make_directory()
    async with open_engine(directory) as engine:
        await repositories.create_repository(engine, R, actor="me")
        yield engine
    shutil.rmtree(directory)


async def test_rows_of_a_whole_reset_go_without_waiting_for_a_commit(
    engine: Engine,
) -> None:
    """A million of them would be passed by every page of every listing."""
    await objects.put_object(engine, R, "main", b"a", b"1")
    branch = await branches.get_branch(engine, R, "main")

    await branches.reset_branch(engine, R, "main")
    await asyncio.gather(*engine.chores)

    assert (
        await engine.metadata.write(lambda tx: tx.purge_dead(branch.id, limit=9)) == 0
    )
