"""The same commands on a directory, without a server."""

from __future__ import annotations

import os
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


def _make_lake_with_damage(folder: Path, files: int) -> str:
    """Return a lake of small files, of which the first in its pack is damaged."""
    lake = str(folder / "lake")
    with Client(lake, create_directory=True) as opened:
        opened.create_repository("mine")
        for number in range(files):
            opened.upload_object("mine", "main", f"f{number}", os.urandom(100))
        first = opened.read_object("mine", "main", "f0")
    pack = max((folder / "lake" / "packs").rglob("*.pack"), key=os.path.getsize)
    data = bytearray(pack.read_bytes())
    data[data.index(first) + 50] ^= 1
    pack.write_bytes(data)
    return lake


def test_what_is_damaged_is_one_line_and_the_rest_is_copied(tmp_path: Path) -> None:
    lake = _make_lake_with_damage(tmp_path, files=20)
    target = tmp_path / "copy"

    def lakebed(*arguments: str) -> tuple[int, list[str]]:
        command = [sys.executable, "-m", "lakebed.cli", "-S", lake, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr.splitlines()

    code, (line,) = lakebed("cat", "lakebed://mine/main/f0")
    assert code == 1
    assert line.startswith("error: cannot read chunk")
    assert line.endswith("'lakebed admin verify' names all that is damaged")

    code, lines = lakebed("cp", "-r", "lakebed://mine/main", str(target))
    assert code == 1
    assert [line[:40] for line in lines] == [
        "failed 'lakebed://mine/main/f0': cannot ",
        "error: 1 file could not be copied; the s",
    ]
    assert {path.name for path in target.iterdir()} == {f"f{n}" for n in range(1, 20)}
