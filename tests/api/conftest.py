"""A server with a repository `lake`, and ways to ask it; and one of the lake of the story."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession

from support.api import FilledLake, Served, filled_lake, serve_api
from support.asking import Asker
from support.engines import make_directory
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
    """The lake of the story, and what its teller knows of it."""

    lake: FilledLake
    key: str
    run: str


@pytest.fixture(scope="session")
def told_lake() -> Generator[ToldLake]:
    """Tell the story once, for all tests that begin at its end."""
    tellers: list[Teller] = []

    async def tell(served: Served, session: ClientSession) -> None:
        teller = Teller(session, served.engine)
        await teller.tell()
        tellers.append(teller)

    with filled_lake(tell) as lake:
        (teller,) = tellers
        yield ToldLake(lake, teller.key, teller.run)


@pytest.fixture
async def teller(directory: Path, told_lake: ToldLake) -> AsyncGenerator[Teller]:
    """Ask a copy of the lake of the story."""
    async with (
        told_lake.lake.serve_copy(directory) as served,
        served.session() as session,
    ):
        teller = Teller(session, served.engine)
        teller.key, teller.run = told_lake.key, told_lake.run
        yield teller
