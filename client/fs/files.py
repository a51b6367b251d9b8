"""Open files: what is read is of one version, what is written appears on close."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from fsspec.asyn import AbstractAsyncStreamedFile, sync
from fsspec.spec import AbstractBufferedFile
from typing_extensions import Buffer

from .pending import PendingObject

if TYPE_CHECKING:
    from .filesystem import LakebedFileSystem

BLOCK_BYTES = 4 * 1024 * 1024
"""Read ahead at once. A smaller object is read whole
with one request; half of it makes twice the requests of a long read, double reads more
than a table's footer needs."""


class ReadingFile(AbstractBufferedFile):
    """An object open for reading: all that is read is of the version found first."""

    fs: LakebedFileSystem

    def __init__(
        self,
        fs: LakebedFileSystem,
        path: str,
        block_size: int | str | None = None,
        cache_type: str | None = None,
        cache_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("mode", None)
        kwargs.pop("autocommit", None)
        size = kwargs.pop("size", None)
        etag = kwargs.pop("etag", None)
        if etag is None or size is None:
            info = fs.info(path)
            fs.refuse_directory(info)
            size, etag = info["size"], info["ETag"]
            self._details = info
        block = BLOCK_BYTES if block_size in (None, "default") else int(block_size)
        if cache_type is None:
            cache_type = "all" if size <= block else "readahead"
        self._etag = etag
        super().__init__(
            fs,
            path,
            mode="rb",
            block_size=block,
            cache_type="none" if size == 0 else cache_type,
            cache_options=dict(cache_options or {}),
            size=size,
            # What an unpickled file finds again.
            etag=etag,
            **kwargs,
        )

    def _fetch_range(self, start: int, end: int) -> bytes:
        return sync(self.fs.loop, self.fs.read_version, self, start, end)

    @property
    def etag(self) -> str:
        """Of the version that is read."""
        return cast("str", self._etag)


class WritingFile(io.RawIOBase):
    """An object open for writing: it appears at its path when the file is closed.

    Leaving its `with` with an error discards it, and so does forgetting to close it.
    """

    mode = "wb"

    def __init__(self, fs: LakebedFileSystem, path: str, **options: Any) -> None:
        self.fs = fs
        self.path = path
        self.name = path
        self._pending = PendingObject(fs, path, **options)

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._pending.size_bytes

    def writable(self) -> bool:
        """Whether bytes can be written: until it is closed."""
        return not self.closed

    def write(self, data: Buffer, /) -> int:
        """Take `data`; it is sent on close."""
        return self._pending.write(data)

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._pending.size_bytes

    def close(self) -> None:
        """Send what was written; the object is there when this returns.

        Raises:
            OSError: it could not be written; what was at the path is there still.
        """
        if self.closed:
            return
        try:
            if self._pending.is_open:
                sync(self.fs.loop, self._pending.send)
        finally:
            super().close()

    def discard(self) -> None:
        """Close without writing anything."""
        self._pending.discard()
        super().close()

    def commit(self) -> None:
        """Do nothing: a transaction commits all of its files at once."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.discard()
        else:
            self.close()

    def __del__(self) -> None:
        # `close` of the base would send it.
        if hasattr(self, "_pending") and not self.closed:
            warnings.warn(
                f"'{self.path}' was never closed and is not written: use 'with'",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
            self.discard()


class TextWriter(io.TextIOWrapper):
    """Text over a file that discards what was written when its `with` fails."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            discard(self.buffer)
        else:
            self.close()


class CompressedWriter(io.RawIOBase):
    """A compressor that closes the file it writes to, or discards it on error."""

    def __init__(self, compressor: BinaryIO, file: WritingFile) -> None:
        self._compressor = compressor
        self._file = file

    def writable(self) -> bool:
        """Whether bytes can be written: until it is closed."""
        return not self.closed

    def write(self, data: Buffer, /) -> int:
        """Compress `data` into the file."""
        return self._compressor.write(cast("bytes", data))

    def close(self) -> None:
        """Write the end of the compressed stream, and close the file."""
        if self.closed:
            return
        try:
            self._compressor.close()
            self._file.close()
        finally:
            self._file.discard()
            super().close()

    def discard(self) -> None:
        """Close without writing anything."""
        self._file.discard()
        super().close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.discard()
        else:
            self.close()


def discard(file: object) -> None:
    """Discard what was written to `file`, if it is one of ours."""
    if isinstance(file, WritingFile | CompressedWriter):
        file.discard()


class AsyncReadingFile(AbstractAsyncStreamedFile):
    """An object open for reading with `await`."""

    fs: LakebedFileSystem

    def __init__(self, fs: LakebedFileSystem, path: str, info: dict[str, Any]) -> None:
        super().__init__(fs, path, mode="rb", size=info["size"], cache_type="none")
        self._details = info
        self.etag: str = info["ETag"]

    async def _fetch_range(self, start: int, end: int) -> bytes:
        return await self.fs.read_version(self, start, min(end, self.size))


class AsyncWritingFile(AbstractAsyncStreamedFile):
    """An object open for writing with `await`: it appears when the file is closed."""

    fs: LakebedFileSystem

    def __init__(self, fs: LakebedFileSystem, path: str, **options: Any) -> None:
        super().__init__(fs, path, mode="wb")
        self._pending = PendingObject(fs, path, **options)

    async def write(self, data: Buffer) -> int:
        """Take `data`; it is sent on close."""
        self.loc += (count := self._pending.write(data))
        return count

    async def flush(self, force: bool = False) -> None:
        """Do nothing: all is sent on close."""

    async def close(self) -> None:
        """Send what was written; the object is there when this returns."""
        if self.closed:
            return
        self.closed = True
        await self._pending.send()

    def discard(self) -> None:
        """Close without writing anything."""
        self.closed = True
        self._pending.discard()

    async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
        if kind is not None:
            self.discard()
        else:
            await self.close()

    def __del__(self) -> None:
        # That of the base would start to close, and never end.
        if hasattr(self, "_pending"):
            self.discard()
