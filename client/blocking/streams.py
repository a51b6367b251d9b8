"""Objects that come or go in pieces, for callers without a loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from ..operations.reading import ObjectStream
from ..operations.uploading import Upload
from .loop import LoopThread

BlockingUpload = bytes | bytearray | memoryview | Path | BinaryIO | Iterable[bytes]
"""Bytes, a file by its path, a binary file open for reading, or pieces of bytes."""


class BlockingObjectStream:
    """An object, or a range of it, while it comes."""

    def __init__(self, loop: LoopThread, stream: ObjectStream) -> None:
        self._loop = loop
        self._stream = stream
        self.size_bytes = stream.size_bytes
        """Bytes that will come; None if the server does not say."""
        self.etag = stream.etag
        self.content_type = stream.content_type

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes in order, in pieces."""
        return self._loop.iterate(aiter(self._stream), at_once=1)

    def read(self) -> bytes:
        """Return all the bytes."""
        return self._loop.run(self._stream.read())


@contextmanager
def open_blocking(
    loop: LoopThread, opened: AbstractAsyncContextManager[ObjectStream]
) -> Generator[BlockingObjectStream]:
    """Give the stream of `opened` without `await`."""
    stream = loop.run(_enter(opened))
    try:
        yield BlockingObjectStream(loop, stream)
    finally:
        loop.run(_leave(opened))


def as_upload(body: BlockingUpload) -> Upload:
    """Return `body` as the asynchronous client takes it."""
    if isinstance(body, memoryview):
        return bytes(body)
    if isinstance(body, bytes | bytearray | Path):
        return body
    # Not isinstance: files come in many classes that share no base.
    if hasattr(body, "read"):
        return cast("BinaryIO", body)
    return _pieces(body)


async def _pieces(body: Iterable[bytes]) -> AsyncGenerator[bytes]:
    # `body` runs on the client's thread: it may block, but not call this client.
    for piece in body:
        yield piece


async def _enter(opened: AbstractAsyncContextManager[ObjectStream]) -> ObjectStream:
    return await opened.__aenter__()


async def _leave(opened: AbstractAsyncContextManager[ObjectStream]) -> None:
    await opened.__aexit__(None, None, None)
