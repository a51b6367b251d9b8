"""Pieces: the bytes of a part of an upload, as chunks that are stored, or slices of them.

A part is cut by itself, before anybody knows what will stand before and behind it. How a
piece ends says what of that cutting holds in the whole object (`seams.py`). The layout of
encoded pieces is `docs/format/pieces.md`; change both.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum

from msgspec import Struct

from ..errors import CorruptDataError
from ..ids import BlobId, ChunkId
from .cutting import CHUNK_BYTES_MAX

_VERSION = b"\x01"
_ROW = struct.Struct("<32sIB")
"""Chunk id, size of the chunk, `PieceEnd`."""
_SLICE = struct.Struct("<II")
"""Start and stop; only behind a row that is `RAW`."""


class PieceEnd(IntEnum):
    """What makes a piece end; the numbers are in the database: append only."""

    CUT = 0
    """A whole chunk of the chunker, which cuts there whatever comes after it."""
    END = 1
    """A whole chunk of the chunker, which had no more bytes: right only at the end."""
    RAW = 2
    """Bytes that the chunker never saw as a chunk: small parts, and slices."""


class Piece(Struct, frozen=True, gc=False):
    """Bytes of a stored chunk."""

    chunk_id: ChunkId
    chunk_bytes: int
    """Size of the whole chunk."""
    start: int
    stop: int
    end: PieceEnd

    @property
    def size_bytes(self) -> int:
        """How many bytes it has: one at least."""
        return self.stop - self.start

    @property
    def is_whole(self) -> bool:
        """Whether it is all of its chunk."""
        return self.stop - self.start == self.chunk_bytes


def whole_chunk(chunk_id: ChunkId, size_bytes: int, *, is_last: bool) -> Piece:
    """Return the piece that is a chunk of the chunker.

    The last one ended with the bytes, unless it is so long that it had to end.
    """
    is_cut = not is_last or size_bytes == CHUNK_BYTES_MAX
    end = PieceEnd.CUT if is_cut else PieceEnd.END
    return Piece(chunk_id, size_bytes, 0, size_bytes, end)


def raw_chunk(blob_id: BlobId, size_bytes: int) -> Piece:
    """Return the piece that is an object of one chunk, which nobody has cut."""
    return Piece(ChunkId(blob_id), size_bytes, 0, size_bytes, PieceEnd.RAW)


def encode_pieces(pieces: Iterable[Piece]) -> bytes:
    """Return the bytes of `pieces`, none if there are none."""
    rows = bytearray()
    for piece in pieces:
        rows += _ROW.pack(piece.chunk_id, piece.chunk_bytes, piece.end)
        if piece.end is PieceEnd.RAW:
            rows += _SLICE.pack(piece.start, piece.stop)
    return _VERSION + rows if rows else b""


def decode_pieces(data: bytes) -> Iterator[Piece]:
    """Yield the pieces in `data`, in order.

    Raises:
        CorruptDataError: `data` is not what `encode_pieces` makes.
    """
    if not data:
        return
    if data[:1] != _VERSION or len(data) == 1:
        raise CorruptDataError(f"pieces of a part begin with {data[:1]!r}")
    at = 1
    try:
        while at < len(data):
            chunk_id, chunk_bytes, number = _ROW.unpack_from(data, at)
            at += _ROW.size
            end = PieceEnd(number)
            start, stop = 0, chunk_bytes
            if end is PieceEnd.RAW:
                start, stop = _SLICE.unpack_from(data, at)
                at += _SLICE.size
            if not 0 <= start < stop <= chunk_bytes:
                raise ValueError(f"{start}-{stop} of {chunk_bytes} bytes")
            yield Piece(chunk_id, chunk_bytes, start, stop, end)
    except (struct.error, ValueError) as error:
        raise CorruptDataError(f"pieces of a part do not decode: {error}") from error
