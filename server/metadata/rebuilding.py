"""Makes the index of chunks anew, from the packs alone.

The new index is gathered in a draft beside the database, which takes as long as reading
the packs does; then one transaction puts it in the place of the old one. A stop before
that leaves the old one, whole, and a draft that the next opener removes.

What is not in packs stays as it is, or is lost with a database that was lost: names,
uncommitted changes, users and which commit belongs to which repository.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from ..chunks.checking import PackCheck
from ..chunks.codec import decode
from ..chunks.index import StoredFrame
from ..chunks.scanning import read_footer
from ..errors import CorruptDataError, StartupError
from ..ids import Kind, hash_stored
from ..refs.names import RESERVED_REPOSITORIES
from ..storage.store import PackStorage
from .chunks import find_locations
from .database import WRITER_CACHE_KIB, Row, RowInsert, Session
from .directory import DATABASE, LakeDirectory
from .migrations import bring_up_to_date
from .schema import create_database

_BATCH_COUNT = 4096
"""Frames recorded together: 1 MiB of rows."""

_COLUMNS = "kind, id, pack_id, offset, stored_bytes, plain_bytes, codec, base"

_DRAFT = """
CREATE TABLE draft.chunk (
    kind, id, pack_id, offset, stored_bytes, plain_bytes, codec, base,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID
"""


@dataclass(slots=True)
class RebuiltIndex:
    """What became of the index."""

    is_new_database: bool = False
    """There was none: names and users are lost, unless a backup has them."""
    packs: int = 0
    chunks: int = 0
    """Rows that the index has now."""
    chunks_before: int = 0
    added: int = 0
    """Rows that were not there before, or elsewhere."""
    kept: int = 0
    """Rows of before that no frame shows, and that are right all the same: the header
    of their frame is damaged, and their bytes are not."""
    lost: int = 0
    """Rows of before whose bytes are in no pack."""
    damaged: int = 0
    """Frames that are damaged, and the only ones of their id: reading them fails."""
    packs_added: int = 0
    packs_lost: int = 0
    """Packs that the database knew and that are not there."""
    scanned: list[str] = field(default_factory=list[str])
    """Packs without a whole footer, read frame by frame, and why."""


def rebuild_index(
    path: Path,
    storage: PackStorage,
    *,
    clock: Callable[[], int],
    on_progress: Callable[[int], None] = lambda packs: None,
) -> RebuiltIndex:
    """Make the index of the lake in `path` anew, from the packs in `storage`. Blocks.

    A directory that has packs and no database gets a new one.

    Args:
        path: the directory.
        storage: its packs.
        clock: the time in ms, for what is added.
        on_progress: told how many packs are read.

    Raises:
        StartupError: there is no lake, or another process has it open.
        CorruptDataError: the database is damaged itself.
        StorageFullError: there is no room for another index.
    """
    rebuilt = RebuiltIndex()
    if not (path / DATABASE).exists():
        if next(iter(storage.names()), None) is None:
            raise StartupError(
                f"cannot rebuild '{path}': there are neither packs nor a database in "
                "it: check the path"
            )
        rebuilt.is_new_database = True
    directory = LakeDirectory.open_alone(
        path, create=_create, bring_up_to_date=bring_up_to_date
    )
    draft = path / f"{DATABASE}.new-{secrets.token_hex(8)}"
    try:
        session = Session(
            directory.database, cache_kib=WRITER_CACHE_KIB, may_write=True
        )
        try:
            draft.touch(0o600)
            session.run("ATTACH DATABASE ? AS draft", (str(draft),))
            session.run("PRAGMA draft.journal_mode = OFF")
            session.run("PRAGMA draft.synchronous = OFF")
            session.run(_DRAFT)
            _Rebuild(session, storage, clock(), rebuilt).run(on_progress)
        finally:
            session.close()
    finally:
        for each in (draft, draft.with_name(f"{draft.name}-journal")):
            each.unlink(missing_ok=True)
        directory.close()
    return rebuilt


def _create(path: Path) -> None:
    create_database(
        path,
        created_by=f"lakebed {version('lakebed')}",
        reserved=sorted(RESERVED_REPOSITORIES),
    )


class _Rebuild:
    """The work, on an open database with the draft attached."""

    def __init__(
        self, session: Session, storage: PackStorage, now_ms: int, rebuilt: RebuiltIndex
    ) -> None:
        self._session = session
        self._storage = storage
        self._now_ms = now_ms
        self._rebuilt = rebuilt
        self._damaged: list[tuple[StoredFrame, int]] = []
        head = f"INSERT {{}} INTO draft.chunk ({_COLUMNS})"
        self._first_stays = RowInsert(head.format("OR IGNORE"), 8)
        self._last_stays = RowInsert(head.format("OR REPLACE"), 8)

    def run(self, on_progress: Callable[[int], None]) -> None:
        rows = self._session.rows("SELECT name, id, state FROM pack")
        known = {name: (id_, state) for name, id_, state in rows}
        names = list(self._storage.names())
        self._session.run("BEGIN IMMEDIATE")
        try:
            for name in names:
                pack_id, state = known.get(name, (0, "sealed"))
                if state == "dead":
                    continue  # collected: nothing in it is meant to be there
                if not pack_id:
                    pack_id = self._add_pack(name)
                self._gather(name, pack_id)
                self._rebuilt.packs += 1
                on_progress(self._rebuilt.packs)
            self._record_damaged()
            self._keep_right_ones()
            self._swap()
            for name in known.keys() - names:
                self._rebuilt.packs_lost += self._session.run(
                    "DELETE FROM pack WHERE name = ? AND state <> 'dead'", (name,)
                )
            self._session.run("COMMIT")
        finally:
            self._session.roll_back()  # of what failed; nothing after a commit

    def _add_pack(self, name: str) -> int:
        self._session.run(
            "INSERT INTO pack (name, state, size_bytes, created_ms) "
            "VALUES (?, 'sealed', ?, ?)",
            (name, self._storage.size_bytes(name), self._now_ms),
        )
        self._rebuilt.packs_added += 1
        return self._session.last_row_id

    def _gather(self, name: str, pack_id: int) -> None:
        """Record all frames of a pack in the draft."""
        batch: list[StoredFrame] = []
        for frame in self._iter_frames(name, pack_id):
            batch.append(frame)
            if len(batch) == _BATCH_COUNT:
                self._record(batch, pack_id)
                batch = []
        self._record(batch, pack_id)

    def _iter_frames(self, name: str, pack_id: int) -> Iterator[StoredFrame]:
        """Yield what a pack has: by its footer, else every frame that is whole."""
        reason = "it has no footer"
        try:
            footer = read_footer(self._storage, name)
            if footer is not None:
                yield from footer
                return
        except CorruptDataError as error:
            reason = str(error)
        check = PackCheck(self._storage, name, None)
        for frame in check.iter_frames():
            if not frame.reason:
                yield frame.stored
            else:
                self._damaged.append((frame.stored, pack_id))
        self._rebuilt.scanned.append(f"{name}: {reason}")

    def _record(self, frames: list[StoredFrame], pack_id: int) -> None:
        """Record `frames`; of several with one id that counts which counted before."""
        ids: dict[int, list[bytes]] = {}
        for frame in frames:
            ids.setdefault(frame.kind, []).append(frame.id)
        before = {
            (frame.kind, id_): place
            for frame in {one.kind: one for one in frames}.values()
            for id_, place in find_locations(
                self._session, frame.kind, ids[frame.kind]
            ).items()
        }
        old: list[Row] = []
        other: list[Row] = []
        for frame in frames:
            is_old = before.get((frame.kind, frame.id)) == frame.location
            (old if is_old else other).append(_row_of(frame, pack_id))
        self._session.insert(self._last_stays, old)
        self._session.insert(self._first_stays, other)

    def _record_damaged(self) -> None:
        """Record damaged frames where nothing better is: the last copy stays known."""
        rows = [_row_of(frame, pack_id) for frame, pack_id in self._damaged]
        before = self._count("draft.chunk")
        self._session.insert(self._first_stays, rows)
        self._rebuilt.damaged = self._count("draft.chunk") - before

    def _keep_right_ones(self) -> None:
        """Keep rows of before that no frame shows, if their bytes are those of their id."""
        after: tuple[int, bytes] = (-1, b"")
        while rows := self._session.rows(
            f"SELECT {_COLUMNS}, (SELECT name FROM pack WHERE id = pack_id) AS pack "
            "FROM chunk AS old WHERE (kind, id) > (?, ?) AND pack IS NOT NULL AND NOT "
            "EXISTS (SELECT 1 FROM draft.chunk WHERE kind = old.kind AND id = old.id) "
            "ORDER BY kind, id LIMIT ?",
            (*after, _BATCH_COUNT),
        ):
            right = [row[:-1] for row in rows if self._is_right(row)]
            self._session.insert(self._first_stays, right)
            self._rebuilt.kept += len(right)
            after = (rows[-1][0], rows[-1][1])

    def _is_right(self, row: Row) -> bool:
        kind, id_, _, offset, stored_bytes, plain_bytes, codec, base, pack = row
        if base is not None:
            return False
        try:
            stored = self._storage.read_blocking(pack, offset, stored_bytes)
            plain = decode(codec, stored, plain_bytes)
            return hash_stored(Kind(kind), plain) == bytes(id_)
        except CorruptDataError:
            return False

    def _swap(self) -> None:
        """Put the draft in the place of the index."""
        count, rebuilt = self._count, self._rebuilt
        same = "ON old.kind = new.kind AND old.id = new.id"
        rebuilt.chunks_before = count("chunk")
        rebuilt.chunks = count("draft.chunk")
        rebuilt.lost = count(
            f"chunk AS old LEFT JOIN draft.chunk AS new {same} WHERE new.id IS NULL"
        )
        rebuilt.added = count(
            f"draft.chunk AS new LEFT JOIN chunk AS old {same} AND "
            "old.pack_id = new.pack_id AND old.offset = new.offset WHERE old.id IS NULL"
        )
        self._session.run("DELETE FROM chunk")
        self._session.run(
            f"INSERT INTO chunk ({_COLUMNS}) SELECT {_COLUMNS} FROM draft.chunk"
        )

    def _count(self, what: str) -> int:
        row = self._session.row(f"SELECT count(*) FROM {what}")
        return 0 if row is None else int(row[0])


def _row_of(frame: StoredFrame, pack_id: int) -> Row:
    at = frame.location
    return (
        int(frame.kind),
        frame.id,
        pack_id,
        at.offset,
        at.stored_bytes,
        at.plain_bytes,
        at.codec,
        at.base,
    )
