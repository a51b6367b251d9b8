"""How plain bytes become stored bytes and come back.

Stored bytes are no part of any identity: the id is the hash of the plain bytes, and a
frame may be written again under another codec. The layouts are zstd frames without
content size and checksum, because the index has the one and the id is the other:
`docs/format/pack.md`.

Nothing is compressed for nothing: a probe of the bytes decides, so that images, video,
Parquet and model weights cost one short attempt.
"""

from __future__ import annotations

from enum import IntEnum
from threading import local

import zstandard

from ..errors import CorruptDataError


class Codec(IntEnum):
    """How the payload of a frame is encoded. The numbers are on disk: append only."""

    PLAIN = 0
    ZSTD = 1
    ZSTD_BASE = 2
    """zstd with the plain bytes of a base chunk as dictionary."""


_LEVEL = 1
"""300 MiB/s a core on CSV of random rows. Level 3 takes twice as long, and saved nothing."""

_SAVING_SHARE = 20
"""A payload is compressed if that saves one part in this many, 5 %: less would not pay
for decompressing it at each read."""

_PROBE_PIECE_BYTES = 8 * 1024
_PROBE_PIECES = 4
"""Four pieces of 8 KiB, from the beginning to the end: 20 µs, a fifth of hashing an
average chunk. One piece would be fooled by a header or an embedded table."""

_PROBE_FROM_BYTES = 2 * _PROBE_PIECES * _PROBE_PIECE_BYTES
"""Below twice the probe the whole is tried at once."""

_TINY_BYTES = 64
"""As long as a frame header: under this there is nothing to win."""


class _Engines(local):
    """zstd contexts of one thread: they are not safe to share, and dear to make."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(
            level=_LEVEL, write_content_size=False, write_checksum=False
        )
        self.decompressor = zstandard.ZstdDecompressor()


_engines = _Engines()


def encode(data: bytes | memoryview) -> tuple[Codec, bytes | memoryview]:
    """Return the smaller form of `data` and its codec; `data` itself if it stays plain.

    Compressing gives up the GIL.
    """
    size = len(data)
    if size < _TINY_BYTES or (size >= _PROBE_FROM_BYTES and not _pays(_probe(data))):
        return Codec.PLAIN, data
    packed = _engines.compressor.compress(data)
    if _saves(len(packed), size):
        return Codec.ZSTD, packed
    return Codec.PLAIN, data


def encode_with_base(data: bytes, base: bytes) -> bytes:
    """Return `data` compressed with `base` as dictionary, codec `ZSTD_BASE`."""
    dictionary = _dictionary(base)
    compressor = zstandard.ZstdCompressor(
        level=_LEVEL, dict_data=dictionary, write_content_size=False
    )
    return compressor.compress(data)


def decode(
    codec: int, stored: bytes, plain_bytes: int, base: bytes | None = None
) -> bytes:
    """Return the plain bytes of the payload `stored`; they are not verified yet.

    `base` is the plain bytes of the base chunk, for `ZSTD_BASE` alone. At most
    `plain_bytes` are ever allocated, whatever a damaged payload claims.

    Raises:
        CorruptDataError: `stored` is not `plain_bytes` long bytes in that codec, or this
            version does not know the codec.
    """
    match codec:
        case Codec.PLAIN:
            plain = stored
        case Codec.ZSTD:
            plain = _decompress(_engines.decompressor, stored, plain_bytes)
        case Codec.ZSTD_BASE if base is not None:
            engine = zstandard.ZstdDecompressor(dict_data=_dictionary(base))
            plain = _decompress(engine, stored, plain_bytes)
        case _:
            raise CorruptDataError(f"cannot decode a payload of codec {codec}")
    if len(plain) != plain_bytes:
        raise CorruptDataError(f"payload holds {len(plain)} bytes, not {plain_bytes}")
    return plain


def _decompress(
    engine: zstandard.ZstdDecompressor, stored: bytes, plain_bytes: int
) -> bytes:
    try:
        # A declared content size would be allocated before it is checked.
        if zstandard.frame_content_size(stored) not in {-1, plain_bytes}:
            raise CorruptDataError("payload declares another size than its frame")
        return engine.decompress(
            stored, max_output_size=plain_bytes, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise CorruptDataError(f"payload does not decompress: {error}") from error


def _dictionary(base: bytes) -> zstandard.ZstdCompressionDict:
    """Return `base` as a dictionary of plain content, even if it looks like one."""
    return zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _probe(data: bytes | memoryview) -> bytes:
    """Return pieces of `data`, evenly spread from its first byte to its last."""
    view = memoryview(data)
    step = (len(view) - _PROBE_PIECE_BYTES) // (_PROBE_PIECES - 1)
    starts = range(0, step * _PROBE_PIECES, step)
    return b"".join(view[start : start + _PROBE_PIECE_BYTES] for start in starts)


def _pays(sample: bytes) -> bool:
    return _saves(len(_engines.compressor.compress(sample)), len(sample))


def _saves(packed_bytes: int, plain_bytes: int) -> bool:
    return packed_bytes * _SAVING_SHARE <= plain_bytes * (_SAVING_SHARE - 1)
