"""s5cmd: many objects at once, by patterns and lists of commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.client_contract import FEW_ODD_PATHS, CopyingContract
from support.client_page import Section
from support.client_shell import CommandFailedError, Shell
from support.lakes import Lake, noise

MIB = 1024 * 1024


class S5cmd:
    def __init__(self, shell: Shell, lake: Lake) -> None:
        self.shell = shell
        self.lake = lake

    def run(self, *words: str) -> str:
        return self.shell.run("s5cmd", *words).out

    def write(self, key: str, data: bytes) -> None:
        local = self.shell.folder / "up"
        local.write_bytes(data)
        self.run("cp", "--raw", "--part-size", "5", str(local), self.lake.uri(key))

    def read(self, key: str) -> bytes:
        local = self.shell.folder / "down"
        local.unlink(missing_ok=True)
        self.run("cp", "--raw", self.lake.uri(key), str(local))
        return local.read_bytes()

    def list(self, prefix: str) -> list[str]:
        found = self.run("ls", "--show-fullpath", self.lake.uri(f"{prefix}*"))
        return [line.removeprefix(self.lake.uri()) for line in found.splitlines()]

    def delete(self, key: str) -> None:
        self.run("rm", "--raw", self.lake.uri(key))

    def copy(self, source: str, destination: str) -> None:
        self.run("cp", "--raw", self.lake.uri(source), self.lake.uri(destination))


@pytest.fixture
def client(documented: Callable[[str], Section], lake: Lake, tmp_path: Path) -> S5cmd:
    return S5cmd(Shell(documented("s5cmd").text("sh"), tmp_path), lake)


class TestS5cmd(CopyingContract):
    refusals = (CommandFailedError,)
    large_bytes = 12 * MIB
    odd_paths = FEW_ODD_PATHS


def test_a_pattern_takes_many(lake: Lake, client: S5cmd, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    for number in range(30):
        (here / f"{number}.csv").write_bytes(noise(1000, number))

    client.run("cp", f"{here}/*.csv", lake.uri("main/data/"))
    client.run("cp", lake.uri("main/data/1*.csv"), f"{tmp_path}/there/")
    client.run("rm", lake.uri("main/data/2*"))

    there = sorted(file.name for file in (tmp_path / "there").iterdir())
    assert there == sorted(f"{number}.csv" for number in (1, *range(10, 20)))
    assert len(lake.list_keys()) == 30 - 11
    assert lake.read("main/data/17.csv") == noise(1000, 17)


@pytest.mark.parametrize("lake", ["full"], indirect=True)
def test_many_are_deleted(lake: Lake, client: S5cmd) -> None:
    lake.branch("s5cmd")

    client.run("rm", lake.uri("s5cmd/many/*"))

    assert lake.list_keys("s5cmd") == []


def test_a_folder_is_synchronised(lake: Lake, client: S5cmd, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "b").mkdir(parents=True)
    (here / "a").write_bytes(b"a")
    (here / "b" / "c").write_bytes(b"c")
    lake.write("main/data/stale", b"x")

    client.run("sync", "--delete", f"{here}/", lake.uri("main/data/"))
    again = client.run("sync", "--delete", f"{here}/", lake.uri("main/data/"))

    assert lake.list_keys() == ["main/data/a", "main/data/b/c"]
    assert again == "", "it sent again what had not changed"


def test_a_move_takes_the_object_to_another_branch(lake: Lake, client: S5cmd) -> None:
    lake.write("main/a", b"data")
    lake.commit()
    lake.branch("dev")

    client.run("mv", lake.uri("dev/a"), lake.uri("main/b"))

    assert lake.list_keys("dev") == []
    assert lake.read("main/b") == b"data"
