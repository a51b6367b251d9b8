"""Tell the C library how to keep memory that was freed.

A server in CPython holds many buffers of tens of KiB to some MiB for a short time, in
several threads. glibc gives each thread a heap of its own, cuts those buffers out of it,
learns from each large one that is freed to do so with larger ones still, and gives a
heap back only from its end: 240 slow writers at one time left 285 MiB with the process,
of which 80 were of use to nobody. Two heaps and large buffers in maps of their own leave
200 MiB, at the same speed. Source: mallopt(3).
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
"""Numbers of <malloc.h>."""

_SETTINGS = {
    _M_ARENA_MAX: 2,  # one for the loop, one for the threads that read and write files
    _M_MMAP_THRESHOLD: 1024
    * 1024,  # from what we read and send at once; and no learning
    _M_TRIM_THRESHOLD: 128 * 1024,  # the default, which mallopt would else stop to keep
}


def keep_less_freed_memory() -> None:
    """Set up the allocator of this process, before it starts threads.

    Does nothing where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    for parameter, value in _SETTINGS.items():
        library.mallopt(parameter, value)
