"""The same commands on a directory, without a server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lakebed.cli.main import run
from lakebed.client import AsyncClient, Client, ServerUnreachableError


def test_a_directory_becomes_a_lake_with_its_first_repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = str(tmp_path / "lake")

    assert run(["-S", lake, "repo", "list"]) == 5
    assert "no lake is there" in capsys.readouterr().err
    assert run(["repo", "create", "mine", "--server", lake]) == 0
    assert run(["branch", "list", "mine", "--server", lake]) == 0
    assert "main\t" in capsys.readouterr().out


def test_both_clients_open_a_directory(tmp_path: Path) -> None:
    with Client(tmp_path / "lake", create_directory=True) as lake:
        lake.create_repository("mine")
        lake.upload_object("mine", "main", "a", b"bytes")
        assert lake.commit("mine", "main", "m").committer != ""

    with Client(tmp_path / "lake") as lake:
        assert lake.read_object("mine", "main", "a") == b"bytes"


async def test_a_directory_that_is_no_lake_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerUnreachableError, match="no lake is there"):
        async with AsyncClient(tmp_path):
            pass


def test_several_commands_share_a_directory(tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    assert run(["repo", "create", "mine", "--server", lake]) == 0
    source = tmp_path / "f"
    source.write_text("x")

    commands = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "lakebed.cli",
                "-S",
                lake,
                "cp",
                str(source),
                f"lakebed://mine/main/{number}",
            ],
            stdout=subprocess.DEVNULL,
        )
        for number in range(3)
    ]

    assert [command.wait(60) for command in commands] == [0, 0, 0]
    with Client(lake) as client:
        assert client.du("mine", "main").object_count == 3
