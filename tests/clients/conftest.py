"""A server as users start it, a repository a test, and a home that is nobody's.

Run by `python3 tasks.py test-clients`, in the environment that has the clients.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lakebed.client import Client

from support import client_page
from support.client_page import Section, read_sections
from support.lakes import Lake
from support.s3server import ADMIN, ServerProcess, run_server

_numbers = itertools.count(1)
_FOREIGN = ("AWS_", "S3_", "MLFLOW_", "WANDB_", "RCLONE_", "DVC_", "MINIO_")
"""What settings of whoever runs the tests begin with."""
_DEAD_PROXY = "http://127.0.0.1:9"


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clients") / "lake"


@pytest.fixture(scope="session")
def server(directory: Path) -> Iterator[ServerProcess]:
    with run_server(directory) as running:
        yield running


@pytest.fixture(scope="session")
def rest(server: ServerProcess) -> Iterator[Client]:
    keys = {"access_key_id": ADMIN.id, "secret_access_key": ADMIN.secret}
    with Client(server.url, **keys) as opened:
        yield opened


@pytest.fixture
def lake(rest: Client) -> Lake:
    made = Lake(rest, f"repo-{next(_numbers)}")
    rest.create_repository(made.repository)
    return made


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without settings, and no way out of this machine."""
    for name in os.environ:
        if name.startswith(_FOREIGN):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    given = {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / ".config"),
        "AWS_EC2_METADATA_DISABLED": "true",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), _DEAD_PROXY),
        **dict.fromkeys(("http_proxy", "https_proxy"), _DEAD_PROXY),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def documented(server: ServerProcess, lake: Lake) -> Callable[[str], Section]:
    """Return a section of the page, with the values of this test in its blocks."""
    sections = read_sections(
        {
            client_page.URL: server.url,
            client_page.ADDRESS: server.address,
            client_page.KEY_ID: ADMIN.id,
            client_page.SECRET: ADMIN.secret,
            client_page.REPOSITORY: lake.repository,
        }
    )
    return sections.__getitem__
