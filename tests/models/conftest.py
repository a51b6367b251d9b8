"""A server over a lake with the model `fraud`, and clients that only read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lakebed.client import Client
from lakebed.server.provenance.aliases import promote

from support.engines import open_engine
from support.models import ANN, make_version
from support.s3server import ADMIN, ADMIN_ENVIRONMENT, ServerProcess, run_server


async def fill(directory: Path) -> None:
    """Make `fraud@1` and `fraud@2`, with `prod` at the first."""
    async with open_engine(directory) as engine:
        await make_version(engine, weights=b"first")
        await make_version(engine, weights=b"second")
        await promote(engine, ANN, "fraud", "prod", 1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("models") / "lake"
    asyncio.run(fill(directory))
    with run_server(directory) as running:
        yield running


@pytest.fixture(scope="session")
def s3(server: ServerProcess) -> Any:
    return server.s3()


@pytest.fixture(scope="session")
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(
        server.url, access_key_id=ADMIN.id, secret_access_key=ADMIN.secret
    ) as opened:
        yield opened


@pytest.fixture
def environment(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {
        "LAKEBED_SERVER": server.url,
        "XDG_CONFIG_HOME": str(tmp_path / "configuration"),
        **ADMIN_ENVIRONMENT,
    }.items():
        monkeypatch.setenv(name, value)
