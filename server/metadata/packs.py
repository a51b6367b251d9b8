"""Packs in SQL: reserved before their first byte, sealed after the last.

A name is committed with state `writing` before the pack exists, so that collection and
recovery know of every pack. A pack whose writer died stays `writing`; whoever opens the
directory and wins its claim seals it as it is. What lies in it behind the last recorded
frame was never acknowledged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

from ..errors import MissingDataError
from ..storage.store import PackClaim, PackStorage
from .database import READER_CACHE_KIB, Row, Session
from .directory import LockFile
from .reserve import Reserve

log = logging.getLogger(__name__)

_UNBORN_MS = 60 * 60 * 1000
"""A pack is made at once after its name was committed. One that is still missing after
an hour has no writer that could come back: only its row is left to remove."""

_RECOVERED_MAX = 1000
"""Packs looked at when a directory is opened: crashes leave one each."""

_RECOVERED_AT_ONCE = 100
"""Of one transaction: each holds a file open meanwhile, and a process may have 1,024."""

_SEAL = (
    "UPDATE pack SET state = 'sealed', size_bytes = ? "
    "WHERE name = ? AND state = 'writing'"
)
_FORGET = (
    "DELETE FROM pack WHERE name = ? AND state = 'writing' AND NOT "
    "EXISTS (SELECT 1 FROM chunk WHERE pack_id = pack.id)"
)


class PackRegistry:
    """Reserves names of packs, through a small connection of its own.

    The appender calls it in whatever thread appends, which never holds `write.lock`.
    """

    def __init__(
        self,
        database: Path,
        write_lock: LockFile,
        reserve: Reserve,
        clock: Callable[[], int],
    ) -> None:
        """Use `database`; `write_lock` is owned from here on."""
        self._session = Session(database, cache_kib=READER_CACHE_KIB, may_write=True)
        self._write_lock = write_lock
        self._reserve = reserve
        self._clock = clock
        self._mutex = Lock()

    def reserve(self, name: str) -> None:
        """Commit `name` with state `writing`.

        Raises:
            StorageFullError: the disk has no room for another pack.
        """
        self._reserve.check()
        self._write(
            (
                "INSERT INTO pack (name, state, created_ms) VALUES (?, 'writing', ?)",
                (name, self._clock()),
            )
        )

    def recover(self, storage: PackStorage) -> int:
        """Seal the packs whose writers died; return how many.

        Each as it is: readers need no footer, and `chunks/scanning.py` reads packs
        without one. Many share a transaction, so that many crashes do not make a start
        slow.
        """
        with self._mutex:
            rows = self._session.rows(
                "SELECT name, created_ms FROM pack WHERE state = 'writing' LIMIT ?",
                (_RECOVERED_MAX,),
            )
        return sum(
            self._recover(storage, rows[at : at + _RECOVERED_AT_ONCE])
            for at in range(0, len(rows), _RECOVERED_AT_ONCE)
        )

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
        self._write_lock.close()

    def _recover(self, storage: PackStorage, rows: Sequence[Row]) -> int:
        claims: list[PackClaim] = []
        statements: list[tuple[str, tuple[object, ...]]] = []
        try:
            for name, created_ms in rows:
                try:
                    claim = storage.claim(name)
                except MissingDataError:
                    if created_ms < self._clock() - _UNBORN_MS:
                        statements.append((_FORGET, (name,)))
                    continue
                if claim is None:
                    continue  # its writer lives
                claims.append(claim)
                size_bytes = storage.size_bytes(name)
                statements.append((_SEAL, (size_bytes, name)))
                log.warning(
                    "recovered a pack whose writer died",
                    extra={"pack": name, "size_bytes": size_bytes},
                )
            if statements:
                self._write(*statements)
        finally:
            for claim in claims:
                claim.release()
        return len(claims)

    def _write(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        with self._mutex, self._write_lock:
            try:
                self._session.run("BEGIN IMMEDIATE")
                for sql, values in statements:
                    self._session.run(sql, values)
                self._session.run("COMMIT")
            finally:
                self._session.roll_back()  # of what failed; nothing after a commit
