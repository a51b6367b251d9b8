"""Files as they are uploaded and downloaded."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncGenerator, AsyncIterable
from pathlib import Path

import pytest
from lakebed.client.operations.downloading import FileWriter, replace_file
from lakebed.client.operations.uploading import PIECE_BYTES, read_upload


async def content_of(body: AsyncIterable[bytes] | bytes) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"".join([piece async for piece in body])


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1])
async def test_every_kind_of_upload_gives_its_bytes_twice(
    size: int, tmp_path: Path
) -> None:
    data = os.urandom(size)
    path = tmp_path / "f"
    path.write_bytes(data)
    file = io.BytesIO(b"before" + data)
    file.seek(6)

    for upload in (data, bytearray(data), memoryview(data), path, file):
        counted: list[int] = []
        payload = read_upload(upload, counted.append)

        assert (payload.size_bytes, payload.repeatable) == (size, True)
        assert await content_of(payload.make()) == data
        assert await content_of(payload.make()) == data
        assert sum(counted) == 2 * size


async def test_a_stream_gives_its_bytes_once() -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        yield b"a"
        yield b"b"

    payload = read_upload(pieces(), None)

    assert (payload.size_bytes, payload.repeatable) == (None, False)
    assert await content_of(payload.make()) == b"ab"


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_text("old")

    with replace_file(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_text() == "old"

    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_text("old")

    def fail() -> None:
        with replace_file(target) as file:
            file.write(b"half")
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fail()

    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_new_file_has_ordinary_rights(tmp_path: Path) -> None:
    with replace_file(tmp_path / "a") as file:
        file.write(b"x")
    (tmp_path / "b").write_bytes(b"x")

    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_link_is_followed_and_a_device_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")

    with replace_file(tmp_path / "link") as file:
        file.write(b"x")
    with replace_file(Path("/dev/null")) as file:
        file.write(b"x")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"x"
    assert Path("/dev/null").is_char_device()


def test_the_mode_of_a_file_that_is_replaced_is_kept(tmp_path: Path) -> None:
    alone, one_of_many, new = (tmp_path / name for name in ("alone", "many", "new"))
    for path in (alone, one_of_many):
        path.write_bytes(b"before")
        path.chmod(0o600)

    with replace_file(alone) as file:
        file.write(b"after")
    writer = FileWriter()
    writer.write(one_of_many, b"after")
    writer.write(new, b"after")

    assert alone.read_bytes() == one_of_many.read_bytes() == b"after"
    assert [path.stat().st_mode & 0o777 for path in (alone, one_of_many)] == [0o600] * 2
    assert new.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now
