"""Asks the index how long what is stored is, and remembers some of the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...chunks.index import ChunkIndex
from ...ids import Kind

_KEPT_MAX = 200_000
"""Sizes remembered, 120 bytes each. A leaf that was written again for one change names
the same 500 chunks as the one before it."""

FindSizes = Callable[[Kind, Sequence[bytes]], Mapping[bytes, int]]
"""Returns the plain sizes of those ids that are stored."""


class KnownSizes:
    """`FindSizes` over an index; for any thread."""

    def __init__(self, index: ChunkIndex) -> None:
        self._index = index
        self._known: dict[bytes, int] = {}
        """Of chunks; who asks for other kinds asks once."""

    def find(self, kind: Kind, ids: Sequence[bytes]) -> Mapping[bytes, int]:
        """Return the plain sizes of those of `ids` that are stored."""
        known = self._known if kind is Kind.CHUNK else {}
        found = {id_: known[id_] for id_ in ids if id_ in known}
        unknown = [id_ for id_ in ids if id_ not in found]
        if unknown:
            places = self._index.find_blocking(kind, unknown)
            asked = {id_: place.plain_bytes for id_, place in places.items()}
            if len(known) + len(asked) > _KEPT_MAX:
                known.clear()
            known.update(asked)
            found.update(asked)
        return found
