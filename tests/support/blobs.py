"""A small lake: packs in memory, an index of dicts, and one call to put an object."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from lakebed.server.chunks.appender import PackAppender
from lakebed.server.chunks.blobs import BlobReader
from lakebed.server.chunks.digests import Sum
from lakebed.server.chunks.index import Frame, StoredFrame
from lakebed.server.chunks.ingest import BlobWriter, WrittenBlob
from lakebed.server.chunks.pack import PACK_BYTES_MAX
from lakebed.server.chunks.reader import ChunkReader
from lakebed.server.ids import BlobId, Kind, hash_chunk, hash_stored
from lakebed.server.storage.memory import MemoryPackStorage
from lakebed.server.storage.store import PackStorage

from support.chunk_index import MemoryChunkIndex


def random_bytes(size: int, seed: int = 1) -> bytes:
    """Return `size` bytes that do not compress, the same for the same `seed`."""
    return random.Random(seed).randbytes(size)


def chunk(data: bytes) -> Frame:
    """Return `data` as a chunk to store."""
    return Frame(Kind.CHUNK, hash_chunk(data), data)


def node(data: bytes) -> Frame:
    """Return `data` as a node to store."""
    return Frame(Kind.NODE, hash_stored(Kind.NODE, data), data)


class SmallLake:
    """Stores and reads objects as the server does, without SQL."""

    def __init__(
        self,
        storage: PackStorage | None = None,
        *,
        pack_bytes_max: int = PACK_BYTES_MAX,
    ) -> None:
        self.memory = MemoryPackStorage()
        self.storage = storage or self.memory
        self.index = MemoryChunkIndex()
        self.reserved: list[str] = []
        self.sealed: dict[str, int] = {}
        self.appender = PackAppender(
            self.storage,
            self.reserved.append,
            self.sealed.__setitem__,
            pack_bytes_max=pack_bytes_max,
        )
        self.chunks = ChunkReader(self.index, self.storage)
        self.blobs = BlobReader(self.chunks)

    def write(
        self,
        pieces: Iterable[bytes | bytearray | memoryview],
        *,
        sums: Sequence[Sum] = (),
    ) -> WrittenBlob:
        """Write an object; nothing is recorded yet."""
        writer = BlobWriter(self.appender, self.index.find_stored, sums=sums)
        for piece in pieces:
            writer.write(piece)
        return writer.finish()

    def record(self, blob: WrittenBlob) -> list[StoredFrame]:
        """Make `blob` durable and record it; return all that was newly stored."""
        stored = [*blob.stored, *self.appender.append(blob.frames)]
        self.appender.sync()
        self.index.record(stored)
        return stored

    def put(self, data: bytes) -> BlobId:
        """Store an object and return its blob id."""
        blob = self.write([data])
        self.record(blob)
        return blob.blob_id

    async def get(
        self, blob_id: BlobId, size_bytes: int, start: int = 0, stop: int | None = None
    ) -> bytes:
        """Return a range of an object."""
        pieces = self.blobs.iter_blob(blob_id, size_bytes, start, stop)
        return b"".join([bytes(piece) async for piece in pieces])
