"""One server for all tests of the command line; each test has a repository of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from lakebed.cli.main import run
from lakebed.client import Client
from lakebed.client.wire import Run

from support.commands import Lakebed, Result
from support.s3server import ADMIN_ENVIRONMENT, ServerProcess, run_server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with run_server(tmp_path_factory.mktemp("cli") / "lake") as running:
        yield running


@pytest.fixture
def environment(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> dict[str, str]:
    """What a user exports to talk to the server; nobody has logged in to any."""
    values = {
        "LAKEBED_SERVER": server.url,
        "XDG_CONFIG_HOME": str(tmp_path / "configuration"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        **ADMIN_ENVIRONMENT,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def lakebed(
    environment: dict[str, str], capsysbinary: pytest.CaptureFixture[bytes]
) -> Lakebed:
    """Run a command line in this process, into a pipe."""

    def call(*arguments: str, succeeds: bool = True) -> Result:
        capsysbinary.readouterr()
        code = run(list(arguments))
        captured = capsysbinary.readouterr()
        result = Result(code, captured.out, captured.err.decode())
        assert succeeds == (code == 0), result
        return result

    return call


@pytest.fixture
def repository(lakebed: Lakebed) -> str:
    name = f"repo-{next(_numbers)}"
    lakebed("repo", "create", name)
    return name


@pytest.fixture
def put(lakebed: Lakebed, tmp_path: Path) -> Callable[[str, str], None]:
    """Write a text to an address."""

    def call(address: str, text: str) -> None:
        source = tmp_path / "put.txt"
        source.write_text(text)
        lakebed("cp", str(source), f"lakebed://{address}")

    return call


@pytest.fixture
def folder(tmp_path: Path, environment: dict[str, str]) -> Path:
    """An empty folder to run commands in."""
    assert environment["XDG_STATE_HOME"]
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture
def look(server: ServerProcess) -> Generator[Callable[[str], Run]]:
    """Read a run."""
    with Client(server.url) as client:
        yield client.get_run


@pytest.fixture
def read_log(server: ServerProcess) -> Generator[Callable[[str], str]]:
    """Read the log of a run."""
    with Client(server.url) as client:
        yield lambda name: client.read_run_log(client.get_run(name).repository, name)
