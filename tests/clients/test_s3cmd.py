"""s3cmd, which compares the ETag of what it reads with an MD5 of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.client_contract import FEW_ODD_PATHS, CopyingContract
from support.client_page import Section
from support.client_shell import CommandFailedError, Shell
from support.lakes import Lake, read_folder, write_folder

MIB = 1024 * 1024


class S3cmd:
    def __init__(self, shell: Shell, lake: Lake) -> None:
        self.shell = shell
        self.lake = lake

    def run(self, *words: str) -> str:
        options = ("--no-progress", "--multipart-chunk-size-mb", "5")
        return self.shell.run("s3cmd", *options, *words).out

    def write(self, key: str, data: bytes) -> None:
        local = self.shell.folder / "up"
        local.write_bytes(data)
        self.run("put", str(local), self.lake.uri(key))

    def read(self, key: str) -> bytes:
        local = self.shell.folder / "down"
        self.run("get", "--force", self.lake.uri(key), str(local))
        return local.read_bytes()

    def list(self, prefix: str) -> list[str]:
        found = self.run("ls", "--recursive", self.lake.uri(prefix))
        return [line.split(self.lake.uri(), 1)[1] for line in found.splitlines()]

    def delete(self, key: str) -> None:
        self.run("del", self.lake.uri(key))

    def copy(self, source: str, destination: str) -> None:
        self.run("cp", self.lake.uri(source), self.lake.uri(destination))


@pytest.fixture
def client(
    documented: Callable[[str], Section], lake: Lake, home: Path, tmp_path: Path
) -> S3cmd:
    (home / ".s3cfg").write_text(documented("s3cmd").text("ini"))
    return S3cmd(Shell("", tmp_path), lake)


class TestS3cmd(CopyingContract):
    refusals = (CommandFailedError,)
    large_bytes = 12 * MIB
    odd_paths = FEW_ODD_PATHS


def test_a_folder_is_synchronised_both_ways(
    lake: Lake, client: S3cmd, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    files = write_folder(here)
    lake.write("main/data/stale", b"x")

    client.run("sync", "--delete-removed", f"{here}/", lake.uri("main/data/"))
    client.run("sync", lake.uri("main/data/"), f"{tmp_path}/there/")

    assert {key: lake.read(key) for key in lake.list_keys()} == {
        f"main/data/{path}": data for path, data in files.items()
    }
    assert read_folder(tmp_path / "there") == files


def test_it_looks_at_a_repository_and_at_an_object(lake: Lake, client: S3cmd) -> None:
    lake.write("main/path", b"data")

    bucket = client.shell.run("s3cmd", "info", f"s3://{lake.repository}").out
    found = client.shell.run("s3cmd", "info", lake.uri("main/path")).out

    assert "Location:" in bucket
    assert "MD5 sum:   8d777f385d3dfec8815d20f7496026dc" in found


def test_a_move_takes_the_object_to_another_branch(lake: Lake, client: S3cmd) -> None:
    lake.write("main/a", b"data")
    lake.commit()
    lake.branch("dev")

    client.run("mv", lake.uri("dev/a"), lake.uri("main/b"))

    assert lake.list_keys("dev") == []
    assert lake.read("main/b") == b"data"


def test_a_folder_is_removed_with_all_in_it(lake: Lake, client: S3cmd) -> None:
    for path in ("keep", "gone/a", "gone/b/c"):
        lake.write(f"main/{path}", b"x")

    client.run("del", "--recursive", lake.uri("main/gone/"))

    assert lake.list_keys() == ["main/keep"]
