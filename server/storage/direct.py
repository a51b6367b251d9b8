"""Writes large runs of bytes past the page cache.

A pack of large objects is written once and rarely read soon. Through the page cache that
costs 0.3 to 1.3 CPU seconds a GiB for pages that are thrown away, and evicts the ones in
use; past it 0.05, and the sync that follows has nothing left to do. The price is that
offset, length and memory must be aligned, so the bytes pass through one aligned buffer.
Whoever writes the unaligned rest through the page cache must not touch the same blocks.
"""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Sequence
from pathlib import Path

BLOCK_BYTES = 4096
"""The largest logical block of common disks; also the page size, so that no page of the
cache ever overlaps what goes past it."""

DIRECT_BYTES_MIN = 512 * 1024
"""Appends from this size on go past the cache. Below it a write waits longer for the
disk than copying would take."""

_BUFFER_BYTES = 2 * 1024 * 1024
"""One write. A virtual disk took 1,400 MiB/s with this, half and double, and a third
less with a quarter."""


class DirectFile:
    """A file opened for direct writing; `open_direct` makes it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._memory = mmap.mmap(-1, _BUFFER_BYTES)

    def write(self, buffers: Sequence[memoryview], offset: int) -> int:
        """Write `buffers` at `offset`; return how many bytes of them were taken.

        Fewer than all if the file system takes no more this way: the caller writes the
        rest through the page cache. Offset and total length are multiples of
        `BLOCK_BYTES`.

        Raises:
            OSError: the write failed.
        """
        taken = filled = 0
        for buffer in buffers:
            while len(buffer):
                part = buffer[: _BUFFER_BYTES - filled]
                self._memory[filled : filled + len(part)] = part
                filled += len(part)
                buffer = buffer[len(part) :]
                if filled == _BUFFER_BYTES:
                    written = self._flush(filled, offset + taken)
                    taken += written
                    if written < filled:
                        return taken
                    filled = 0
        return taken + self._flush(filled, offset + taken) if filled else taken

    def close(self) -> None:
        """Give up the file and the buffer."""
        os.close(self._fd)
        self._memory.close()

    def _flush(self, size: int, offset: int) -> int:
        """Write the buffer's first `size` bytes; return how many whole blocks went."""
        with memoryview(self._memory) as memory, memory[:size] as part:
            try:
                written = os.pwritev(self._fd, [part], offset)
            except OSError as error:
                if error.errno == errno.EINVAL:  # no such alignment here
                    return 0
                raise
        return written - written % BLOCK_BYTES


def open_direct(path: Path) -> DirectFile | None:
    """Return `path`, which exists, for direct writing; None if that is not possible."""
    try:
        return DirectFile(os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC))
    except OSError as error:
        if error.errno in {errno.EINVAL, errno.EOPNOTSUPP}:
            return None
        raise


def split_buffers(
    buffers: Sequence[memoryview], at: int
) -> tuple[list[memoryview], list[memoryview]]:
    """Return the first `at` bytes of `buffers`, and the rest; nothing is copied."""
    for index, buffer in enumerate(buffers):
        if at < len(buffer):
            before = [*buffers[:index], buffer[:at]] if at else list(buffers[:index])
            return before, [buffer[at:], *buffers[index + 1 :]]
        at -= len(buffer)
    return list(buffers), []
