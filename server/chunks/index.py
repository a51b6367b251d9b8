"""The contract of the chunk index: which pack holds which chunk, node or recipe.

The index is SQL (`metadata/`); it can be rebuilt from the packs alone. One index serves
all repositories of a lake, keyed by (kind, id). `ChunkIndex` reads, `ChunkTransaction`
is the part of a write transaction that concerns chunks. Promises:

1. `find` sees every location whose transaction committed before the call began.
2. A recorded location points at durable bytes: callers `sync` the appender first.
3. The first location recorded for a (kind, id) stays, unless it is marked as damaged: then
   the next one takes its place. The frame that does not count is garbage in its pack,
   and no error.
4. `record_chunks` fails whole if a pack it names is not `writing` or `sealed`: a writer
   that was paused while its pack was collected can never acknowledge into it.
5. What `ensure` did not return as missing is stored, is not marked as damaged, is no
   longer condemned, and is kept by the lease (if one was given) or by what the same
   transaction makes reachable. Reads find what is damaged, and fail with what is wrong.
6. Effects are those of the surrounding transaction: all or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from ..ids import ChunkId, Kind


class Location(Struct, frozen=True, gc=False):
    """Where a stored payload lies, and how it was encoded."""

    pack: str
    """Name of the pack."""
    offset: int
    """Of the stored payload in the pack; its frame header lies before it."""
    stored_bytes: int
    plain_bytes: int
    codec: int
    """A number of `chunks.codec.Codec`."""
    base: ChunkId | None = None
    """The chunk that is the dictionary of codec 2; None for every other codec."""


class Frame(Struct, frozen=True, gc=False):
    """Something to store: plain bytes and the id that they hash to."""

    kind: Kind
    id: bytes
    data: bytes | memoryview


class StoredFrame(Struct, frozen=True, gc=False):
    """What lies in a pack and where: what a transaction records."""

    kind: Kind
    id: bytes
    location: Location


class ChunkIndex(Protocol):
    """Finds where things are stored."""

    async def find(self, kind: Kind, ids: Sequence[bytes]) -> dict[bytes, Location]:
        """Return the locations of those of `ids` that are stored."""
        ...

    def find_blocking(self, kind: Kind, ids: Sequence[bytes]) -> dict[bytes, Location]:
        """Return what `find` does; for worker threads, from any of them."""
        ...


class ChunkTransaction(Protocol):
    """What a write transaction can do about chunks."""

    async def record_chunks(self, frames: Sequence[StoredFrame]) -> None:
        """Record where `frames` lie; ids that have a location already keep it.

        Raises:
            PackGoneError: a pack is neither `writing` nor `sealed` any more; store the
                frames again and try once more.
        """
        ...

    async def ensure(
        self, kind: Kind, ids: Sequence[bytes], lease_id: int | None
    ) -> list[bytes]:
        """Keep `ids` from being collected; return those that are not stored.

        Takes condemned ones back, and attaches all that are stored to the lease
        `lease_id` if it is given.
        """
        ...

    async def mark_damaged(
        self, frames: Sequence[StoredFrame], *, now_ms: int | None
    ) -> int:
        """Mark `frames` as damaged since `now_ms`, or with None as whole again.

        One that lies elsewhere by now is left alone. Returns how many were changed.
        """
        ...

    async def create_lease(self, expires_at_ms: int) -> int:
        """Return the id of a new lease that ends by itself at `expires_at_ms`."""
        ...

    async def release_lease(self, lease_id: int) -> None:
        """End a lease; nothing happens if it has ended."""
        ...

    async def seal_pack(self, name: str, size_bytes: int) -> None:
        """Say that `name` takes no more bytes and is `size_bytes` long."""
        ...
