"""Builds the recipe of an object from its chunks, as they come.

Rows are kept until it is clear that the object needs a tree (`FLAT_ROWS_MAX`); from there
on finished records leave at once, so that memory does not grow with the object. The rule
that cuts rows into records is the one of trees, over chunk ids: a record ends where the
hash of its last chunk's id says so (`docs/format/recipe.md`).
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from xxhash import xxh3_64_intdigest

from ..ids import DIGEST_BYTES, BlobId, ChunkId, Kind, RecipeId, hash_recipe
from .index import Frame
from .recipe import encode_recipe

FLAT_ROWS_MAX = 8192
"""Rows of a recipe that is one record: 320 KiB, an object of about 2.5 GiB."""

ROWS_MIN, ROWS_AVG, ROWS_MAX = 64, 256, 768
"""Rows of a record of a tree: 10 KiB on average, one small read a level."""

CUT_SEED = 0x4C42_5200_0000_0000
"""Plus the level: other than a tree's seeds, so that no two cuts follow each other."""

_BELOW_AVG = 2**64 // (4 * ROWS_AVG)
_FROM_AVG = 4 * 2**64 // ROWS_AVG


@dataclass(slots=True)
class _Level:
    """The rows of the record that is being filled on one level."""

    ids: bytearray = field(default_factory=bytearray)
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    record_count: int = 0
    """Records that this level has given to the one above."""


class RecipeBuilder:
    """Takes the chunks of one object in order and gives its recipe records."""

    def __init__(self) -> None:
        self._levels = [_Level()]
        self._flat = True
        self._finished: list[Frame] = []
        self._last = ChunkId(b"")

    def add(self, chunk_id: ChunkId, size_bytes: int) -> None:
        """Take the next chunk."""
        self._last = chunk_id
        if not self._flat:
            self._add(0, chunk_id, size_bytes, chunk_id)
            return
        leaf = self._levels[0]
        leaf.ids += chunk_id
        leaf.sizes.append(size_bytes)
        if len(leaf.sizes) > FLAT_ROWS_MAX:
            self._flat = False
            self._levels = [_Level()]
            for index, size in enumerate(leaf.sizes):
                at = index * DIGEST_BYTES
                row = ChunkId(bytes(leaf.ids[at : at + DIGEST_BYTES]))
                self._add(0, row, size, row)

    @property
    def finished_count(self) -> int:
        """Records that wait to be taken."""
        return len(self._finished)

    def take_finished(self) -> list[Frame]:
        """Return the records that are finished and were not taken yet."""
        finished, self._finished = self._finished, []
        return finished

    def finish(self) -> BlobId:
        """End the recipe and return its id; the last records can then be taken.

        At least one chunk must have been added.
        """
        root = RecipeId(b"")
        for level, rows in enumerate(self._levels):  # grows while we go up
            if rows.sizes:
                root = self._end_record(level, self._last)
            else:
                root = RecipeId(bytes(self._levels[level + 1].ids[-DIGEST_BYTES:]))
            if rows.record_count == 1:
                break
        return BlobId(root)

    def _add(self, level: int, id_: bytes, size_bytes: int, last: ChunkId) -> None:
        """Put a row on `level`; `last` is the last chunk that it covers."""
        if level == len(self._levels):
            self._levels.append(_Level())
        rows = self._levels[level]
        rows.ids += id_
        rows.sizes.append(size_bytes)
        if _cuts_after(level, len(rows.sizes), last):
            self._end_record(level, last)

    def _end_record(self, level: int, last: ChunkId) -> RecipeId:
        rows = self._levels[level]
        data = encode_recipe(level, bytes(rows.ids), rows.sizes)
        record_id = hash_recipe(data)
        self._finished.append(Frame(Kind.RECIPE, record_id, data))
        size_bytes = sum(rows.sizes)
        rows.ids.clear()
        rows.sizes = array("Q")
        rows.record_count += 1
        self._add(level + 1, record_id, size_bytes, last)
        return record_id


def _cuts_after(level: int, row_count: int, last: ChunkId) -> bool:
    if row_count < ROWS_MIN:
        return False
    if row_count >= ROWS_MAX:
        return True
    limit = _BELOW_AVG if row_count < ROWS_AVG else _FROM_AVG
    return xxh3_64_intdigest(last, CUT_SEED + level) < limit
