"""Tell the C library how to keep memory that was freed.

A server in CPython holds many buffers of tens of KiB to some MiB for a short time, in
several threads. glibc gives each thread a heap of its own, and gives a heap back only
from its end: 240 slow writers at one time left 285 MiB with the process, 490 slow
clients 324. With two heaps it is 245 and 283. Giving back more eagerly, or maps of their
own for buffers of 1 MiB, takes some 20 MiB less, and 100 ms more for each 64 MiB that is
written, because every page comes back empty. Source: mallopt(3).
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import platform
from collections.abc import Callable
from pathlib import Path

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
"""Numbers of <malloc.h>."""

_MIB = 1024 * 1024
_SETTINGS = {
    _M_ARENA_MAX: 2,  # one for the loop, one for the threads that read and write files
    _M_MMAP_THRESHOLD: 4 * _MIB,  # above the batches of an upload; and no learning
    _M_TRIM_THRESHOLD: 16 * _MIB,  # free at the end of a heap, kept for the next
}


_LOOK_S = 5.0
"""Between two looks at how many clients there are."""
_GONE_MIN = 256
"""Fewer clients that have gone leave little: some 100 KiB each at most."""
_MUCH_BYTES = 144 * _MIB
"""From here on a worker looks for freed memory all the time. Between requests of a crowd
that comes and goes, two fifths of what it holds are free, in pieces of some pages each."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


async def give_back_after_crowds(count: Callable[[], int]) -> None:
    """Give freed memory back when most clients, of which `count` tells, have gone.

    And when there is much of it. What a crowd took lies in the middle of heaps, which glibc
    does not give back by itself. Looking for it takes some 10 ms, in a thread. Runs until
    it is cancelled.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)  # calls without the lock of the interpreter
    most = 0
    while True:
        await asyncio.sleep(_LOOK_S)
        now = count()
        most = max(most, now)
        have_gone = most - now >= _GONE_MIN and now <= most // 2
        if have_gone or _read_resident_bytes() >= _MUCH_BYTES:
            most = now
            # What a broken connection leaves are cycles, with buffers in them. Their time
            # comes once in some million containers: there are too few for that.
            gc.collect()
            await asyncio.to_thread(library.malloc_trim, 0)


def _read_resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def keep_less_freed_memory() -> None:
    """Set up the allocator of this process, before it starts threads.

    Does nothing where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    for parameter, value in _SETTINGS.items():
        library.mallopt(parameter, value)
