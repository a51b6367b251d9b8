"""MD5 of an object and whatever else its bytes are summed up to, beside their ingest.

S3 wants MD5 for the ETag, and it is the slowest thing on the road of a large object.
hashlib gives up the GIL for large buffers, so a lane of its own makes it cost nothing but
itself. The sums that a caller brings have lanes of their own, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Protocol

from .pipeline import Lane


class Sum(Protocol):
    """Takes the bytes of one object, in order; used from one thread at a time."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take the next bytes; what it raises refuses the object."""
        ...


class Digests:
    """The digests of one object; used from one thread at a time."""

    __slots__ = ("_lanes", "_md5", "_sums")

    def __init__(self, sums: Sequence[Sum]) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sums: tuple[Sum, ...] = (self._md5, *sums)
        self._lanes: list[Lane] = []

    def update_beside(
        self, pieces: Sequence[bytes | memoryview], executor: Executor
    ) -> None:
        """Take the next bytes in `executor`; waits while too many are to be taken."""
        if not self._lanes:
            self._lanes = [Lane(executor) for _ in self._sums]
        for each, lane in zip(self._sums, self._lanes, strict=True):
            lane.put(partial(_update, each, pieces))

    def finish(self) -> bytes:
        """Return the MD5; the other sums have taken all bytes as well."""
        for lane in self._lanes:
            lane.wait()
        return self._md5.digest()


def _update(each: Sum, pieces: Sequence[bytes | memoryview]) -> None:
    for piece in pieces:
        each.update(piece)
