"""A file that is downloaded in pieces, in any order, and goes on when it is repeated.

Beside the target lie, until it is whole, `.lakebed-NAME.partial` with the bytes and
`.lakebed-NAME.pieces` with a mark for each piece that is complete. NAME says what is
downloaded, so that only the same version goes on. A mark is written after the bytes; both
may be in memory only, so the marks begin with the boot of the machine that they count for.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Self

PIECE_BYTES = 8 * 1024 * 1024
"""Of a file, one request. Half doubles the requests, double makes an interrupted download
repeat twice as much; the speed over loopback was the same from 4 MiB on."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_DONE = b"\x01"


class PartialFile:
    """The pieces of a file that shall come to lie at `target`.

    Of two that download the same at once the second begins anew, under a name of its own.
    """

    def __init__(self, target: Path, *, identity: str, size_bytes: int) -> None:
        """Open or make what is beside `target`.

        Args:
            identity: what is downloaded, in one text: server, path and version.

        Raises:
            OSError: it cannot be made.
        """
        self.target = target
        self.size_bytes = size_bytes
        name = hashlib.sha256(f"{identity}\0{target.name}".encode()).hexdigest()[:16]
        self._open(name)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            self._open(f"{name}-{secrets.token_hex(4)}")
        self._boot = _boot_id()
        count = -(-size_bytes // PIECE_BYTES)
        self._done = self._read_marks(count)
        if self._done is None:
            self._done = bytearray(count)
            os.ftruncate(self._file, 0)
            os.ftruncate(self._marks, 0)
            os.pwrite(self._marks, self._boot, 0)
        os.ftruncate(self._file, size_bytes)

    def missing(self) -> list[tuple[int, int]]:
        """Return the pieces that are still to come: where each starts and ends."""
        assert self._done is not None
        return [
            (start, min(start + PIECE_BYTES, self.size_bytes))
            for number, done in enumerate(self._done)
            if not done
            for start in (number * PIECE_BYTES,)
        ]

    def write(self, offset: int, data: bytes) -> None:
        """Write `data` at `offset`; from any thread."""
        view = memoryview(data)
        while len(view):
            written = os.pwrite(self._file, view, offset)
            view = view[written:]
            offset += written

    def mark(self, start: int) -> None:
        """Note that the piece from `start` on is complete."""
        assert self._done is not None
        number = start // PIECE_BYTES
        self._done[number] = 1
        os.pwrite(self._marks, _DONE, len(self._boot) + number)

    def md5(self) -> str:
        """Return the MD5 of the bytes, in hex."""
        digest = hashlib.md5(usedforsecurity=False)
        offset = 0
        while data := os.pread(self._file, 1024 * 1024, offset):
            digest.update(data)
            offset += len(data)
        return digest.hexdigest()

    def publish(self) -> None:
        """Give the file its name, in place of what is there."""
        self._path.replace(self.target)
        with suppress(OSError):
            self._marks_path.unlink()

    def discard(self) -> None:
        """Remove what is there of it."""
        for path in (self._marks_path, self._path):
            with suppress(OSError):
                path.unlink()

    def close(self) -> None:
        """Close it; what is there stays, to go on with."""
        for opened in (self._file, self._marks):
            with suppress(OSError):
                os.close(opened)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _open(self, name: str) -> None:
        self._path = self.target.with_name(f".lakebed-{name}.partial")
        self._marks_path = self.target.with_name(f".lakebed-{name}.pieces")
        # Whoever may write the folder could put a link there: it is not followed.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(self._path, flags, 0o666)
        try:
            self._marks = os.open(self._marks_path, flags, 0o666)
        except BaseException:
            os.close(self._file)
            raise

    def _read_marks(self, count: int) -> bytearray | None:
        marks = os.pread(self._marks, len(self._boot) + count, 0)
        size = os.fstat(self._file).st_size
        if not self._boot or not marks.startswith(self._boot):
            return None
        if size != self.size_bytes:
            return None
        done = marks[len(self._boot) :]
        return bytearray(done.ljust(count, b"\0"))


def _boot_id() -> bytes:
    """Return what is another after each boot; empty where nobody says."""
    try:
        return _BOOT_ID.read_bytes()
    except OSError:
        return b""
