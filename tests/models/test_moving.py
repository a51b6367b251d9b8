"""A model that is read while somebody promotes another one comes out as one version."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from lakebed.cli.main import run as run_command
from lakebed.client import AsyncClient, Client, NotFoundError

from support.models import make_fraud
from support.s3server import ServerProcess, run_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    asyncio.run(make_fraud(tmp_path / "lake"))
    with run_server(tmp_path / "lake") as running:
        yield running


@pytest.fixture
def guest(server: ServerProcess) -> tuple[str, str]:
    """Who may read the model and nothing else: no commit by its id."""
    server.rest("POST", "/auth/users", {"id": "guest"})
    grant = {"repository": "models", "ref": "fraud", "level": "read"}
    server.rest("POST", "/auth/users/guest/grants", grant)
    key = server.rest("POST", "/auth/users/guest/credentials")
    return key["access_key_id"], key["secret_access_key"]


def move(server: ServerProcess, number: int) -> None:
    server.rest("PUT", "/models/fraud/aliases/prod", {"version": number})


def test_a_folder_is_of_one_version(
    server: ServerProcess, guest: tuple[str, str], tmp_path: Path
) -> None:
    with Client(server.url, access_key_id=guest[0], secret_access_key=guest[1]) as lake:
        lake.download_folder(
            "models",
            "fraud@prod",
            "",
            tmp_path / "files",
            expect=lambda size_bytes: move(server, 2),
        )

    assert (tmp_path / "files/weights.bin").read_bytes() == b"first"


async def test_an_object_is_of_one_version(
    server: ServerProcess, guest: tuple[str, str]
) -> None:
    async with AsyncClient(
        server.url, access_key_id=guest[0], secret_access_key=guest[1]
    ) as lake:
        pinned = await lake.pin_object("models", "fraud@prod", "weights.bin")
        start = await lake.read_pinned(pinned, end=2)
        await asyncio.to_thread(move, server, 2)
        rest = await lake.read_pinned(pinned, start=2)

    assert start + rest == b"first"


def test_the_command_line_names_the_version(
    server: ServerProcess, guest: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:  # fmt: skip
    asked: list[str] = []
    fix = AsyncClient.fix_model_ref

    async def fix_and_move(lake: AsyncClient, ref: str) -> str:
        fixed = await fix(lake, ref)
        await asyncio.to_thread(move, server, 2)
        asked.append(fixed)
        return fixed

    monkeypatch.setattr(AsyncClient, "fix_model_ref", fix_and_move)
    for name, value in {
        "LAKEBED_SERVER": server.url,
        "LAKEBED_ACCESS_KEY_ID": guest[0],
        "LAKEBED_SECRET_ACCESS_KEY": guest[1],
    }.items():
        monkeypatch.setenv(name, value)

    source = "lakebed://models/fraud@prod/"
    assert run_command(["cp", "-r", source, str(tmp_path / "files")]) == 0

    assert asked == ["fraud@1"]
    assert (tmp_path / "files/weights.bin").read_bytes() == b"first"


@pytest.mark.parametrize(
    ("ref", "fixed"),
    [
        ("fraud", "fraud@2"),
        ("fraud@prod", "fraud@1"),
        ("fraud@2", "fraud@2"),
        ("fraud@9", "fraud@9"),
        ("fraud@prod~0", "fraud@prod~0"),
        ("fraud@", "fraud@"),
        ("fraud@prod@{2026-01-01}", "fraud@prod@{2026-01-01}"),
    ],
)
def test_a_ref_becomes_that_of_a_version(
    server: ServerProcess, guest: tuple[str, str], ref: str, fixed: str
) -> None:
    with Client(server.url, access_key_id=guest[0], secret_access_key=guest[1]) as lake:
        assert lake.fix_model_ref(ref) == fixed


def test_an_alias_that_is_not_there_has_no_version(
    server: ServerProcess, guest: tuple[str, str]
) -> None:
    with (
        Client(server.url, access_key_id=guest[0], secret_access_key=guest[1]) as lake,
        pytest.raises(NotFoundError, match="alias not found"),
    ):
        lake.fix_model_ref("fraud@nosuch")
