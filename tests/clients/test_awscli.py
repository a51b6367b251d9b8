"""The aws CLI: high-level `s3` commands and `s3api`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.client_contract import FEW_ODD_PATHS, CopyingContract
from support.client_page import Section
from support.client_shell import CommandFailedError, Shell
from support.lakes import Lake, read_folder, write_folder

MIB = 1024 * 1024


class AwsCli:
    def __init__(self, shell: Shell, lake: Lake) -> None:
        self.shell = shell
        self.lake = lake

    def s3(self, *words: str) -> str:
        return self.shell.run("aws", "s3", *words).out

    def write(self, key: str, data: bytes) -> None:
        local = self.shell.folder / "up"
        local.write_bytes(data)
        self.s3("cp", "--quiet", str(local), self.lake.uri(key))

    def read(self, key: str) -> bytes:
        return self.shell.run("aws", "s3", "cp", self.lake.uri(key), "-").data

    def list(self, prefix: str) -> list[str]:
        # `aws s3 ls` prints dates and sizes as well; s3api prints what was answered.
        words = ("--bucket", self.lake.repository, "--prefix", prefix)
        found = self.shell.run("aws", "s3api", "list-objects-v2", *words)
        return [each["Key"] for each in found.json.get("Contents", [])]

    def delete(self, key: str) -> None:
        self.s3("rm", "--quiet", self.lake.uri(key))

    def copy(self, source: str, destination: str) -> None:
        self.s3("cp", "--quiet", self.lake.uri(source), self.lake.uri(destination))


@pytest.fixture
def client(documented: Callable[[str], Section], lake: Lake, tmp_path: Path) -> AwsCli:
    return AwsCli(Shell(documented("aws CLI").text("sh"), tmp_path), lake)


class TestAwsCli(CopyingContract):
    refusals = (CommandFailedError,)
    large_bytes = 17 * MIB  # parts of 8 MiB
    odd_paths = FEW_ODD_PATHS


class TestAwsCliOverHttps(TestAwsCli):
    """It does not sign bodies over https, and sums them up behind them."""

    @pytest.fixture
    def client(
        self, documented_https: Callable[[str], Section], lake: Lake, tmp_path: Path
    ) -> AwsCli:
        return AwsCli(Shell(documented_https("aws CLI").text("sh"), tmp_path), lake)


def test_a_folder_is_synchronised_both_ways(
    lake: Lake, client: AwsCli, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    files = write_folder(here)

    client.s3("sync", "--quiet", str(here), lake.uri("main/data"))
    again = client.s3("sync", str(here), lake.uri("main/data"))
    client.s3("sync", "--quiet", lake.uri("main/data"), str(tmp_path / "there"))

    assert again == "", "it sent again what had not changed"
    assert {key: lake.read(key) for key in lake.list_keys()} == {
        f"main/data/{path}": data for path, data in files.items()
    }
    assert read_folder(tmp_path / "there") == files


def test_a_write_replaces_nothing_if_it_is_told_so(
    lake: Lake, client: AwsCli, tmp_path: Path
) -> None:
    lake.write("main/path", b"old")
    (tmp_path / "up").write_bytes(b"new")
    words = ("--bucket", lake.repository, "--key", "main/path", "--body", "up")

    with pytest.raises(CommandFailedError, match="PreconditionFailed"):
        client.shell.run("aws", "s3api", "put-object", *words, "--if-none-match", "*")

    assert lake.read("main/path") == b"old"


def test_a_sync_with_delete_makes_a_branch_like_a_tag(
    lake: Lake, client: AwsCli
) -> None:
    lake.write("main/data/a", b"old a")
    lake.write("main/data/b", b"old b")
    lake.commit()
    lake.tag("v1")
    lake.branch("dev")
    lake.write("dev/data/a", b"another a")
    lake.write("dev/data/c", b"c")

    client.s3("sync", "--delete", lake.uri("v1/data"), lake.uri("dev/data"))

    assert lake.list_keys("dev") == ["dev/data/a", "dev/data/b"]
    assert lake.read("dev/data/a") == b"old a"


def test_a_move_takes_the_object_to_another_branch(lake: Lake, client: AwsCli) -> None:
    lake.write("main/a", b"data")
    lake.commit()
    lake.branch("dev")

    client.s3("mv", lake.uri("dev/a"), lake.uri("main/b"))

    assert lake.list_keys("dev") == []
    assert lake.read("main/b") == b"data"


def test_a_folder_is_removed_with_all_in_it(lake: Lake, client: AwsCli) -> None:
    for path in ("keep", "gone/a", "gone/b/c"):
        lake.write(f"main/{path}", b"x")

    client.s3("rm", "--recursive", lake.uri("main/gone"))

    assert lake.list_keys() == ["main/keep"]


def test_a_stream_of_unknown_length_arrives(lake: Lake, client: AwsCli) -> None:
    client.shell.run("bash", "-c", f"seq 2000000 | aws s3 cp - {lake.uri('main/n')}")

    lines = b"".join(b"%d\n" % number for number in range(1, 2_000_001))
    assert lake.read("main/n") == lines


def test_refs_are_folders_of_the_repository(lake: Lake, client: AwsCli) -> None:
    lake.tag("v1")

    assert client.s3("ls", lake.uri()).split() == ["PRE", "main/", "PRE", "v1/"]
    assert lake.repository in client.s3("ls")


def test_an_attribute_and_a_tag_of_an_object_come_back(
    lake: Lake, client: AwsCli
) -> None:
    lake.write("main/path", b"data")
    words = ("--bucket", lake.repository, "--key", "main/path")
    tags = {"TagSet": [{"Key": "kind", "Value": "raw"}]}

    client.shell.run(
        "aws", "s3api", "put-object-tagging", *words, "--tagging", json.dumps(tags)
    )
    found = client.shell.run("aws", "s3api", "get-object-tagging", *words)
    sizes = client.shell.run(
        *("aws", "s3api", "get-object-attributes", *words),
        *("--object-attributes", "ObjectSize", "ETag"),
    )

    assert found.json["TagSet"] == tags["TagSet"]
    assert sizes.json["ObjectSize"] == 4
