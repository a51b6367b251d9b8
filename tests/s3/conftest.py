"""One server for all tests of S3; each test has a repository of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from support.s3server import ServerProcess, run_server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with run_server(tmp_path_factory.mktemp("s3") / "lake") as running:
        yield running


@pytest.fixture(scope="session")
def s3(server: ServerProcess) -> Any:
    return server.s3()


@pytest.fixture
def repository(server: ServerProcess) -> str:
    return server.create_repository(f"repo-{next(_numbers)}")
