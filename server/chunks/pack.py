"""Bytes of a pack: header, frames, footer, trailer. `docs/format/pack.md`; change both.

A pack can be read without the database: from its footer, or frame by frame where the
writer died before it wrote one. Every byte of it is covered by a check, so that damage
is found wherever it is. The checks (xxh3) find accidents; what a frame *is* rests on the
BLAKE3 of its plain bytes alone.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from msgspec import Struct
from xxhash import xxh3_64_intdigest

from ..errors import CorruptDataError
from ..ids import DIGEST_BYTES, ChunkId, Kind
from .codec import Codec
from .index import Location, StoredFrame

PACK_BYTES_MAX = 64 * 1024 * 1024
"""Of a whole pack. At half there are twice the files and fsyncs of folders; at double,
rewriting a pack to collect its garbage moves twice the bytes."""

FRAME_BYTES_MAX = 16 * 1024 * 1024
"""Plain bytes of one frame: a node's limit, and above every chunk and recipe node."""

_VERSION = 1

_PACK = struct.Struct("<4sB3x16s")
_FRAME = struct.Struct("<4sBBxxII32sQ")
_CHECK = struct.Struct("<Q")
_FOOTER = struct.Struct("<4sB3xI")
_ROW = struct.Struct("<32sBBxxIII")
_TRAILER = struct.Struct("<QQ")
_END = struct.Struct("<QB3x4s")

_PACK_MAGIC = b"LBPK"
FRAME_MAGIC = b"LBFR"
FOOTER_MAGIC = b"LBFT"
_END_MAGIC = b"LBPE"

HEADER_BYTES = _PACK.size + _CHECK.size
FRAME_HEADER_BYTES_MIN = _FRAME.size + _CHECK.size
FRAME_HEADER_BYTES_MAX = FRAME_HEADER_BYTES_MIN + DIGEST_BYTES
ROW_BYTES = _ROW.size
TRAILER_BYTES = _TRAILER.size + _END.size


class FrameHeader(Struct, frozen=True, gc=False):
    """What stands before a payload."""

    kind: Kind
    id: bytes
    codec: int
    stored_bytes: int
    plain_bytes: int
    payload_check: int
    """xxh3_64 of the stored payload."""
    base: ChunkId | None = None

    @property
    def size_bytes(self) -> int:
        """Length of the header itself."""
        if self.base is None:
            return FRAME_HEADER_BYTES_MIN
        return FRAME_HEADER_BYTES_MAX

    def located(self, pack: str, offset: int) -> StoredFrame:
        """Return what the index records of a frame that begins at `offset` of `pack`."""
        location = Location(
            pack,
            offset + self.size_bytes,
            self.stored_bytes,
            self.plain_bytes,
            self.codec,
            self.base,
        )
        return StoredFrame(self.kind, self.id, location)


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last bytes of a sealed pack."""

    footer_offset: int
    footer_bytes: int
    footer_check: int


def encode_pack_header(name: str) -> bytes:
    """Return the first bytes of the pack `name`."""
    fixed = _PACK.pack(_PACK_MAGIC, _VERSION, bytes.fromhex(name))
    return fixed + _CHECK.pack(xxh3_64_intdigest(fixed))


def check_pack_header(data: bytes, name: str) -> None:
    """Check that `data` begins the pack `name`.

    Raises:
        CorruptDataError: it does not, or in a version that this code does not read.
    """
    if data[:5] != _PACK_MAGIC + bytes([_VERSION]):
        raise CorruptDataError(
            f"pack '{name}' begins with {data[:5]!r}: not a pack of version {_VERSION}"
        )
    if data != encode_pack_header(name):
        raise CorruptDataError(f"pack '{name}' has the header of another, or a bad one")


def encode_frame_header(header: FrameHeader) -> bytes:
    """Return the bytes of `header`."""
    fixed = _FRAME.pack(
        FRAME_MAGIC,
        header.kind,
        header.codec,
        header.stored_bytes,
        header.plain_bytes,
        header.id,
        header.payload_check,
    )
    if header.base is not None:
        fixed += header.base
    return fixed + _CHECK.pack(xxh3_64_intdigest(fixed))


def decode_frame_header(data: bytes) -> FrameHeader:
    """Return the frame header that `data` begins with.

    `data` may go on after it; `FRAME_HEADER_BYTES_MAX` bytes are always enough.

    Raises:
        CorruptDataError: `data` does not begin with a whole frame header.
    """
    if len(data) < FRAME_HEADER_BYTES_MIN or data[:4] != FRAME_MAGIC:
        raise CorruptDataError("no frame header")
    _, kind, codec, stored, plain, id_, payload_check = _FRAME.unpack_from(data)
    end = _FRAME.size + (DIGEST_BYTES if codec == Codec.ZSTD_BASE else 0)
    if len(data) < end + _CHECK.size:
        raise CorruptDataError("frame header is cut short")
    if _CHECK.unpack_from(data, end)[0] != xxh3_64_intdigest(data[:end]):
        raise CorruptDataError("frame header fails its check")
    base = ChunkId(data[_FRAME.size : end]) if codec == Codec.ZSTD_BASE else None
    if plain > FRAME_BYTES_MAX or stored > FRAME_BYTES_MAX:
        raise CorruptDataError("frame is over the limit")
    return FrameHeader(_kind(kind), id_, codec, stored, plain, payload_check, base)


def check_payload(header: FrameHeader, payload: bytes | memoryview) -> None:
    """Check that `payload` is what was written behind `header`.

    Raises:
        CorruptDataError: it is not.
    """
    if xxh3_64_intdigest(payload) != header.payload_check:
        raise CorruptDataError(
            f"payload of {header.kind.name.lower()} '{header.id.hex()}' fails its check"
        )


class FooterBuilder:
    """Gathers the footer of a pack while its frames are appended.

    Rows are kept encoded, because a pack of the smallest frames has 500,000 of them.
    """

    def __init__(self) -> None:
        self._rows: list[bytes] = []
        self._bases: dict[bytes, ChunkId] = {}

    def add(self, frame: StoredFrame) -> None:
        """Take `frame` into the footer."""
        row = encode_row(frame)
        self._rows.append(row)
        if frame.location.base is not None:
            self._bases[row] = frame.location.base

    def size_bytes(self) -> int:
        """Return the length of footer and trailer as they would be written now."""
        rows = len(self._rows) * ROW_BYTES + len(self._bases) * DIGEST_BYTES
        return _FOOTER.size + rows + TRAILER_BYTES

    def build(self, offset: int) -> bytes:
        """Return footer and trailer of a pack whose frames end at `offset`."""
        rows = sorted(self._rows)
        parts = [_FOOTER.pack(FOOTER_MAGIC, _VERSION, len(rows)), *rows]
        parts += [self._bases[row] for row in rows if row in self._bases]
        footer = b"".join(parts)
        trailer = _TRAILER.pack(offset, len(footer))
        check = xxh3_64_intdigest(footer + trailer)
        return footer + trailer + _END.pack(check, _VERSION, _END_MAGIC)


def encode_row(frame: StoredFrame) -> bytes:
    """Return the row of `frame` in a footer; rows compare as their ids do."""
    at = frame.location
    return _ROW.pack(
        frame.id, frame.kind, at.codec, at.offset, at.stored_bytes, at.plain_bytes
    )


def decode_trailer(data: bytes) -> Trailer | None:
    """Return the trailer that `data`, the end of a pack, is; None if it is none."""
    if len(data) != TRAILER_BYTES:
        return None
    check, version, magic = _END.unpack_from(data, _TRAILER.size)
    reserved = data[_TRAILER.size + 9 : _TRAILER.size + 12]
    if magic != _END_MAGIC or version != _VERSION or any(reserved):
        return None
    offset, size = _TRAILER.unpack_from(data)
    return Trailer(offset, size, check)


def decode_footer(pack: str, footer: bytes, trailer: Trailer) -> list[StoredFrame]:
    """Return the rows of `footer`, in ascending order of id.

    Raises:
        CorruptDataError: `footer` is not the one that `trailer` speaks of.
    """
    located = _TRAILER.pack(trailer.footer_offset, trailer.footer_bytes)
    if xxh3_64_intdigest(footer + located) != trailer.footer_check:
        raise CorruptDataError(f"footer of pack '{pack}' fails its check")
    if len(footer) < _FOOTER.size:
        raise CorruptDataError(f"footer of pack '{pack}' is cut short")
    magic, version, count = _FOOTER.unpack_from(footer)
    bases_at = _FOOTER.size + count * ROW_BYTES
    if magic != FOOTER_MAGIC or version != _VERSION or bases_at > len(footer):
        raise CorruptDataError(f"footer of pack '{pack}' is not of version {_VERSION}")
    frames: list[StoredFrame] = []
    for at in range(_FOOTER.size, bases_at, ROW_BYTES):
        id_, kind, codec, offset, stored, plain = _ROW.unpack_from(footer, at)
        base = None
        if codec == Codec.ZSTD_BASE:
            base = ChunkId(footer[bases_at : bases_at + DIGEST_BYTES])
            bases_at += DIGEST_BYTES
        location = Location(pack, offset, stored, plain, codec, base)
        frames.append(StoredFrame(_kind(kind), id_, location))
    if bases_at != len(footer):
        raise CorruptDataError(f"footer of pack '{pack}' has a wrong length")
    return frames


def _kind(number: int) -> Kind:
    try:
        return Kind(number)
    except ValueError:
        raise CorruptDataError(f"frame of unknown kind {number}") from None
