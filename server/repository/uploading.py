"""Taking in an object's bytes, before anything names them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from ..chunks.digests import Sum
from ..chunks.index import StoredFrame
from ..chunks.ingest import BlobWriter, OnChunk, WrittenBlob, take_small
from ..ids import ChunkId, Kind
from .contracts import WriteTransaction
from .engine import Engine

THREAD_BYTES_MIN = 128 * 1024
"""From here on hashing goes to a thread: 128 KiB take about 0.3 ms, as long as a few
small requests; a hop to a thread costs 0.1 ms."""
HANDOVER_BYTES = 1024 * 1024
"""Bytes gathered before a thread takes them. Half doubles the hops of a large upload;
double adds as much to the memory of each."""
_PIECES_MAX = 64
"""Pieces handed over one by one; as many of 16 KiB or less are joined first."""
LEASE_MS = 24 * 3600 * 1000
"""A lease outlives any upload; one that nobody released ends by itself."""


class UploadLease:
    """Keeps the chunks that an upload found stored until its transaction names them.

    Without it a chunk could be collected between the moment when the upload decides not
    to store it again and the moment when a staged change makes it reachable.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._lease_id: int | None = None

    @property
    def is_taken(self) -> bool:
        """Whether there is something to release."""
        return self._lease_id is not None

    def keep(self, ids: Sequence[ChunkId]) -> set[bytes]:
        """Return those of `ids` that are stored and kept now; blocks, for threads."""
        found = list(self._engine.metadata.find_blocking(Kind.CHUNK, ids))
        if not found:
            return set()
        missing = asyncio.run_coroutine_threadsafe(
            self._ensure(found), self._loop
        ).result()
        return set(found).difference(missing)

    async def _ensure(self, ids: Sequence[bytes]) -> list[bytes]:
        async def action(tx: WriteTransaction) -> tuple[int, list[bytes]]:
            lease_id = self._lease_id
            if lease_id is None:
                lease_id = await tx.create_lease(self._engine.clock() + LEASE_MS)
            return lease_id, await tx.ensure(Kind.CHUNK, ids, lease_id)

        self._lease_id, missing = await self._engine.metadata.write(action)
        return missing

    def record(self, stored: Sequence[StoredFrame]) -> None:
        """Record what was appended, and keep it too; blocks, for threads."""
        asyncio.run_coroutine_threadsafe(self._record(stored), self._loop).result()

    async def _record(self, stored: Sequence[StoredFrame]) -> None:
        async def action(tx: WriteTransaction) -> int:
            lease_id = self._lease_id
            if lease_id is None:
                lease_id = await tx.create_lease(self._engine.clock() + LEASE_MS)
            for kind in (Kind.CHUNK, Kind.RECIPE):
                ids = [frame.id for frame in stored if frame.kind is kind]
                await tx.ensure(kind, ids, lease_id)
            return lease_id

        self._lease_id = await self._engine.metadata.write(action, stored=stored)

    async def release(self, tx: WriteTransaction) -> None:
        """End the lease in the transaction that makes its chunks reachable."""
        if self._lease_id is not None:
            await tx.release_lease(self._lease_id)


async def take_in(
    engine: Engine,
    body: bytes | AsyncIterator[bytes],
    lease: UploadLease,
    *,
    sums: Sequence[Sum] = (),
    on_chunk: OnChunk | None = None,
    check: Callable[[WrittenBlob], None] | None = None,
) -> WrittenBlob:
    """Cut and hash `body`, and append its chunks; nothing refers to them yet.

    Memory is bounded by a few MiB, whatever the size.

    Args:
        engine: where to.
        body: the bytes, at once or as they come.
        lease: keeps the chunks that were stored before.
        sums: take all bytes too; what one raises refuses the object.
        on_chunk: told of the chunks of a large body, in a thread.
        check: gets the digests, once `sums` have all bytes; whatever it raises refuses
            the object.
    """
    if isinstance(body, bytes) and len(body) < THREAD_BYTES_MIN:
        blob = take_small(body, sums)
    else:
        writer = BlobWriter(
            engine.metadata.appender, lease.keep, sums=sums, on_chunk=on_chunk
        )
        blob = await _write(writer, body)
    if check is not None:
        check(blob)
    return blob


async def _write(writer: BlobWriter, body: bytes | AsyncIterator[bytes]) -> WrittenBlob:
    gathered: list[bytes] = []
    size = 0

    def write_all(pieces: Sequence[bytes]) -> None:
        for piece in pieces if len(pieces) <= _PIECES_MAX else [b"".join(pieces)]:
            writer.write(piece)

    if isinstance(body, bytes):
        gathered, size = [body], len(body)
    else:
        async for piece in body:
            gathered.append(piece)
            size += len(piece)
            if size >= HANDOVER_BYTES:
                await asyncio.to_thread(write_all, gathered)
                gathered, size = [], 0

    def write_and_finish() -> WrittenBlob:
        write_all(gathered)
        return writer.finish()

    if not writer.is_large and size < THREAD_BYTES_MIN:
        return write_and_finish()
    return await asyncio.to_thread(write_and_finish)
