"""Room that is kept for deletes on a full disk (P15).

`DIR/reserve` is a file of nothing. When a transaction finds the disk full, the file is
removed, and what frees space (deletes and collection: transactions without new bytes)
has its room. As long as the file is missing, nothing that brings bytes is taken, in any
process, or it would eat that room; the file is made again when there is space.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from ..errors import StorageFullError

RESERVE_BYTES = 8 * 1024 * 1024
"""Room for about 2,000 pages of the write-ahead log: some hundred thousand deletes in
batches. At half a delete of a whole repository may not fit; double is taken from users."""

_FREE_FACTOR = 2
"""The reserve is made where that many times its size is free besides: making it must
not be what fills the disk."""

_RETRY_S = 1.0
"""How often a process looks whether there is room again."""


class Reserve:
    """The reserve of one directory, shared by its processes through the file."""

    def __init__(self, path: Path, *, size_bytes: int = RESERVE_BYTES) -> None:
        """Use the file `path`; `ensure` makes it."""
        self._path = path
        self._size_bytes = size_bytes
        self._next_look_s = 0.0

    def is_held(self) -> bool:
        """Tell whether the reserve is there; make it if there is room again."""
        try:
            if os.stat(self._path).st_size >= self._size_bytes:  # noqa: PTH116 - hot
                return True
        except FileNotFoundError:
            pass
        now_s = time.monotonic()
        if now_s < self._next_look_s:
            return False
        self._next_look_s = now_s + _RETRY_S
        return self.ensure()

    def ensure(self) -> bool:
        """Make the reserve if there is room for it; tell whether it is there."""
        try:
            space = os.statvfs(self._path.parent)
            needed = self._size_bytes * (1 + _FREE_FACTOR)
            if space.f_bavail * space.f_frsize < needed:
                return False
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, self._size_bytes)
            finally:
                os.close(fd)
        except OSError:
            self._path.unlink(missing_ok=True)
            return False
        return True

    def check(self) -> None:
        """Refuse new bytes while the reserve is given away.

        Raises:
            StorageFullError: it is, and there is still no room.
        """
        if not self.is_held():
            raise StorageFullError(
                f"cannot store: the disk of '{self._path.parent}' is full: "
                "free some space, or delete objects"
            )

    def give(self) -> bool:
        """Give the room away to those who free space; tell whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        self._next_look_s = time.monotonic() + _RETRY_S
        return True
