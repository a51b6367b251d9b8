"""A part of an upload that is a range of an object: nothing of it is stored again.

Its bytes are read all the same, once, because the ETag of a part is their MD5; only that of
a whole object that came in one piece is known.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import aclosing

from ..chunks.cutting import LARGE_BYTES_MIN
from ..chunks.digests import Sum
from ..chunks.pieces import Piece, PieceEnd, encode_pieces, whole_chunk
from ..errors import MissingDataError
from ..ids import ChunkId
from ..tree.entry import Entry
from .contracts import WriteTransaction
from .engine import Engine
from .objects import Located, read_object, read_state
from .upload_store import Part
from .uploading import HANDOVER_BYTES, UploadLease
from .uploads import UploadName, get_upload

_IDS_AT_ONCE = 2048
"""Chunks that are kept in one transaction: a few milliseconds of the write lock."""


async def copy_part(
    engine: Engine,
    name: UploadName,
    number: int,
    source: Located,
    start: int,
    stop: int,
    *,
    sums: Sequence[Sum] = (),
    checksum: Callable[[], bytes] | None = None,
) -> Part:
    """Make the bytes [start, stop) of `source` a part of an upload.

    Args:
        engine: where.
        name: the upload.
        number: of the part; one that is there already is replaced.
        source: an object at any ref of any repository: who may read it, is for the
            caller to check.
        start: the first byte.
        stop: the one behind the last.
        sums: take all bytes too.
        checksum: returns what the protocol wants to know of the part, after that.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRepositoryError
        UploadNotFoundError: there is no such upload; or it ended meanwhile.
        MissingDataError: the bytes were collected since `source` was found.
        CorruptDataError: they are damaged.
    """
    await read_state(engine, name.repository, name.branch, name.path)
    await get_upload(engine, name)
    entry = source.entry
    pieces = await _find_pieces(engine, entry, start, stop)
    lease = UploadLease(engine)
    # Before they are read, which takes long: the object may be deleted meanwhile.
    await _keep(lease, pieces)
    is_whole = stop - start == entry.size_bytes
    if is_whole and not entry.part_count and not sums:
        md5 = entry.etag
    else:
        md5 = await _sum_up(engine, entry, start, stop, sums)
    part = Part(
        number,
        md5,
        stop - start,
        b"" if checksum is None else checksum(),
        engine.clock(),
    )
    encoded = encode_pieces(pieces)

    async def action(tx: WriteTransaction) -> None:
        await tx.put_part(name.upload_id, part, encoded)
        await lease.release(tx)

    await engine.metadata.write(action)
    return part


async def _find_pieces(
    engine: Engine, entry: Entry, start: int, stop: int
) -> list[Piece]:
    """Return the pieces of a range; reads the recipe at most."""
    if start == stop:
        return []
    if entry.size_bytes < LARGE_BYTES_MIN:
        chunk_id = ChunkId(entry.blob_id)
        return [Piece(chunk_id, entry.size_bytes, start, stop, PieceEnd.RAW)]
    pieces: list[Piece] = []
    at = start
    batches = engine.blobs.iter_spans(entry.blob_id, entry.size_bytes, start, stop)
    async with aclosing(batches):
        async for spans in batches:
            for span in spans:
                at += span.stop - span.start
                chunk_id = ChunkId(span.id)
                if span.stop - span.start == span.size_bytes:
                    is_last = at == entry.size_bytes
                    piece = whole_chunk(chunk_id, span.size_bytes, is_last=is_last)
                else:
                    piece = Piece(
                        chunk_id, span.size_bytes, span.start, span.stop, PieceEnd.RAW
                    )
                pieces.append(piece)
    return pieces


async def _keep(lease: UploadLease, pieces: Sequence[Piece]) -> None:
    ids = list(dict.fromkeys(piece.chunk_id for piece in pieces))
    for at in range(0, len(ids), _IDS_AT_ONCE):
        some = ids[at : at + _IDS_AT_ONCE]
        kept = await asyncio.to_thread(lease.keep, some)
        for chunk_id in some:
            if chunk_id not in kept:
                raise MissingDataError(
                    f"chunk '{chunk_id.hex()}' of the source is not stored anywhere"
                )


async def _sum_up(
    engine: Engine, entry: Entry, start: int, stop: int, sums: Sequence[Sum]
) -> bytes:
    """Return the MD5 of a range; `sums` get its bytes too."""
    md5 = hashlib.md5(usedforsecurity=False)
    each: tuple[Sum, ...] = (md5, *sums)

    def update(pieces: list[bytes | memoryview]) -> None:
        for piece in pieces:
            for one in each:
                one.update(piece)

    gathered: list[bytes | memoryview] = []
    size_bytes = 0
    pieces = read_object(engine, entry, start, stop)
    async with aclosing(pieces):
        async for piece in pieces:
            gathered.append(piece)
            size_bytes += len(piece)
            if size_bytes >= HANDOVER_BYTES:
                await asyncio.to_thread(update, gathered)
                gathered, size_bytes = [], 0
    await asyncio.to_thread(update, gathered)
    return md5.digest()
