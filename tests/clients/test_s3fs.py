"""s3fs, on which pandas, Dask and DVC rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.client_contract import CopyingContract
from support.client_page import Section
from support.lakes import Lake, noise

MIB = 1024 * 1024


class S3fs:
    def __init__(self, fs: Any, lake: Lake) -> None:
        self.fs = fs
        self.bucket = lake.repository

    def name(self, key: str) -> str:
        return f"{self.bucket}/{key}"

    def write(self, key: str, data: bytes) -> None:
        with self.fs.open(self.name(key), "wb", block_size=5 * MIB) as file:
            file.write(data)

    def read(self, key: str) -> bytes:
        with self.fs.open(self.name(key), "rb") as file:
            return bytes(file.read())

    def list(self, prefix: str) -> list[str]:
        self.fs.invalidate_cache()  # others write as well
        found = self.fs.find(self.name(prefix))
        return [each.removeprefix(f"{self.bucket}/") for each in found]

    def delete(self, key: str) -> None:
        self.fs.rm_file(self.name(key))  # `rm` takes patterns

    def copy(self, source: str, destination: str) -> None:
        self.fs.copy(self.name(source), self.name(destination))


@pytest.fixture
def client(documented: Callable[[str], Section], lake: Lake) -> S3fs:
    return S3fs(documented("s3fs").run_python().fs, lake)


class TestS3fs(CopyingContract):
    refusals = (OSError,)
    large_bytes = 12 * MIB


def test_a_range_is_what_was_asked_for(lake: Lake, client: S3fs) -> None:
    data = noise(3 * MIB)
    lake.write("main/path", data)

    name = client.name("main/path")
    assert client.fs.cat_file(name, start=1000, end=2000) == data[1000:2000]
    with client.fs.open(client.name("main/path")) as file:
        file.seek(2 * MIB)
        assert file.read(100) == data[2 * MIB : 2 * MIB + 100]


def test_one_of_two_creators_wins(lake: Lake, client: S3fs) -> None:
    with client.fs.open(client.name("main/path"), "xb") as file:
        file.write(b"first")

    with (
        pytest.raises(OSError, match="exists"),
        client.fs.open(client.name("main/path"), "xb") as file,
    ):
        file.write(b"second")

    assert lake.read("main/path") == b"first"


def test_a_folder_is_copied_and_removed(lake: Lake, client: S3fs) -> None:
    for path in ("from/a", "from/b/c"):
        lake.write(f"main/{path}", path.encode())

    client.fs.copy(client.name("main/from"), client.name("main/to"), recursive=True)
    client.fs.rm(client.name("main/from"), recursive=True)

    assert lake.list_keys() == ["main/to/a", "main/to/b/c"]
    assert lake.read("main/to/b/c") == b"from/b/c"


@pytest.mark.parametrize("lake", ["full"], indirect=True)
def test_a_folder_of_many_is_removed(lake: Lake, client: S3fs) -> None:
    lake.branch("s3fs")

    client.fs.rm(client.name("s3fs/many"), recursive=True)

    assert lake.list_keys("s3fs") == []


def test_a_version_is_a_commit(
    documented: Callable[[str], Section], lake: Lake, client: S3fs
) -> None:
    lake.write("main/path", b"old")
    commit_id = lake.commit()
    lake.write("main/path", b"new")
    versioned = type(client.fs)(**client.fs.storage_options, version_aware=True)

    name = client.name("main/path")
    assert versioned.cat_file(f"{name}?versionId={commit_id}") == b"old"
    with versioned.open(f"{name}?versionId={commit_id}") as file:
        assert file.read() == b"old"
    with versioned.open(name) as file:
        assert file.read() == b"new"
