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

_THREADS = 2
"""One for MD5 and one for SHA-256 of an upload; more would only take turns on the cores
that cut and write."""


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


class Digests:
    """The digests of one object; used from one thread at a time."""

    def __init__(self, *, want_sha256: bool, executor: Executor | None = None) -> None:
        """Digest in `executor`, or in threads shared by the process."""
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
        executor = self._executor or _shared_executor()
        hashes = [self._md5] if self._sha256 is None else [self._md5, self._sha256]
        self._running = [executor.submit(_update, each, pieces) for each in hashes]

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
def _shared_executor() -> Executor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="digest")
