"""Objects as files of the asynchronous client: the methods of a file, to be awaited.

They are the files of `files.py`, used in a thread, whose requests go out on the loop.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, AnyStr, BinaryIO, Generic, Self, TypeVar, cast

from ..async_client import AsyncClient
from ..files import Mode, ObjectWriter, TextWriter, open_reader, open_writer

T = TypeVar("T")


class AsyncFile(Generic[AnyStr]):
    """A file, opened by `async with`."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._make = make
        self._file: Any = None

    async def __aenter__(self) -> Self:
        self._file = await self._make()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None and isinstance(self._file, ObjectWriter | TextWriter):
            self._file.discard()
        else:
            await self.close()

    async def read(self, size: int = -1) -> AnyStr:
        """Return up to `size` bytes or characters; all of the rest if it is -1."""
        return cast("AnyStr", await self._run(self._opened().read, size))

    async def readline(self) -> AnyStr:
        """Return the next line, with its end; nothing at the end of the file."""
        return cast("AnyStr", await self._run(self._opened().readline))

    async def __aiter__(self) -> AsyncIterator[AnyStr]:
        """Yield the lines."""
        while line := await self.readline():
            yield line

    async def write(self, data: AnyStr) -> int:
        """Write `data`; return how much it is."""
        return int(await self._run(self._opened().write, data))

    async def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to `offset`, counted from where `whence` says; return the position."""
        return int(await self._run(self._opened().seek, offset, whence))

    async def tell(self) -> int:
        """Return where the next read or write begins."""
        return int(await self._run(self._opened().tell))

    async def close(self) -> None:
        """Close it, and upload what was written; again is nothing."""
        await self._run(self._opened().close)

    def _opened(self) -> Any:
        if self._file is None:
            raise RuntimeError("the file is not open: use it in `async with`")
        return self._file

    async def _run(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.to_thread(call, *arguments)


def read_file(
    client: AsyncClient,
    repository: str,
    ref: str,
    path: str,
    mode: Mode,
    encoding: str | None,
) -> AsyncFile[Any]:
    """Return the object at `path` as a file to read."""

    async def make() -> object:
        loop = asyncio.get_running_loop()
        pinned = await client.pin_object(repository, ref, path)

        def read_range(start: int, end: int) -> bytes:
            asked = client.read_pinned(pinned, start=start, end=end)
            return asyncio.run_coroutine_threadsafe(asked, loop).result()

        return open_reader(pinned, read_range, mode, encoding)

    return AsyncFile(make)


def write_file(
    client: AsyncClient,
    repository: str,
    branch: str,
    path: str,
    mode: Mode,
    encoding: str | None,
    newline: str | None,
    content_type: str | None,
) -> AsyncFile[Any]:
    """Return a file that is uploaded to `path` when it is closed."""

    async def make() -> object:
        loop = asyncio.get_running_loop()

        def send(file: BinaryIO) -> None:
            sent = client.upload_object(
                repository,
                branch,
                path,
                file,
                content_type=content_type,
                if_absent="x" in mode,
            )
            asyncio.run_coroutine_threadsafe(sent, loop).result()

        return open_writer(path, send, mode, encoding, newline)

    return AsyncFile(make)
