"""Packs in SQL: reserved before their first byte, sealed after the last.

A name is committed with state `writing` before the pack exists, so that collection and
recovery know of every pack. A pack whose writer died stays `writing`; whoever opens the
directory and wins its claim seals it as it is. What lies in it behind the last recorded
frame was never acknowledged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from ..errors import MissingDataError
from ..storage.store import PackStorage
from .database import READER_CACHE_KIB, Session
from .directory import LockFile
from .reserve import Reserve

log = logging.getLogger(__name__)

_UNBORN_MS = 60 * 60 * 1000
"""A pack is made at once after its name was committed. One that is still missing after
an hour has no writer that could come back: only its row is left to remove."""

_RECOVERED_AT_ONCE = 1000
"""Packs looked at when a directory is opened: crashes leave one each."""


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
            "INSERT INTO pack (name, state, created_ms) VALUES (?, 'writing', ?)",
            (name, self._clock()),
        )

    def recover(self, storage: PackStorage) -> int:
        """Seal the packs whose writers died; return how many.

        Each as it is: readers need no footer, and `chunks/scanning.py` reads packs
        without one.
        """
        with self._mutex:
            rows = self._session.rows(
                "SELECT name, created_ms FROM pack WHERE state = 'writing' LIMIT ?",
                (_RECOVERED_AT_ONCE,),
            )
        return sum(self._recover(storage, name, at_ms) for name, at_ms in rows)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
        self._write_lock.close()

    def _recover(self, storage: PackStorage, name: str, created_ms: int) -> bool:
        try:
            claim = storage.claim(name)
        except MissingDataError:
            if created_ms < self._clock() - _UNBORN_MS:
                self._write(
                    "DELETE FROM pack WHERE name = ? AND state = 'writing' AND NOT "
                    "EXISTS (SELECT 1 FROM chunk WHERE pack_id = pack.id)",
                    (name,),
                )
            return False
        if claim is None:
            return False  # its writer lives
        try:
            self._write(
                "UPDATE pack SET state = 'sealed', size_bytes = ? "
                "WHERE name = ? AND state = 'writing'",
                (storage.size_bytes(name), name),
            )
        finally:
            claim.release()
        log.info("recovered a pack", extra={"pack": name})
        return True

    def _write(self, sql: str, values: tuple[object, ...]) -> None:
        with self._mutex, self._write_lock:
            try:
                self._session.run("BEGIN IMMEDIATE")
                self._session.run(sql, values)
                self._session.run("COMMIT")
            finally:
                self._session.roll_back()  # of what failed; nothing after a commit
