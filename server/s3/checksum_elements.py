"""The checksum of an object, as the documents of S3 write it."""

from __future__ import annotations

from ..tree.entry import Entry
from .checksums import StoredChecksum
from .xml import Element


def show_checksum(entry: Entry) -> list[Element]:
    """Return the elements that say the checksum of `entry`; none if it has none."""
    stored = StoredChecksum.decode(entry.checksums)
    if stored is None:
        return []
    return [
        (f"Checksum{stored.algorithm.value}", stored.text),
        ("ChecksumType", stored.kind),
    ]
