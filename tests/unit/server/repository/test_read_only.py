"""A read-only repository refuses every change."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from lakebed.server.errors import ReadOnlyRepositoryError
from lakebed.server.repository import branches, repositories
from lakebed.server.repository.engine import Engine

from support.engines import make_directory, open_engine

R = "repo"


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    directory = make_directory()
    async with open_engine(directory) as engine:
        await repositories.create_repository(engine, R, actor="me", read_only=True)
        yield engine
    shutil.rmtree(directory)


async def test_no_branch_is_made(engine: Engine) -> None:
    with pytest.raises(ReadOnlyRepositoryError):
        await branches.create_branch(engine, R, "dev", "main", actor="me")


async def test_nothing_is_undone(engine: Engine) -> None:
    with pytest.raises(ReadOnlyRepositoryError):
        await branches.undo(engine, R, "main", actor="me")
