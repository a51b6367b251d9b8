"""MD5 and SHA-256 of an object, computed beside the rest of its ingest.

S3 wants MD5 for the ETag, and it is the slowest thing on the road of a large object.
hashlib gives up the GIL for large buffers, so a thread of its own makes it cost nothing
but itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import cache
from typing import Protocol

_THREADS = 4
"""MD5, SHA-256 and writing of one upload at a time, and one to spare; more would only
take turns on the cores that cut."""


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


class Digests:
    """The digests of one object; used from one thread at a time."""

    def __init__(self, executor: Executor, *, want_sha256: bool) -> None:
        """Digest in `executor` what is large."""
        self._md5: _Hash = hashlib.md5(usedforsecurity=False)
        self._sha256: _Hash | None = hashlib.sha256() if want_sha256 else None
        self._executor = executor
        self._running: list[Future[None]] = []

    def update_now(self, data: bytes) -> None:
        """Take the next bytes in this thread: right for small ones."""
        self._md5.update(data)
        if self._sha256 is not None:
            self._sha256.update(data)

    def update_beside(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Take the next bytes in other threads; waits until the last call's are done."""
        self._wait()
        hashes = [self._md5] if self._sha256 is None else [self._md5, self._sha256]
        self._running = [
            self._executor.submit(_update, each, pieces) for each in hashes
        ]

    def finish(self) -> tuple[bytes, bytes | None]:
        """Return MD5 and SHA-256, the latter only if it was asked for."""
        self._wait()
        sha256 = None if self._sha256 is None else self._sha256.digest()
        return self._md5.digest(), sha256

    def _wait(self) -> None:
        running, self._running = self._running, []
        for each in running:
            each.result()


def _update(each: _Hash, pieces: Sequence[bytes | memoryview]) -> None:
    for piece in pieces:
        each.update(piece)


@cache
def ingest_executor() -> Executor:
    """Return the threads that all uploads of this process share.

    Nothing that runs in it waits for anything else in it.
    """
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="ingest")
