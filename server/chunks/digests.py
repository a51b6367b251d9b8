"""MD5 and SHA-256 of an object, computed beside the rest of its ingest.

S3 wants MD5 for the ETag, and it is the slowest thing on the road of a large object.
hashlib gives up the GIL for large buffers, so a lane of its own makes it cost nothing but
itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Protocol

from .pipeline import Lane


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


class Digests:
    """The digests of one object; used from one thread at a time."""

    __slots__ = ("_hashes", "_lanes", "_md5", "_sha256")

    def __init__(self, *, want_sha256: bool) -> None:
        self._md5: _Hash = hashlib.md5(usedforsecurity=False)
        self._sha256: _Hash | None = hashlib.sha256() if want_sha256 else None
        self._hashes = (
            (self._md5,) if self._sha256 is None else (self._md5, self._sha256)
        )
        self._lanes: list[Lane] = []

    def update_now(self, data: bytes | memoryview) -> None:
        """Take all bytes in this thread: right for small objects."""
        for each in self._hashes:
            each.update(data)

    def update_beside(
        self, pieces: Sequence[bytes | memoryview], executor: Executor
    ) -> None:
        """Take the next bytes in `executor`; waits while too many are to be taken."""
        if not self._lanes:
            self._lanes = [Lane(executor) for _ in self._hashes]
        for each, lane in zip(self._hashes, self._lanes, strict=True):
            lane.put(partial(_update, each, pieces))

    def finish(self) -> tuple[bytes, bytes | None]:
        """Return MD5 and SHA-256, the latter only if it was asked for."""
        for lane in self._lanes:
            lane.wait()
        sha256 = None if self._sha256 is None else self._sha256.digest()
        return self._md5.digest(), sha256


def _update(each: _Hash, pieces: Sequence[bytes | memoryview]) -> None:
    for piece in pieces:
        each.update(piece)
