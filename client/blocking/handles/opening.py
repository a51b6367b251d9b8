"""Objects as files of the blocking client: those of `files.py`, as they are."""

from __future__ import annotations

from typing import IO, Any, BinaryIO, cast

from ...files import Mode, open_reader, open_writer
from ..client import Client

File = IO
"""What the handles call it."""

__all__ = ["File", "read_file", "write_file"]


def read_file(
    client: Client,
    repository: str,
    ref: str,
    path: str,
    mode: Mode,
    encoding: str | None,
) -> File[Any]:
    """Return the object at `path` as a file to read."""
    pinned = client.pin_object(repository, ref, path)

    def read_range(start: int, end: int) -> bytes:
        return client.read_pinned(pinned, start=start, end=end)

    return open_reader(pinned, read_range, mode, encoding)


def write_file(
    client: Client,
    repository: str,
    branch: str,
    path: str,
    mode: Mode,
    encoding: str | None,
    newline: str | None,
    content_type: str | None,
) -> File[Any]:
    """Return a file that is uploaded to `path` when it is closed."""

    def send(file: BinaryIO) -> None:
        client.upload_object(
            repository,
            branch,
            path,
            file,
            content_type=content_type,
            if_absent="x" in mode,
        )

    return cast("File[Any]", open_writer(path, send, mode, encoding, newline))
