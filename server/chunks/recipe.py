"""Canonical bytes of recipes. The format is `docs/format/recipe.md`; change both.

A recipe is the ordered list of the chunks of a large object. Up to `FLAT_ROWS_MAX` rows it
is one record; above, its rows are cut into leaves and these into inner records, by the
content of the chunks, so that an edit of a huge object rewrites few records. The blob id
is the id of the root. The same bytes give the same recipe, because the chunker and the
cut rule look at the bytes alone.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import cast

import msgpack

from ..errors import CorruptDataError
from ..ids import DIGEST_BYTES

_VERSION = 1

LEVELS_MAX = 8
"""Inner records have 64 rows at least, so 8 levels are beyond any object; a deeper
recipe is damage, or made to exhaust us."""

SIZE_BYTES_MAX = 2**63 - 1
"""Of an object: what a column of SQL can hold."""


@dataclass(frozen=True, slots=True)
class RecipeRow:
    """A child of a recipe record: a chunk at level 0, else a record one level below."""

    id: bytes
    start: int
    """Offset of its first byte in what the record covers."""
    size_bytes: int


class Recipe:
    """A decoded recipe record, with random access by offset."""

    __slots__ = ("_ends", "_ids", "level", "size_bytes")

    def __init__(self, level: int, ids: bytes, sizes: array[int]) -> None:
        """Make the record of the children `ids`, 32 bytes each, and their `sizes`."""
        self.level = level
        self._ids = ids
        self._ends = array("Q", accumulate(sizes))
        self.size_bytes = self._ends[-1]

    def __len__(self) -> int:
        return len(self._ends)

    def row(self, index: int) -> RecipeRow:
        """Return the child at `index`."""
        at = index * DIGEST_BYTES
        start = self._ends[index - 1] if index else 0
        id_ = self._ids[at : at + DIGEST_BYTES]
        return RecipeRow(id_, start, self._ends[index] - start)

    def rows(self, start: int, stop: int) -> Iterator[RecipeRow]:
        """Yield the children that have bytes in [start, stop), in order."""
        index = bisect_right(self._ends, start)
        while index < len(self._ends) and start < stop:
            row = self.row(index)
            if row.start >= stop:
                return
            yield row
            index += 1


def encode_recipe(level: int, ids: bytes, sizes: array[int]) -> bytes:
    """Return the canonical bytes of a record; `sizes` is an `array` of type `Q`."""
    record = (_VERSION, level, ids, _little_endian(sizes))
    return cast("bytes", msgpack.packb(record))


def decode_recipe(data: bytes) -> Recipe:
    """Return the recipe record that `data` encodes.

    Raises:
        CorruptDataError: `data` is not a recipe record in a version this code reads.
    """
    try:
        record = cast("object", msgpack.unpackb(data, use_list=False))
    except ValueError as error:
        raise CorruptDataError(f"recipe does not decode: {error}") from error
    match record:
        case (int(version), int(level), bytes(ids), bytes(packed)):
            if version != _VERSION:
                raise CorruptDataError(
                    f"recipe is of version {version}, not {_VERSION}"
                )
        case _:
            raise CorruptDataError("recipe record is malformed")
    if not 0 <= level < LEVELS_MAX:
        raise CorruptDataError(f"recipe record has level {level}")
    if not ids or len(ids) % DIGEST_BYTES or len(ids) != 4 * len(packed):
        raise CorruptDataError("recipe record has columns of unequal length")
    sizes = array("Q", packed)
    if sys.byteorder == "big":
        sizes.byteswap()
    if 0 in sizes or sum(sizes) > SIZE_BYTES_MAX:
        raise CorruptDataError("recipe record has a row of no or of endless bytes")
    return Recipe(level, ids, sizes)


def _little_endian(sizes: array[int]) -> bytes:
    if sys.byteorder == "big":
        sizes = array("Q", sizes)
        sizes.byteswap()
    return sizes.tobytes()
