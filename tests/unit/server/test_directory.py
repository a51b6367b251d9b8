"""Serving a directory to the process that asks."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector
from lakebed.server.directory import OpenedDirectory, open_directory
from lakebed.server.errors import StartupError

API = "http://localhost/api/v1"


def session(
    opened: OpenedDirectory, headers: dict[str, str] | None = None
) -> ClientSession:
    return ClientSession(
        connector=UnixConnector(path=opened.socket_path),
        headers=dict(opened.headers) if headers is None else headers,
    )


async def test_whoever_opened_it_is_administrator(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    body = {"name": "data", "storage_namespace": "local://data"}
    async with open_directory(lake, create=True) as opened, session(opened) as client:
        created = await client.post(f"{API}/repositories", json=body)
        user = await (await client.get(f"{API}/user")).json()

    assert created.status == 201
    assert user["user"]["id"] == pwd.getpwuid(os.geteuid()).pw_name


@pytest.mark.parametrize(
    "headers", [{}, {"X-Lakebed-Directory-Token": "guessed"}], ids=["none", "wrong"]
)
async def test_nobody_else_is_let_in(tmp_path: Path, headers: dict[str, str]) -> None:
    async with (
        open_directory(tmp_path / "lake", create=True) as opened,
        session(opened, headers) as client,
    ):
        answer = await client.get(f"{API}/repositories")

    assert answer.status == 401


async def test_the_socket_is_private_and_goes_away(tmp_path: Path) -> None:
    async with open_directory(tmp_path / "lake", create=True) as opened:
        folder = Path(opened.socket_path).parent
        assert folder.stat().st_mode & 0o777 == 0o700

    assert not folder.exists()


async def test_a_directory_without_a_lake_is_not_touched(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(StartupError, match="no lake is there"):
            async with open_directory(path):
                pass

    assert not os.listdir(tmp_path)  # noqa: PTH208 - a test may block


async def test_two_may_have_it_open(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    body = {"name": "data", "storage_namespace": "local://data"}
    async with (
        open_directory(lake, create=True) as one,
        open_directory(lake) as two,
        session(one) as first,
        session(two) as second,
    ):
        await first.post(f"{API}/repositories", json=body)
        found = await second.get(f"{API}/repositories/data")

    assert found.status == 200


async def test_a_long_temporary_directory_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))

    async with open_directory(tmp_path / "lake", create=True) as opened:
        assert len(opened.socket_path) < 100
