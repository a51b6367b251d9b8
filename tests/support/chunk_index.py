"""A chunk index of dicts: simple enough to be right, for the tests of what uses one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lakebed.server.chunks.index import Location, StoredFrame
from lakebed.server.ids import Kind


class MemoryChunkIndex:
    """Keeps the promises of `ChunkIndex` for one process."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Kind, bytes], Location] = {}
        self.finds: list[tuple[Kind, tuple[bytes, ...]]] = []
        """Every look-up, so that tests can count them."""
        self.on_find: Callable[[], None] | None = None
        """Called after each look-up, to move things under a reader's feet."""

    def record(self, frames: Iterable[StoredFrame]) -> None:
        """Keep the first location of each frame."""
        for frame in frames:
            self.rows.setdefault((frame.kind, frame.id), frame.location)

    async def find(self, kind: Kind, ids: Sequence[bytes]) -> dict[bytes, Location]:
        """See `ChunkIndex.find`."""
        return self.find_blocking(kind, ids)

    def find_blocking(self, kind: Kind, ids: Sequence[bytes]) -> dict[bytes, Location]:
        """See `ChunkIndex.find_blocking`."""
        self.finds.append((kind, tuple(ids)))
        found = {id_: self.rows[kind, id_] for id_ in ids if (kind, id_) in self.rows}
        if self.on_find is not None:
            self.on_find()
        return found

    def find_stored(self, ids: Sequence[bytes]) -> set[bytes]:
        """Return those chunk ids that are known: what a `BlobWriter` asks."""
        return {id_ for id_ in ids if (Kind.CHUNK, id_) in self.rows}
