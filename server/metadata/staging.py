"""Staged changes in SQL: `staging/store.py` keeps the contract.

The row of a branch knows the newest epoch that took a staged row. So "are there live
rows" and "has the open epoch rows" compare two numbers of one row, though a million dead
rows may wait to be purged; an epoch costs one more update, not one a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ..errors import RefNotFoundError
from ..refs.store import Branch
from ..staging.store import Change, PathState
from ..tree.entry import PackedEntry
from .database import Row, RowInsert, Session
from .refs import BRANCH, ref_of, repository_of

_READ_PATH = """
SELECT repository.id, repository.name, storage_namespace, default_branch,
       repository.created_ms, read_only, protection,
       ref.kind, ref.id, ref.repository_id, ref.name, ref.head, ref.epoch, ref.floor,
       ref.resets, ref.hidden, ref.created_ms,
       staged.epoch, staged.entry
FROM repository
JOIN ref ON ref.repository_id = repository.id AND ref.name = ?2
LEFT JOIN staged ON staged.branch_id = ref.id AND staged.path = ?3
     AND staged.epoch = (SELECT max(epoch) FROM staged
                         WHERE branch_id = ref.id AND path = ?3 AND epoch >= ref.floor)
WHERE repository.name = ?1
"""

_SCAN = """
SELECT path, entry FROM staged
WHERE branch_id = ? AND path {above} ? AND path < ? AND epoch BETWEEN ? AND ?
ORDER BY path, epoch LIMIT ?
"""
_SCAN_FROM = _SCAN.format(above=">=")
_SCAN_ABOVE = _SCAN.format(above=">")

_ABOVE_ALL_PATHS = b"\xff"
"""Paths are UTF-8, which never has this byte."""


class StagingReads:
    """`StagingReader` and `StagingScanner` on one connection."""

    _session: Session

    async def read_path(
        self, repository: str, ref: str, path: bytes
    ) -> PathState | None:
        """See `StagingReader.read_path`."""
        row = self._session.row(_READ_PATH, (repository, ref, path))
        if row is None:
            return None
        return PathState(
            repository_of(row), ref_of(row[7:]), row[17] is not None, row[18]
        )

    async def has_live_changes(self, branch: Branch) -> bool:
        """See `StagingReader.has_live_changes`."""
        row = self._session.row(
            "SELECT 1 FROM ref WHERE id = ? AND staged_epoch >= ?",
            (branch.id, branch.floor),
        )
        return row is not None

    async def scan_staged(
        self,
        branch_id: int,
        *,
        epoch_min: int,
        epoch_max: int,
        start: bytes,
        after: bool,
        stop: bytes | None,
        limit: int,
    ) -> list[Change]:
        """See `StagingReader.scan_staged`."""
        return scan(
            self._session,
            branch_id,
            epoch_min=epoch_min,
            epoch_max=epoch_max,
            start=start,
            after=after,
            stop=stop,
            limit=limit,
        )

    def scan_staged_blocking(
        self,
        branch_id: int,
        *,
        epoch_min: int,
        epoch_max: int,
        start: bytes,
        after: bool,
        stop: bytes | None,
        limit: int,
    ) -> list[Change]:
        """See `StagingScanner.scan_staged_blocking`."""
        return scan(
            self._session,
            branch_id,
            epoch_min=epoch_min,
            epoch_max=epoch_max,
            start=start,
            after=after,
            stop=stop,
            limit=limit,
        )


class StagingWrites(StagingReads):
    """`StagingTransaction` inside a write transaction."""

    _purged_to: tuple[int, bytes] = (0, b"")
    """The branch that was purged last, and how far; only a hint."""

    async def stage(self, branch_id: int, changes: Sequence[Change]) -> None:
        """See `StagingTransaction.stage`."""
        if not stage(self._session, branch_id, changes):
            raise RefNotFoundError("", f"#{branch_id}", what="branch")

    async def purge_dead(self, branch_id: int, *, limit: int) -> int:
        """See `StagingTransaction.purge_dead`; of a deleted branch all rows are dead.

        Goes on where the last call ended, so that a purge passes the live rows of a
        branch once, not once a batch.
        """
        floor = self._session.row("SELECT floor FROM ref WHERE id = ?", (branch_id,))
        live_from = 2**62 if floor is None else floor[0]
        last_branch, start = self._purged_to
        dead = self._find_dead(
            branch_id, live_from, start if last_branch == branch_id else b"", limit
        )
        if len(dead) < limit and last_branch == branch_id:
            dead = self._find_dead(branch_id, live_from, b"", limit)
        self._session.run_many(
            "DELETE FROM staged WHERE branch_id = ? AND path = ? AND epoch = ?",
            [(branch_id, path, epoch) for path, epoch in dead],
        )
        self._purged_to = (branch_id, dead[-1][0]) if dead else (0, b"")
        return len(dead)

    def _find_dead(
        self, branch_id: int, live_from: int, start: bytes, limit: int
    ) -> list[Row]:
        return self._session.rows(
            "SELECT path, epoch FROM staged WHERE branch_id = ? AND path >= ? "
            "AND epoch < ? ORDER BY path, epoch LIMIT ?",
            (branch_id, start, live_from, limit),
        )


def stage(session: Session, branch_id: int, changes: Sequence[Change]) -> bool:
    """Stage `changes` under the open epoch of a branch; tell whether there is one."""
    row = session.row(
        "SELECT epoch, staged_epoch FROM ref "
        f"WHERE id = ? AND kind = {BRANCH} AND EXISTS (SELECT 1 FROM repository "
        "WHERE id = ref.repository_id AND name IS NOT NULL)",
        (branch_id,),
    )
    if row is None:
        return False
    if not changes:
        return True
    epoch, staged_epoch = row
    session.insert(_STAGE, [(branch_id, path, epoch, entry) for path, entry in changes])
    if staged_epoch != epoch:
        session.run("UPDATE ref SET staged_epoch = ? WHERE id = ?", (epoch, branch_id))
    return True


def scan(
    session: Session,
    branch_id: int,
    *,
    epoch_min: int,
    epoch_max: int,
    start: bytes,
    after: bool,
    stop: bytes | None,
    limit: int,
) -> list[Change]:
    """Return a page of changes, as `StagingReader.scan_staged` says.

    Rows come by path and epoch; a dict keeps the last of each path, at the place of its
    first. The path at the end of a page may go on behind it, so it is taken back and the
    scan continues from it, unless it is the only one.
    """
    changes: list[Change] = []
    sql = _SCAN_ABOVE if after else _SCAN_FROM
    last = _ABOVE_ALL_PATHS if stop is None else stop
    while len(changes) < limit:
        asked = limit - len(changes) + 1
        rows = session.rows(sql, (branch_id, start, last, epoch_min, epoch_max, asked))
        newest: dict[bytes, PackedEntry | None] = dict(cast("list[Change]", rows))
        if len(rows) < asked:
            changes += newest.items()
            break
        start = rows[-1][0]
        if len(newest) > 1:
            del newest[start]
            changes += newest.items()
            sql = _SCAN_FROM
        else:  # as many epochs of one path as there is room for changes
            changes += cast(
                "list[Change]",
                session.rows(_NEWEST, (branch_id, start, epoch_min, epoch_max)),
            )
            sql = _SCAN_ABOVE
    return changes


_NEWEST = (
    "SELECT path, entry FROM staged WHERE branch_id = ? AND path = ? "
    "AND epoch BETWEEN ? AND ? ORDER BY epoch DESC LIMIT 1"
)
_STAGE = RowInsert("INSERT OR REPLACE INTO staged (branch_id, path, epoch, entry)", 4)
