"""A lake in a directory, through both clients."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from lakebed.client import AsyncLake, Lake, Repository, connect, connect_async

from support.engines import make_directory


@pytest.fixture
def directory() -> Generator[Path]:
    made = make_directory()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def lake(directory: Path) -> Generator[Lake]:
    with connect(directory / "lake", create_directory=True) as opened:
        yield opened


@pytest.fixture
def repository(lake: Lake) -> Repository:
    return lake.create_repository("penguins")


@pytest.fixture
async def async_lake(directory: Path) -> AsyncGenerator[AsyncLake]:
    async with connect_async(directory / "lake", create_directory=True) as opened:
        yield opened
