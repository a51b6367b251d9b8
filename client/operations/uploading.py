"""What can be uploaded, and how it is read: bytes, files and streams, a piece at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PIECE_BYTES = 1024 * 1024
"""Read from a file at once. Half costs more thread hops, double more memory; from
256 KiB on the speed over loopback did not change."""

Upload = bytes | bytearray | memoryview | Path | BinaryIO | AsyncIterable[bytes]
"""Bytes, a file by its path, a binary file that is open for reading, or a stream."""

Progress = Callable[[int], None]
"""Called with the number of bytes that went by since the last call."""


Expect = Callable[[int], None]
"""Called once with the number of bytes that there are."""

Watch = Callable[[int, int | None], None]
"""Called with the bytes that are done, and all of them; None if nobody knows."""


class Tally:
    """Adds up for a `Watch` what goes by; `watch` None watches nothing."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self._done = 0
        self._total: int | None = None

    def expect(self, size_bytes: int) -> None:
        """Note that there are `size_bytes` more to come."""
        self._total = (self._total or 0) + size_bytes
        self.add(0)

    def add(self, size_bytes: int) -> None:
        """Note that `size_bytes` more are done."""
        self._done += size_bytes
        if self._total is not None:
            # A body that was sent again went by twice.
            self._done = min(self._done, self._total)
        if self._watch is not None:
            self._watch(self._done, self._total)


@dataclass(frozen=True, slots=True)
class Payload:
    """A body to upload."""

    make: Callable[[], AsyncIterable[bytes] | bytes]
    """Makes the body, from its start."""
    size_bytes: int | None
    """None: nobody knows before the end."""
    repeatable: bool
    """Whether `make` gives the same bytes a second time."""


def read_upload(upload: Upload, progress: Progress | None) -> Payload:
    """Return how to send `upload`.

    Raises:
        OSError: it is a path that cannot be read.
    """
    match upload:
        case bytes() | bytearray() | memoryview():
            return _read_bytes(bytes(upload), progress)
        case Path():
            return _read_path(upload, progress)
        case AsyncIterable():
            return Payload(lambda: _count(upload, progress), None, repeatable=False)
        case _:
            return _read_file(upload, progress)


def _read_bytes(data: bytes, progress: Progress | None) -> Payload:
    async def pieces() -> AsyncGenerator[bytes]:
        for start in range(0, len(data), PIECE_BYTES):
            yield data[start : start + PIECE_BYTES]

    if progress is None and len(data) <= PIECE_BYTES:
        return Payload(lambda: data, len(data), repeatable=True)
    # One large write would hold the loop, and every other task with it.
    return Payload(lambda: _count(pieces(), progress), len(data), repeatable=True)


def _read_path(path: Path, progress: Progress | None) -> Payload:
    # Not checked again while it is sent: a file that grows or shrinks meanwhile breaks
    # the promised length, and the connection fails rather than storing half of it.
    with path.open("rb") as file:
        size_bytes = file.seek(0, 2)

    async def pieces() -> AsyncGenerator[bytes]:
        with await asyncio.to_thread(path.open, "rb") as file:
            async for piece in _pieces_of(file):
                yield piece

    return Payload(lambda: _count(pieces(), progress), size_bytes, repeatable=True)


def _read_file(file: BinaryIO, progress: Progress | None) -> Payload:
    if not file.seekable():
        return Payload(
            lambda: _count(_pieces_of(file), progress), None, repeatable=False
        )
    start = file.tell()
    size_bytes = file.seek(0, 2) - start
    file.seek(start)

    async def pieces() -> AsyncGenerator[bytes]:
        file.seek(start)
        async for piece in _pieces_of(file):
            yield piece

    return Payload(lambda: _count(pieces(), progress), size_bytes, repeatable=True)


async def _pieces_of(file: BinaryIO) -> AsyncGenerator[bytes]:
    while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
        yield piece


async def _count(
    pieces: AsyncIterable[bytes], progress: Progress | None
) -> AsyncGenerator[bytes]:
    async for piece in pieces:
        yield piece
        if progress is not None:
            progress(len(piece))
        # A server that takes bytes as fast as we send them never makes us wait, and
        # then its refusal would be read only after the last of them.
        await asyncio.sleep(0)
