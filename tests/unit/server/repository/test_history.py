"""Walks down a long history, beside everything else that the loop has to do."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest
from lakebed.server.history.commit import make_commit
from lakebed.server.refs.store import CommitRow
from lakebed.server.repository import commits, repositories, resolving
from lakebed.server.repository.contracts import WriteTransaction
from lakebed.server.repository.engine import Engine

from support.engines import make_directory, open_engine

R = "repo"
LENGTH = 300


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    directory = make_directory()
    async with open_engine(directory) as engine:
        await repositories.create_repository(engine, R, actor="me")
        yield engine
    shutil.rmtree(directory)


async def test_a_walk_lets_others_run(engine: Engine) -> None:
    repository = await resolving.get_repository(engine, R)
    newest = await commits.get_commit(engine, R, "main")
    rows: list[CommitRow] = []
    for number in range(LENGTH):
        newest, record = make_commit(
            tree_id=newest.tree_id,
            content_id=newest.content_id,
            parents=(newest,),
            committer="me",
            message=str(number),
            created_ms=0,
            metadata={},
        )
        rows.append(CommitRow(newest.id, record))

    async def record_all(tx: WriteTransaction) -> None:
        for row in rows:
            await tx.record_commit(repository.id, row)

    await engine.metadata.write(record_all)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(count_turns())
    await resolving.resolve(engine, R, f"{newest.id.hex()}~{LENGTH}")
    other.cancel()

    assert turns >= LENGTH // 10
