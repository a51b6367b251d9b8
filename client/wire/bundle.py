"""Bundles: many small objects in one body, an index first, then their bytes.

    offset  size  type    field
    ------  ----  ------  ------------------------------------------------------
    0       4     bytes   magic, ASCII `LBBU`
    4       1     uint8   version, 1
    5       3             reserved, 0
    8       4     uint32  length of the index in bytes, little-endian
    12      ...           index, msgpack: `BundleIndex`
    ...     ...           contents of the rows, in order, nothing between

An object of `APART_BYTES_MIN` and more has a row and no content: it goes by itself. The
MD5 of every content stands in its row, and whoever takes a bundle in checks each of
them, so that no byte is believed for having arrived. A bundle is one batch of an upload;
the answer to a reading is a sequence of bundles, of which the last one says that it is.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence

import msgspec

from .body import WireError

MEDIA_TYPE = "application/vnd.lakebed.bundle"

APART_BYTES_MIN = 1024 * 1024
"""Objects from here on are cut into chunks, and no request of their own costs much."""

BUNDLE_BYTES_MAX = 4 * 1024 * 1024
"""A whole bundle. A thousand objects of 4 KiB: what a request costs beside them is a few
per cent then. Double would make half as many of them fit in the memory of a server."""

BUNDLE_OBJECTS_MAX = 2048
"""Objects of one bundle: one transaction holds the lock of all writers for some 30 ms."""

PATHS_MAX = 1024
"""Paths of one reading: they are found together, in one state, and the server holds them
for a slow client until the last has been sent."""

INDEX_BYTES_MAX = BUNDLE_BYTES_MAX

_HEAD = struct.Struct("<4sB3xI")
HEAD_BYTES = _HEAD.size
_MAGIC, _VERSION = b"LBBU", 1


class BundleRow(
    msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False
):
    """One object of a bundle."""

    path: str
    size_bytes: int
    md5: bytes
    """Of the content; empty where there is none."""
    content_type: str = ""
    metadata: dict[str, str] | None = None

    @property
    def content_bytes(self) -> int:
        """Bytes of it in the bundle."""
        return self.size_bytes if self.size_bytes < APART_BYTES_MIN else 0


class BundleIndex(
    msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True
):
    """What is in a bundle."""

    rows: list[BundleRow]
    missing: list[str] = []
    """Paths that were asked for and are not there."""
    is_last: bool = True
    """Nothing follows; a sequence that ends without it was cut off."""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(BundleIndex)


def md5_of_content(content: bytes | bytearray | memoryview) -> bytes:
    """Return what stands in the row of `content`."""
    return hashlib.md5(content, usedforsecurity=False).digest()


def encode_bundle(index: BundleIndex, contents: Sequence[bytes | memoryview]) -> bytes:
    """Return the bundle of `index` and the contents of its rows that have some."""
    encoded = _ENCODER.encode(index)
    return b"".join((_HEAD.pack(_MAGIC, _VERSION, len(encoded)), encoded, *contents))


def decode_head(head: bytes | bytearray | memoryview) -> int:
    """Return the length of the index behind the first `HEAD_BYTES` of a bundle.

    Raises:
        WireError: it is no bundle, or one of another version.
    """
    if len(head) < HEAD_BYTES:
        raise WireError("bundle is cut off in its head")
    magic, version, index_bytes = _HEAD.unpack_from(head)
    if magic != _MAGIC or version != _VERSION:
        raise WireError(f"not a bundle of version {_VERSION}: {bytes(head[:5])!r}")
    if index_bytes > INDEX_BYTES_MAX:
        raise WireError(f"index of the bundle is over {INDEX_BYTES_MAX} bytes")
    return int(index_bytes)


def decode_index(data: bytes | bytearray | memoryview) -> BundleIndex:
    """Return the index with the bytes `data`.

    Raises:
        WireError: it does not decode, or a size or digest cannot be right.
    """
    try:
        index = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"index of the bundle does not decode: {error}") from None
    for at, row in enumerate(index.rows):
        if row.size_bytes < 0 or len(row.md5) != (
            16 if row.size_bytes < APART_BYTES_MIN else 0
        ):
            raise WireError(
                f"size and MD5 of '{row.path[:200]}' do not fit each other",
                field=f"rows[{at}]",
            )
    return index


def split_contents(
    index: BundleIndex, contents: memoryview
) -> Iterator[tuple[BundleRow, memoryview]]:
    """Yield the rows of `index` with their contents, which nobody has checked yet.

    Raises:
        WireError: `contents` are not as long as the rows say; before the first.
    """
    expected = sum([row.content_bytes for row in index.rows])
    if expected != len(contents):
        raise WireError(
            f"contents of the bundle are {len(contents)} bytes, its index says {expected}"
        )
    return _split(index.rows, contents)


def _split(
    rows: Sequence[BundleRow], contents: memoryview
) -> Iterator[tuple[BundleRow, memoryview]]:
    at = 0
    for row in rows:
        end = at + row.content_bytes
        yield row, contents[at:end]
        at = end
