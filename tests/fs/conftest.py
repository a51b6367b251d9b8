"""One server for all tests of the file system; each test has a repository of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from lakebed.client import Client
from lakebed.client.fs import LakebedFileSystem

from support.asked import Asked, note_requests
from support.s3server import ADMIN, ADMIN_ENVIRONMENT, ServerProcess, run_server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with run_server(tmp_path_factory.mktemp("fs") / "lake") as running:
        yield running


@pytest.fixture(scope="session")
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(
        server.url, access_key_id=ADMIN.id, secret_access_key=ADMIN.secret
    ) as opened:
        yield opened


@pytest.fixture(autouse=True)
def environment(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LAKEBED_SERVER": server.url, **ADMIN_ENVIRONMENT}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def fs() -> Iterator[LakebedFileSystem]:
    made = LakebedFileSystem(skip_instance_cache=True)
    yield made
    made.close()


@pytest.fixture
def repository(client: Client) -> str:
    name = f"repo-{next(_numbers)}"
    client.create_repository(name)
    return name


@pytest.fixture
def root(repository: str) -> str:
    """The branch to write to."""
    return f"{repository}/main"


@pytest.fixture
def lakebed_fs(fs: LakebedFileSystem) -> LakebedFileSystem:
    """`fs`, for classes that have a fixture of that name."""
    return fs


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """Every request of this process from now on."""
    return note_requests(monkeypatch)
