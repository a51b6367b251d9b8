"""Stores the object that the parts of an upload make.

Most of it is stored already, by the parts. New are the chunks around seams and the records
of the recipe; memory is bounded by a few MiB, whatever the size and the number of parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from ..ids import BlobId, ChunkId, Kind, hash_chunk
from .appender import PackAppender
from .cutting import LARGE_BYTES_MIN
from .index import Frame, StoredFrame
from .ingest import BATCH_BYTES, FindStored
from .pieces import Piece
from .recipe_builder import RecipeBuilder
from .seams import ReadPieces, join_pieces

_RECORDS_MAX = 64
"""Finished recipe records kept before they are appended; 600 KiB."""
_STORED_MAX = 4096
"""Frames appended before a transaction records them: about 1 MiB of rows. An object that is
cut anew from its beginning to its end would hold millions of them."""

RecordStored = Callable[[Sequence[StoredFrame]], None]
"""Records appended frames, and keeps them from being collected until the end."""


class JoinedBlob(Struct, frozen=True, gc=False):
    """An object made of parts; what must still happen for it to be stored."""

    blob_id: BlobId
    frames: tuple[Frame, ...]
    """Not appended yet."""
    stored: tuple[StoredFrame, ...]
    """Appended, not recorded yet."""


def join_blob(
    pieces: Iterable[Piece],
    size_bytes: int,
    *,
    read: ReadPieces,
    appender: PackAppender,
    find_stored: FindStored,
    record: RecordStored,
) -> JoinedBlob:
    """Return the object that `pieces` make, as a single write would have stored it.

    Blocks, for as long as it takes to read and cut what lies around seams.

    Args:
        pieces: of all parts, in order.
        size_bytes: of all pieces together.
        read: reads pieces.
        appender: takes what is new.
        find_stored: keeps and returns those chunks that are stored already.
        record: called now and then with what was appended.

    Raises:
        CorruptDataError, MissingDataError: a piece cannot be read.
        StorageFullError, StorageFailedError: something new cannot be stored.
    """
    if size_bytes < LARGE_BYTES_MIN:
        return _join_small(list(pieces), read)
    joiner = _Joiner(appender, find_stored, record)
    recipe = joiner.recipe
    for row in join_pieces(pieces, read):
        recipe.add(row.chunk_id, row.size_bytes)
        if row.data is not None:
            joiner.store(row.chunk_id, row.data)
        elif recipe.finished_count > _RECORDS_MAX:
            joiner.flush()
    return joiner.finish()


def _join_small(pieces: list[Piece], read: ReadPieces) -> JoinedBlob:
    if len(pieces) == 1 and pieces[0].is_whole:
        return JoinedBlob(BlobId(pieces[0].chunk_id), (), ())
    data = b"".join(read(pieces)) if pieces else b""
    chunk_id = hash_chunk(data)
    frames = (Frame(Kind.CHUNK, chunk_id, data),) if data else ()
    return JoinedBlob(BlobId(chunk_id), frames, ())


class _Joiner:
    """What is new of one object, on its way to the packs."""

    def __init__(
        self, appender: PackAppender, find_stored: FindStored, record: RecordStored
    ) -> None:
        self.recipe = RecipeBuilder()
        self._appender = appender
        self._find_stored = find_stored
        self._record = record
        self._fresh: dict[ChunkId, bytes] = {}
        self._fresh_bytes = 0
        self._stored: dict[tuple[Kind, bytes], StoredFrame] = {}

    def store(self, chunk_id: ChunkId, data: memoryview) -> None:
        """Store a chunk, unless it is."""
        if chunk_id in self._fresh or (Kind.CHUNK, chunk_id) in self._stored:
            return
        # Copied, because it is a small window of the large buffer that was cut.
        self._fresh[chunk_id] = bytes(data)
        self._fresh_bytes += len(data)
        if self._fresh_bytes >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Append what is kept."""
        frames = self._take_fresh() + self.recipe.take_finished()
        for stored in self._appender.append(frames):
            self._stored[stored.kind, stored.id] = stored
        if len(self._stored) >= _STORED_MAX:
            self._record(list(self._stored.values()))
            self._stored.clear()

    def finish(self) -> JoinedBlob:
        """Return the object; there is one chunk at least."""
        blob_id = self.recipe.finish()
        frames = self._take_fresh() + self.recipe.take_finished()
        return JoinedBlob(blob_id, tuple(frames), tuple(self._stored.values()))

    def _take_fresh(self) -> list[Frame]:
        fresh, self._fresh, self._fresh_bytes = self._fresh, {}, 0
        known = self._find_stored(list(fresh)) if fresh else set[bytes]()
        return [
            Frame(Kind.CHUNK, chunk_id, data)
            for chunk_id, data in fresh.items()
            if chunk_id not in known
        ]
