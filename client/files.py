"""Objects as Python files: read with seeking, or written and uploaded at the close.

These are ordinary classes of `io`, so that pandas, pyarrow, zipfile and the rest take
them. They know no client: what they need of one they are given as functions.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from typing import IO, Any, BinaryIO, Literal, Self, cast

from .operations.pinning import PinnedObject

READ_BYTES = 1024 * 1024
"""Fetched at once by small reads. Half doubles the requests of whoever reads from front to
back, double makes whoever jumps around fetch twice what is needed."""

SPOOL_BYTES_MAX = 8 * 1024 * 1024
"""Of a file that is written, kept in memory; what is longer goes to a temporary file."""

Mode = Literal["r", "rt", "rb", "w", "wt", "wb", "x", "xt", "xb"]

ReadRange = Callable[[int, int], bytes]
Send = Callable[[BinaryIO], None]


class ObjectReader(io.RawIOBase):
    """One version of an object, read in ranges as they are asked for."""

    def __init__(self, pinned: PinnedObject, read_range: ReadRange) -> None:
        super().__init__()
        self.pinned = pinned
        self.name = pinned.path
        self.mode = "rb"
        self._read_range = read_range
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to `offset`, counted from where `whence` says; return the position."""
        self._check()
        match whence:
            case io.SEEK_SET:
                position = offset
            case io.SEEK_CUR:
                position = self._position + offset
            case io.SEEK_END:
                position = self.pinned.size_bytes + offset
            case _:
                raise ValueError(f"whence must be 0, 1 or 2, not {whence}")
        if position < 0:
            raise ValueError(f"cannot seek to {position}: before the beginning")
        self._position = position
        return position

    # What `io` documents and typeshed names differ; a buffer is all that comes here.
    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read as many bytes as `buffer` takes; return how many came, 0 at the end."""
        self._check()
        wanted = len(buffer)
        data = self._read_range(self._position, self._position + wanted)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def readall(self) -> bytes:
        """Read to the end, in one request."""
        self._check()
        data = self._read_range(self._position, self.pinned.size_bytes)
        self._position += len(data)
        return data

    def _check(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


class ObjectWriter(io.BufferedIOBase):
    """What is written is uploaded at `close`, whole; on an error nothing is.

    An error that leaves a `with`, and a writer that nobody closed, discard it.
    """

    def __init__(self, path: str, send: Send) -> None:
        super().__init__()
        self.name = path
        self.mode = "wb"
        self._send = send
        spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES_MAX)  # noqa: SIM115
        self._spool = cast("BinaryIO", spool)
        self._is_discarded = False

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True: a zip file goes back to write its directory."""
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Write `data`; return how many bytes that is."""
        self._check()
        return self._spool.write(data)

    def tell(self) -> int:
        """Return where the next write goes."""
        self._check()
        return self._spool.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to `offset`, counted from where `whence` says; return the position."""
        self._check()
        self._spool.seek(offset, whence)
        return self._spool.tell()

    def truncate(self, size: int | None = None) -> int:
        """Cut it off at `size`, by default here; return the size."""
        self._check()
        return self._spool.truncate(size)

    def discard(self) -> None:
        """Close it and upload nothing."""
        self._is_discarded = True
        self.close()

    def close(self) -> None:
        """Upload what was written, and close it; again is nothing."""
        if self.closed:
            return
        try:
            if not self._is_discarded:
                self._spool.seek(0)
                self._send(self._spool)
        finally:
            self._spool.close()
            super().close()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            self.discard()
        else:
            self.close()

    def __del__(self) -> None:
        # `io` closes what is thrown away, and to close is to upload: a program that
        # failed half-way must not.
        if not self.closed:
            self.discard()

    def _check(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


class TextWriter(io.TextIOWrapper):
    """Text over an `ObjectWriter`, discarded where that would be."""

    def __init__(
        self, writer: ObjectWriter, encoding: str, newline: str | None
    ) -> None:
        super().__init__(writer, encoding=encoding, newline=newline)
        self._writer = writer

    def __enter__(self) -> Self:
        return self

    def discard(self) -> None:
        """Close it and upload nothing."""
        self._writer.discard()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            self.discard()
        else:
            self.close()

    def __del__(self) -> None:
        if not self._writer.closed:
            self.discard()


def open_reader(
    pinned: PinnedObject, read_range: ReadRange, mode: Mode, encoding: str | None
) -> IO[Any]:
    """Return a file that reads `pinned`."""
    raw = ObjectReader(pinned, read_range)
    buffered = io.BufferedReader(raw, READ_BYTES)
    if "b" in mode:
        return buffered
    return io.TextIOWrapper(buffered, encoding=encoding or "utf-8")


def open_writer(
    path: str, send: Send, mode: Mode, encoding: str | None, newline: str | None
) -> ObjectWriter | TextWriter:
    """Return a file that uploads with `send` when it is closed."""
    writer = ObjectWriter(path, send)
    if "b" in mode:
        return writer
    return TextWriter(writer, encoding or "utf-8", newline)


def check_mode(mode: str, *, may_write: bool, name: str) -> Mode:
    """Return `mode` if a file can be opened so.

    Raises:
        ValueError: it cannot.
    """
    modes = ("r", "rt", "rb") + (
        ("w", "wt", "wb", "x", "xt", "xb") if may_write else ()
    )
    if mode not in modes:
        words = ", ".join(f"'{each}'" for each in modes)
        raise ValueError(f"cannot open '{name}' with mode '{mode}': use one of {words}")
    return cast("Mode", mode)
