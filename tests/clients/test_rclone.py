"""rclone: copies, and synchronises refs with folders and with each other."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.client_contract import FEW_ODD_PATHS, CopyingContract
from support.client_page import Section
from support.client_shell import CommandFailedError, Shell
from support.lakes import Lake, read_folder, write_folder

MIB = 1024 * 1024


class Rclone:
    def __init__(self, shell: Shell, lake: Lake) -> None:
        self.shell = shell
        self.lake = lake

    def run(self, *words: str) -> str:
        # Smaller parts than its own 200 MiB, and no hours of attempts at what is refused.
        options = ("--s3-upload-cutoff", "5M", "--retries", "1")
        return self.shell.run("rclone", *options, *words).out

    def name(self, key: str) -> str:
        return f"lake:{self.lake.repository}/{key}"

    def write(self, key: str, data: bytes) -> None:
        local = self.shell.folder / "up"
        local.write_bytes(data)
        self.run("copyto", str(local), self.name(key))

    def read(self, key: str) -> bytes:
        # `rclone cat` of nothing is no failure; a copy is.
        local = self.shell.folder / "down"
        local.unlink(missing_ok=True)
        self.run("copyto", self.name(key), str(local))
        return local.read_bytes()

    def list(self, prefix: str) -> list[str]:
        found = self.run("lsf", "--recursive", "--files-only", self.name(prefix))
        return [f"{prefix}{line}" for line in found.splitlines()]

    def delete(self, key: str) -> None:
        self.run("deletefile", self.name(key))

    def copy(self, source: str, destination: str) -> None:
        self.run("copyto", self.name(source), self.name(destination))


@pytest.fixture
def client(
    documented: Callable[[str], Section], lake: Lake, home: Path, tmp_path: Path
) -> Rclone:
    config = home / ".config" / "rclone" / "rclone.conf"
    config.parent.mkdir(parents=True)
    config.write_text(documented("rclone").text("ini"))
    return Rclone(Shell("", tmp_path), lake)


class TestRclone(CopyingContract):
    refusals = (CommandFailedError, FileNotFoundError)  # a copy of nothing is fine
    large_bytes = 12 * MIB
    odd_paths = tuple(path for path in FEW_ODD_PATHS if "//" not in path)


def test_a_folder_is_synchronised_and_checked(
    lake: Lake, client: Rclone, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    files = write_folder(here)
    lake.write("main/data/stale", b"x")

    client.run("sync", str(here), client.name("main/data"))
    client.run("check", str(here), client.name("main/data"))
    client.run("sync", client.name("main/data"), str(tmp_path / "there"))

    assert {key: lake.read(key) for key in lake.list_keys()} == {
        f"main/data/{path}": data for path, data in files.items()
    }
    assert read_folder(tmp_path / "there") == files


def test_a_branch_becomes_what_a_tag_is(lake: Lake, client: Rclone) -> None:
    lake.write("main/data/a", b"old a")
    lake.write("main/data/b", b"old b")
    lake.commit()
    lake.tag("v1")
    lake.branch("dev")
    lake.write("dev/data/a", b"another a")
    lake.write("dev/data/c", b"c")

    client.run("sync", client.name("v1/data"), client.name("dev/data"))

    assert lake.list_keys("dev") == ["dev/data/a", "dev/data/b"]
    assert lake.read("dev/data/a") == b"old a"


def test_the_time_of_a_file_is_kept(lake: Lake, client: Rclone, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"data")
    os.utime(file, (1_700_000_000, 1_700_000_000))

    client.run("copyto", str(file), client.name("main/file"))
    client.run("copyto", client.name("main/file"), str(tmp_path / "back"))

    assert (tmp_path / "back").stat().st_mtime == 1_700_000_000


def test_a_move_takes_the_object_to_another_branch(lake: Lake, client: Rclone) -> None:
    lake.write("main/a", b"data")
    lake.commit()
    lake.branch("dev")

    client.run("moveto", client.name("dev/a"), client.name("main/b"))

    assert lake.list_keys("dev") == []
    assert lake.read("main/b") == b"data"


def test_refs_are_folders_of_the_repository(lake: Lake, client: Rclone) -> None:
    lake.tag("v1")

    assert client.run("lsf", client.name("")).split() == ["main/", "v1/"]
    assert f"{lake.repository}/" in client.run("lsf", "lake:").split()
