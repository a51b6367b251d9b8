"""A server over a lake with the model `fraud`, and clients that only read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lakebed.client import Client

from support.models import make_fraud
from support.s3server import ADMIN, ADMIN_ENVIRONMENT, ServerProcess, run_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("models") / "lake"
    asyncio.run(make_fraud(directory))
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
