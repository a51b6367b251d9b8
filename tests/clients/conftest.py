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
from lakebed.client.wire import GrantLevel
from lakebed.server.auth.secrets import AccessKey

from support import client_page
from support.certificates import Authority
from support.client_page import Section, read_changes, read_sections
from support.edges import at
from support.lakes import MANY_PATHS, Lake
from support.s3server import ADMIN, ServerProcess, run_server

pytest.register_assert_rewrite("support.client_contract")

_numbers = itertools.count(1)
_FOREIGN = ("AWS_", "SSL_", "S3_", "MLFLOW_", "WANDB_", "RCLONE_", "DVC_", "MINIO_")
"""What settings of whoever runs the tests begin with."""
_DEAD_PROXY = "http://127.0.0.1:9"


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clients") / "lake"


@pytest.fixture(scope="session")
def server(directory: Path) -> Iterator[ServerProcess]:
    options = read_sections({})["Plain buckets and keys"].text("sh").split()
    flat = options[options.index("--flat-s3") + 1].replace(":8001", ":0")
    with run_server(directory, "--flat-s3", flat) as running:
        yield running


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def server_https(
    directory: Path, server: ServerProcess, authority: Authority
) -> Iterator[ServerProcess]:
    """Another process over the same lake."""
    del server
    with run_server(directory, *authority.issue("server").arguments) as running:
        yield running


@pytest.fixture(scope="session")
def rest(server: ServerProcess) -> Iterator[Client]:
    with Client(
        server.url, access_key_id=ADMIN.id, secret_access_key=ADMIN.secret
    ) as opened:
        yield opened


@pytest.fixture(scope="session")
def full_lake(rest: Client) -> Lake:
    """A repository with the objects `MANY_PATHS`, committed, which no test changes."""
    made = Lake(rest, "full")
    rest.create_repository(made.repository)
    first, *others = MANY_PATHS
    made.write(f"main/{first}", b"x")
    for path in others:
        rest.copy_object(made.repository, "main", path, source_path=first)
    made.commit()
    return made


@pytest.fixture
def lake(request: pytest.FixtureRequest, rest: Client) -> Lake:
    """A new repository, or the full one if a test asks for it."""
    if getattr(request, "param", None) == "full":
        full: Lake = request.getfixturevalue("full_lake")
        return full
    made = Lake(rest, f"repo-{next(_numbers)}")
    rest.create_repository(made.repository)
    return made


def other_of(lake: Lake) -> Lake:
    """Return the second repository of a test, which is there if the test makes it."""
    return Lake(lake.client, f"{lake.repository}-other")


@pytest.fixture
def other_lake(lake: Lake) -> Lake:
    """The second repository of a page's block."""
    made = other_of(lake)
    made.client.create_repository(made.repository)
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
def key(request: pytest.FixtureRequest, lake: Lake) -> AccessKey:
    """The administrator's key, or one of a user with the grants that a test asks for.

    They are levels by ref: `{"main": "read"}`.
    """
    grants: dict[str, GrantLevel] | None = getattr(request, "param", None)
    if grants is None:
        return ADMIN
    user = f"user-of-{lake.repository}"
    lake.client.create_user(user)
    for ref, level in grants.items():
        lake.client.add_grant(user, lake.repository, ref, level)
    made = lake.client.create_key(user)
    return AccessKey(made.access_key_id, made.secret_access_key)


@pytest.fixture
def documented(
    server: ServerProcess, lake: Lake, key: AccessKey
) -> Callable[[str], Section]:
    """Return a section of the page, with the values of this test in its blocks."""
    return lambda title: read_sections(_values(server.url, lake, key))[title]


@pytest.fixture
def documented_flat(
    server: ServerProcess, lake: Lake, key: AccessKey
) -> Callable[[str], Section]:
    """The same, at the port where keys have no ref."""
    url = at(server, "S3 at the ref 'main'").url
    return lambda title: read_sections(_values(url, lake, key))[title]


@pytest.fixture
def documented_https(
    server_https: ServerProcess,
    authority: Authority,
    lake: Lake,
    key: AccessKey,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Section]:
    """The same, as the page says it for https."""
    values = {
        **_values(server_https.url, lake, key),
        client_page.AUTHORITY: str(authority.path),
    }
    exported = read_sections(values)["https"].exports()
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    changes = read_changes()

    def read(title: str) -> Section:
        return read_sections({**dict(changes.get(title, [])), **values})[title]

    return read


def _values(url: str, lake: Lake, key: AccessKey) -> dict[str, str]:
    return {
        client_page.URL: url,
        client_page.ADDRESS: url.partition("//")[2],
        client_page.KEY_ID: key.id,
        client_page.SECRET: key.secret,
        client_page.REPOSITORY: lake.repository,
        client_page.OTHER_REPOSITORY: other_of(lake).repository,
    }
