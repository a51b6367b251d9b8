"""The chunk index in SQL: `chunks/index.py` keeps the contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..chunks.index import Location, StoredFrame
from ..errors import PackGoneError
from ..ids import Kind
from .database import Row, RowInsert, Session, blob_array

IDS_PER_STATEMENT_MAX = 4096
"""Bounds what one statement binds and returns: about 1 MiB of rows."""

_LOCATION = (
    "chunk.id, pack.name, offset, stored_bytes, plain_bytes, codec, base "
    "FROM chunk JOIN pack ON pack.id = pack_id WHERE kind = ?"
)
_RECORD = RowInsert(
    "INSERT INTO chunk "
    "(kind, id, pack_id, offset, stored_bytes, plain_bytes, codec, base)",
    8,
    # Whoever stores it again means to use it: it must not be collected any more. What
    # was damaged is whole in its new place; else the first row stays.
    "ON CONFLICT (kind, id) DO UPDATE SET condemned_ms = NULL, damaged_ms = NULL, "
    + ", ".join(
        f"{name} = iif(damaged_ms IS NULL, {name}, excluded.{name})"
        for name in (
            *("pack_id", "offset", "stored_bytes", "plain_bytes", "codec", "base"),
        )
    )
    + " WHERE condemned_ms IS NOT NULL OR damaged_ms IS NOT NULL",
)


class ChunkReads:
    """`ChunkIndex` on one connection."""

    _session: Session

    async def find(self, kind: Kind, ids: Sequence[bytes]) -> dict[bytes, Location]:
        """See `ChunkIndex.find`."""
        return find_locations(self._session, kind, ids)

    def find_blocking(self, kind: Kind, ids: Sequence[bytes]) -> dict[bytes, Location]:
        """See `ChunkIndex.find_blocking`."""
        return find_locations(self._session, kind, ids)


class ChunkWrites(ChunkReads):
    """`ChunkTransaction` inside a write transaction."""

    async def record_chunks(self, frames: Sequence[StoredFrame]) -> None:
        """See `ChunkTransaction.record_chunks`."""
        packs = pack_ids(self._session, {frame.location.pack for frame in frames})
        for frame in frames:
            if frame.location.pack not in packs:
                raise PackGoneError(frame.location.pack)
        record_frames(self._session, frames, packs)

    async def ensure(
        self, kind: Kind, ids: Sequence[bytes], lease_id: int | None
    ) -> list[bytes]:
        """See `ChunkTransaction.ensure`."""
        stored = ensure_stored(self._session, kind, ids)
        if lease_id is not None:
            self._session.run_many(
                "INSERT INTO lease_item (lease_id, kind, id) VALUES (?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                ((lease_id, int(kind), stored_id) for stored_id in stored),
            )
        return [wanted for wanted in ids if wanted not in stored]

    async def mark_damaged(
        self, frames: Sequence[StoredFrame], *, now_ms: int | None
    ) -> int:
        """See `ChunkTransaction.mark_damaged`."""
        # Marked again it keeps its time, and counts as nothing new.
        change = "IS NULL" if now_ms is not None else "IS NOT NULL"
        return sum(
            self._session.run(
                f"UPDATE chunk SET damaged_ms = ? WHERE kind = ? AND id = ? AND "
                "pack_id = (SELECT id FROM pack WHERE name = ?) AND offset = ? "
                f"AND damaged_ms {change}",
                (now_ms, int(one.kind), one.id, one.location.pack, one.location.offset),
            )
            for one in frames
        )

    async def create_lease(self, expires_at_ms: int) -> int:
        """See `ChunkTransaction.create_lease`."""
        self._session.run(
            "INSERT INTO lease (expires_at_ms) VALUES (?)", (expires_at_ms,)
        )
        return self._session.last_row_id

    async def release_lease(self, lease_id: int) -> None:
        """See `ChunkTransaction.release_lease`."""
        self._session.run("DELETE FROM lease_item WHERE lease_id = ?", (lease_id,))
        self._session.run("DELETE FROM lease WHERE id = ?", (lease_id,))

    async def seal_pack(self, name: str, size_bytes: int) -> None:
        """See `ChunkTransaction.seal_pack`; a dead pack stays dead."""
        seal(self._session, name, size_bytes)


def find_locations(
    session: Session, kind: Kind, ids: Sequence[bytes]
) -> dict[bytes, Location]:
    """Return where those of `ids` lie that are stored."""
    number = int(kind)
    if len(ids) == 1:
        row = session.row(f"SELECT {_LOCATION} AND chunk.id = ?", (number, ids[0]))
        return {} if row is None else {row[0]: _location_of(row)}
    found: dict[bytes, Location] = {}
    for some in _batches(ids):
        rows = session.rows(
            f"SELECT {_LOCATION} AND chunk.id IN carray(?)",
            (number, blob_array(some)),
        )
        found.update((row[0], _location_of(row)) for row in rows)
    return found


def find_stored(session: Session, kind: Kind, ids: Sequence[bytes]) -> set[bytes]:
    """Return those of `ids` that have a location, and are not known to be damaged."""
    if len(ids) == 1:
        return {ids[0]} if session.row(_IS_STORED, (int(kind), ids[0])) else set()
    stored: set[bytes] = set()
    for some in _batches(ids):
        stored.update(
            row[0]
            for row in session.rows(
                "SELECT id FROM chunk WHERE kind = ? AND id IN carray(?) "
                "AND damaged_ms IS NULL",
                (int(kind), blob_array(some)),
            )
        )
    return stored


def ensure_stored(session: Session, kind: Kind, ids: Sequence[bytes]) -> set[bytes]:
    """Take back those of `ids` that are condemned; return those that are stored.

    Not those that are known to be damaged: nothing may be acknowledged for them.
    """
    stored: set[bytes] = set()
    condemned: list[bytes] = []
    for some in _batches(ids):
        for found, is_condemned in session.rows(
            "SELECT id, condemned_ms IS NOT NULL FROM chunk "
            "WHERE kind = ? AND id IN carray(?) AND damaged_ms IS NULL",
            (int(kind), blob_array(some)),
        ):
            stored.add(found)
            if is_condemned:
                condemned.append(found)
    session.run_many(
        "UPDATE chunk SET condemned_ms = NULL WHERE kind = ? AND id = ?",
        ((int(kind), found) for found in condemned),
    )
    return stored


def pack_ids(session: Session, names: Iterable[str]) -> dict[str, int]:
    """Return the ids of those packs of `names` that may still take rows."""
    found: dict[str, int] = {}
    for name in names:
        row = session.row(
            "SELECT id FROM pack WHERE name = ? AND state <> 'dead'", (name,)
        )
        if row is not None:
            found[name] = row[0]
    return found


def record_frames(
    session: Session, frames: Iterable[StoredFrame], packs: dict[str, int]
) -> None:
    """Record where `frames` lie, in `packs`; a row that is there already stays."""
    rows: list[Row] = []
    for frame in frames:
        place = frame.location
        rows.append(
            (
                int(frame.kind),
                frame.id,
                packs[place.pack],
                place.offset,
                place.stored_bytes,
                place.plain_bytes,
                place.codec,
                place.base,
            )
        )
    rows.sort()  # neighbours of the index are written together
    session.insert(_RECORD, rows)


def seal(session: Session, name: str, size_bytes: int) -> None:
    """Say that the pack `name`, if it was being written, takes no more bytes."""
    session.run(
        "UPDATE pack SET state = 'sealed', size_bytes = ? "
        "WHERE name = ? AND state = 'writing'",
        (size_bytes, name),
    )


_IS_STORED = "SELECT 1 FROM chunk WHERE kind = ? AND id = ? AND damaged_ms IS NULL"


def _batches(ids: Sequence[bytes]) -> Iterable[tuple[bytes, ...]]:
    for at in range(0, len(ids), IDS_PER_STATEMENT_MAX):
        yield tuple(ids[at : at + IDS_PER_STATEMENT_MAX])


def _location_of(row: Row) -> Location:
    return Location(row[1], row[2], row[3], row[4], row[5], row[6])
