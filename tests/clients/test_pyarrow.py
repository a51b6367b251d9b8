"""pyarrow's own S3 filesystem: the C++ SDK of AWS, which always sends in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.client_contract import ODD_PATHS, CopyingContract
from support.client_page import Section
from support.lakes import Lake, noise

MIB = 1024 * 1024


class Pyarrow:
    def __init__(self, names: Any, lake: Lake) -> None:
        self.s3 = names.s3
        self.selector = names.fs.FileSelector
        self.bucket = lake.repository

    def name(self, key: str) -> str:
        return f"{self.bucket}/{key}"

    def write(self, key: str, data: bytes) -> None:
        with self.s3.open_output_stream(self.name(key)) as stream:
            stream.write(data)

    def read(self, key: str) -> bytes:
        with self.s3.open_input_file(self.name(key)) as file:
            return bytes(file.read())

    def list(self, prefix: str) -> list[str]:
        chosen = self.selector(self.name(prefix), recursive=True)
        found = self.s3.get_file_info(chosen)
        start = f"{self.bucket}/"
        return [each.path.removeprefix(start) for each in found if each.is_file]

    def delete(self, key: str) -> None:
        self.s3.delete_file(self.name(key))

    def copy(self, source: str, destination: str) -> None:
        self.s3.copy_file(self.name(source), self.name(destination))


@pytest.fixture
def client(documented: Callable[[str], Section], lake: Lake) -> Pyarrow:
    return Pyarrow(documented("pyarrow").run_python(), lake)


class TestPyarrow(CopyingContract):
    refusals = (OSError,)
    large_bytes = 12 * MIB
    odd_paths = tuple(
        path for path in ODD_PATHS if not {"", ".", ".."} & set(path.split("/"))
    )


def test_a_folder_comes_and_goes(lake: Lake, client: Pyarrow) -> None:
    client.s3.create_dir(client.name("main"))
    client.s3.create_dir(client.name("main/data/deep"), recursive=True)
    client.write("main/data/deep/file", b"x")

    client.s3.delete_dir(client.name("main/data"))

    assert [key for key in lake.list_keys() if key.startswith("main/data/")] == []


def test_a_file_is_read_anywhere(lake: Lake, client: Pyarrow) -> None:
    data = noise(3 * MIB)
    lake.write("main/path", data)

    with client.s3.open_input_file(client.name("main/path")) as file:
        assert file.size() == len(data)
        assert file.read_at(1000, 2 * MIB) == data[2 * MIB : 2 * MIB + 1000]
        assert file.read_at(1000, len(data) - 10) == data[-10:]


def test_a_dataset_in_folders_is_read_back(
    documented: Callable[[str], Section], lake: Lake, client: Pyarrow
) -> None:
    names = documented("pyarrow").run_python(1, s3=client.s3)

    assert names.read_back.num_rows == names.table.num_rows
    files = [key for key in lake.list_keys() if key.endswith(".parquet")]
    folders = {key.split("/")[2] for key in files}
    assert folders == {"island=Biscoe", "island=Dream"}
