"""Entries: what a path of a version refers to.

An entry travels in two forms. `Entry` is the value that operations and protocols
handle. A *packed entry* is the same without its path, as bytes: 66 bytes of fixed
columns, then, where the entry has any, its extras. Staged rows, leaves, diffs and
merges move packed entries, because unpacking 10^6 of them would take longer than all
the rest of a commit; they are compared as bytes.

The layout is `docs/format/entry.md`; change both.
"""

from __future__ import annotations

import struct
from typing import NewType

from msgspec import Struct

from ..errors import CorruptDataError, MetadataTooLargeError
from ..ids import BlobId
from .canonical import pack, unpack

PackedEntry = NewType("PackedEntry", bytes)
"""An entry without its path; `pack_entry` makes it, `unpack_entry` reads it."""

FIXED = struct.Struct("<32sQq16sH")
"""Blob id, size in bytes, mtime in ms, ETag digest, part count."""
FIXED_BYTES = FIXED.size
FIXED_WIDTHS = (32, 8, 8, 18)
"""Bytes of a row in the columns of a leaf: blob ids, sizes, mtimes, ETags."""
_MTIME = slice(40, 48)
_BLOB_ID = slice(0, 32)

EXTRA_BYTES_MAX = 8 * 1024
"""Extras and checksums of one entry together: S3 allows 2 KiB of user metadata and ten
tags of 384 bytes; twice that leaves room. Half would refuse what S3 accepts."""


class Entry(Struct, frozen=True, gc=False):
    """What `path` refers to.

    A struct and no dataclass, because a page of a listing makes a thousand of them: 0.5
    us each and nothing for the garbage collector to look at, against 1.9 us.
    """

    path: bytes
    blob_id: BlobId
    size_bytes: int
    mtime_ms: int
    """Time of the write, milliseconds since 1970 UTC."""
    etag: bytes
    """16 bytes: the MD5 of the bytes, or of the MD5s of the parts."""
    part_count: int = 0
    """Parts of the multipart upload that made it; 0 for a single one."""
    extra: bytes = b""
    """Canonical bytes of `tree.extra.Extra`; empty when there is nothing in it."""
    checksums: bytes = b""
    """Checksums that the client gave, canonical bytes; no part of the identity."""


def pack_entry(entry: Entry) -> PackedEntry:
    """Return `entry` without its path, as bytes.

    Raises:
        MetadataTooLargeError: extras and checksums are over `EXTRA_BYTES_MAX`.
    """
    fixed = FIXED.pack(
        entry.blob_id, entry.size_bytes, entry.mtime_ms, entry.etag, entry.part_count
    )
    if len(entry.extra) + len(entry.checksums) > EXTRA_BYTES_MAX:
        raise MetadataTooLargeError(
            "metadata",
            f"metadata of an object must be at most {EXTRA_BYTES_MAX} bytes",
        )
    return join_extras(fixed, entry.extra, entry.checksums)


def join_extras(fixed: bytes, extra: bytes, checksums: bytes) -> PackedEntry:
    """Return the packed entry of `fixed` columns, extras and checksums."""
    if not extra and not checksums:
        return PackedEntry(fixed)
    return PackedEntry(fixed + pack((extra, checksums)))


def unpack_entry(path: bytes, packed: PackedEntry) -> Entry:
    """Return the entry that `packed` is at `path`.

    Raises:
        CorruptDataError: `packed` is not a packed entry.
    """
    try:
        blob_id, size_bytes, mtime_ms, etag, part_count = FIXED.unpack_from(packed)
    except struct.error as error:
        raise CorruptDataError(f"packed entry is {len(packed)} bytes") from error
    extra, checksums = split_extras(packed)
    return Entry(
        path, blob_id, size_bytes, mtime_ms, etag, part_count, extra, checksums
    )


def split_extras(packed: PackedEntry) -> tuple[bytes, bytes]:
    """Return the extras and the checksums of `packed`, each empty if absent.

    Raises:
        CorruptDataError: what follows the fixed columns is not a pair of bytes.
    """
    if len(packed) == FIXED_BYTES:
        return b"", b""
    try:
        pair = unpack(packed[FIXED_BYTES:])
    except ValueError as error:
        raise CorruptDataError(f"entry extras do not decode: {error}") from error
    match pair:
        case (bytes(extra), bytes(checksums)):
            return extra, checksums
        case _:
            raise CorruptDataError("entry extras are not a pair of bytes")


def same_identity(one: PackedEntry, other: PackedEntry) -> bool:
    """Tell whether diff and merge take two entries for the same content."""
    if one[_BLOB_ID] != other[_BLOB_ID]:
        return False
    if len(one) == len(other) == FIXED_BYTES:
        return True
    return split_extras(one)[0] == split_extras(other)[0]


def equal_but_for_mtime(one: PackedEntry, other: PackedEntry) -> bool:
    """Tell whether a commit may keep the old entry: an idempotent upload."""
    return one[: _MTIME.start] == other[: _MTIME.start] and (
        one[_MTIME.stop :] == other[_MTIME.stop :]
    )
