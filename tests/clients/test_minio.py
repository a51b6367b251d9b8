"""minio-py."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from support.client_contract import ODD_PATHS, CopyingContract
from support.client_page import Section
from support.lakes import Lake, noise

MIB = 1024 * 1024


class MinioPy:
    def __init__(self, names: Any, bucket: str) -> None:
        self.client = names.client
        self.copy_source = names.CopySource
        self.bucket = bucket

    def write(self, key: str, data: bytes) -> None:
        self.client.put_object(
            self.bucket, key, io.BytesIO(data), len(data), part_size=5 * MIB
        )

    def read(self, key: str) -> bytes:
        answer = self.client.get_object(self.bucket, key)
        try:
            return bytes(answer.read())
        finally:
            answer.close()
            answer.release_conn()

    def list(self, prefix: str) -> list[str]:
        found = self.client.list_objects(self.bucket, prefix=prefix, recursive=True)
        return [each.object_name for each in found]

    def delete(self, key: str) -> None:
        self.client.remove_object(self.bucket, key)

    def copy(self, source: str, destination: str) -> None:
        self.client.copy_object(
            self.bucket, destination, self.copy_source(self.bucket, source)
        )


@pytest.fixture
def client(documented: Callable[[str], Section], lake: Lake) -> MinioPy:
    return MinioPy(documented("minio-py").run_python(), lake.repository)


class TestMinioPy(CopyingContract):
    large_bytes = 12 * MIB
    odd_paths = tuple(
        path for path in ODD_PATHS if not {".", ".."} & set(path.split("/"))
    )


def test_a_range_is_what_was_asked_for(lake: Lake, client: MinioPy) -> None:
    data = noise(3 * MIB)
    lake.write("main/path", data)

    answer = client.client.get_object(
        lake.repository, "main/path", offset=2 * MIB, length=1000
    )

    with answer:
        assert answer.read() == data[2 * MIB : 2 * MIB + 1000]


def test_a_presigned_address_reads_and_writes(lake: Lake, client: MinioPy) -> None:
    target = client.client.presigned_put_object(lake.repository, "main/a b")
    source = client.client.presigned_get_object(lake.repository, "main/a b")

    sent = urllib.request.Request(target, method="PUT", data=b"data")
    with urllib.request.urlopen(sent) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(source) as answer:
        assert answer.read() == b"data"
    assert lake.read("main/a b") == b"data"
