"""A server with a repository `lake`, and ways to ask it; and one of the lake of the story."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession

from support.api import Served, serve_api
from support.asking import Asker
from support.engines import Clock, make_directory
from support.story import Teller


@pytest.fixture
def directory() -> Generator[Path]:
    made = make_directory()
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def server(directory: Path) -> AsyncGenerator[Served]:
    async with serve_api(directory) as served:
        yield served


@pytest.fixture
async def session(server: Served) -> AsyncGenerator[ClientSession]:
    async with server.session() as opened:
        yield opened


@pytest.fixture
async def ask(session: ClientSession) -> Asker:
    asker = Asker(session)
    await asker("POST", "", json={"name": "lake"})
    return asker


@dataclass(frozen=True, slots=True)
class ToldLake:
    """The lake of the story, closed."""

    directory: Path
    key: str
    run: str
    now_ms: int


@pytest.fixture(scope="session")
def told_lake() -> Generator[ToldLake]:
    """Tell the story once, for all tests that begin at its end."""
    made = make_directory()
    clock = Clock()

    async def tell() -> tuple[str, str]:
        async with serve_api(made, clock=clock) as served, served.session() as opened:
            teller = Teller(opened, served.engine)
            await teller.tell()
        return teller.key, teller.run

    key, run = asyncio.run(tell())
    yield ToldLake(made, key, run, clock())
    shutil.rmtree(made)


@pytest.fixture
async def teller(directory: Path, told_lake: ToldLake) -> AsyncGenerator[Teller]:
    """Ask a copy of the lake of the story."""
    shutil.copytree(told_lake.directory, directory, dirs_exist_ok=True)
    clock = Clock(told_lake.now_ms)
    async with (
        serve_api(directory, clock=clock) as served,
        served.session() as opened,
    ):
        teller = Teller(opened, served.engine)
        teller.key, teller.run = told_lake.key, told_lake.run
        yield teller
