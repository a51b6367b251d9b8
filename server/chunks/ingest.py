"""Turns the bytes of an object into stored chunks while they come in.

One pass over the bytes: the ETag's MD5, the sums that the caller brings, and writing run in
threads beside cutting and BLAKE3, because all of them give up the GIL. Memory is bounded
by a few batches, whatever the size of the object.

What a writer stored is garbage until a transaction records it: the caller appends
`WrittenBlob.frames`, syncs the appender, and in one transaction records `frames` and
`stored` and ensures `reused`. A stop before that leaves nothing but frames that no index
knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor

from msgspec import Struct

from ..ids import BlobId, ChunkId, Kind, hash_chunk
from .appender import PackAppender
from .cutting import LARGE_BYTES_MIN, StreamCutter
from .digests import Digests, Sum
from .index import Frame, StoredFrame
from .pipeline import Lane, ingest_executor
from .recipe_builder import RecipeBuilder

BATCH_BYTES = 2 * 1024 * 1024
"""Cut, hashed and written at once; an upload holds six of them at most. Half pays twice
for handing over to threads, double doubles the memory of an upload."""

_RECORDS_KEPT_MAX = 64
"""Recipe records kept for the caller; 600 KiB; beyond, they are appended on the way."""

FindStored = Callable[[Sequence[ChunkId]], set[bytes]]
"""Returns those chunk ids that the index knows."""

OnChunk = Callable[[ChunkId, int], None]
"""Told of each chunk of a large object and its size in bytes, in order."""


class WrittenBlob(Struct, frozen=True, gc=False):
    """An object whose bytes are cut; what must still happen for it to be stored."""

    blob_id: BlobId
    size_bytes: int
    md5: bytes
    frames: tuple[Frame, ...]
    """Not appended yet: the single chunk of a small object, the last records of a recipe."""
    stored: tuple[StoredFrame, ...]
    """Appended by this writer, not recorded yet."""
    reused: tuple[tuple[Kind, bytes], ...]
    """Found stored already, to be ensured by the transaction."""


def take_small(data: bytes, sums: Sequence[Sum] = ()) -> WrittenBlob:
    """Return the object below `LARGE_BYTES_MIN` that `data` is; `sums` take it too."""
    for each in sums:
        each.update(data)
    chunk_id = hash_chunk(data)
    frames = (Frame(Kind.CHUNK, chunk_id, data),) if data else ()
    md5 = hashlib.md5(data, usedforsecurity=False).digest()
    return WrittenBlob(BlobId(chunk_id), len(data), md5, frames, (), ())


class BlobWriter:
    """Writes one object. Blocks; used from one thread at a time.

    Small objects cost no thread and no disk here, so that a handler may write and finish
    them on the event loop; from `LARGE_BYTES_MIN` on it belongs into a thread.
    """

    def __init__(
        self,
        appender: PackAppender,
        find_stored: FindStored,
        *,
        sums: Sequence[Sum] = (),
        on_chunk: OnChunk | None = None,
        executor: Executor | None = None,
    ) -> None:
        """Write through `appender` whatever `find_stored` does not know.

        Args:
            appender: takes the chunks of a large object.
            find_stored: asks the index; called in the writer's thread.
            sums: take all bytes too, in other threads if there are many.
            on_chunk: told of the chunks of a large object, in the thread that writes.
            executor: where a large object is digested and written, beside being cut;
                must not be the one that this writer runs in. A pool shared by the
                process if None.
        """
        self._appender = appender
        self._find_stored = find_stored
        self._on_chunk = on_chunk
        self._executor = executor
        self._sums = sums
        self._pending: list[bytes | memoryview] = []
        self._pending_bytes = 0
        self._size_bytes = 0
        self._large: _LargeBlob | None = None

    @property
    def is_large(self) -> bool:
        """Whether the next `write` or `finish` may block for long."""
        return self._large is not None or self._pending_bytes >= LARGE_BYTES_MIN

    @property
    def size_bytes(self) -> int:
        """Bytes written so far."""
        return self._size_bytes

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the object; `data` may be used again afterwards.

        Raises:
            StorageFullError: there is no room for the chunks.
            StorageFailedError: the backend refused them.
        """
        size = len(data)
        self._size_bytes += size
        if isinstance(data, bytes) and size < BATCH_BYTES - self._pending_bytes:
            self._pending.append(data)
            self._pending_bytes += size
            return
        view = memoryview(data)
        while len(view):
            taken = view[: BATCH_BYTES - self._pending_bytes]
            self._pending.append(taken if isinstance(data, bytes) else bytes(taken))
            self._pending_bytes += len(taken)
            view = view[len(taken) :]
            if self._pending_bytes == BATCH_BYTES:
                self._write_batch()

    def finish(self) -> WrittenBlob:
        """Return what was written; nothing may be written afterwards.

        Raises:
            StorageFullError: there is no room for the chunks.
            StorageFailedError: the backend refused them.
        """
        if self._size_bytes < LARGE_BYTES_MIN:
            # A single piece of bytes is not copied.
            return take_small(b"".join(self._pending), self._sums)
        if self._pending:
            self._write_batch()
        assert self._large is not None
        self._large.write(self._large.cutter.finish())
        self._large.wait()
        blob_id = self._large.recipe.finish()
        return WrittenBlob(
            blob_id,
            self._size_bytes,
            self._large.digests.finish(),
            tuple(self._large.recipe.take_finished()),
            tuple(self._large.stored),
            tuple((Kind.CHUNK, id_) for id_ in self._large.reused),
        )

    def _write_batch(self) -> None:
        pieces, self._pending = self._pending, []
        self._pending_bytes = 0
        executor = self._executor or ingest_executor()
        if self._large is None:
            self._large = _LargeBlob(
                self._appender, self._find_stored, self._sums, self._on_chunk, executor
            )
        # Hashed in one piece: after each piece a digest waits for the interpreter lock,
        # which cutting holds most of the time.
        fresh = self._large.cutter.feed(pieces)
        self._large.digests.update_beside((fresh,), executor)
        self._large.write(self._large.cutter.iter_finished())


class _LargeBlob:
    """The chunks of an object that is cut; writes one batch while the next is cut."""

    def __init__(
        self,
        appender: PackAppender,
        find_stored: FindStored,
        sums: Sequence[Sum],
        on_chunk: OnChunk | None,
        executor: Executor,
    ) -> None:
        self.cutter = StreamCutter()
        self.digests = Digests(sums)
        self.recipe = RecipeBuilder()
        self.stored: list[StoredFrame] = []
        self.reused: dict[ChunkId, None] = {}
        self._seen: set[ChunkId] = set()
        self._appender = appender
        self._find_stored = find_stored
        self._on_chunk = on_chunk
        self._lane = Lane(executor)

    def write(self, chunks: Iterable[memoryview]) -> None:
        """Store those of `chunks` that are stored nowhere yet."""
        fresh: dict[ChunkId, memoryview] = {}
        for chunk in chunks:
            chunk_id = hash_chunk(chunk)
            self.recipe.add(chunk_id, len(chunk))
            if self._on_chunk is not None:
                self._on_chunk(chunk_id, len(chunk))
            if chunk_id not in self._seen:
                fresh[chunk_id] = chunk
        self._seen.update(fresh)
        known = self._find_stored(list(fresh)) if fresh else set[bytes]()
        self.reused.update((id_, None) for id_ in fresh if id_ in known)
        frames = self._surplus_records()
        frames += [
            Frame(Kind.CHUNK, chunk_id, chunk)
            for chunk_id, chunk in fresh.items()
            if chunk_id not in known
        ]
        if frames:
            self._lane.put(lambda: self.stored.extend(self._appender.append(frames)))

    def wait(self) -> None:
        """Wait until all is written; raises what went wrong with it."""
        self._lane.wait()

    def _surplus_records(self) -> list[Frame]:
        """Return the finished recipe records, once they are many."""
        if self.recipe.finished_count <= _RECORDS_KEPT_MAX:
            return []
        return self.recipe.take_finished()
