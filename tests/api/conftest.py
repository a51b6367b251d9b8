"""A server with a repository `lake`, and ways to ask it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from support.api import Served, serve_api
from support.asking import Asker
from support.engines import make_directory


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
