"""Keeps the write-ahead log short: one process at a time folds it into the database.

SQLite's own checkpoints run inside whichever commit crosses a limit. Ours run in a
thread: first a passive one, beside readers and writers, which does nearly all the work;
then, under the write lock, a truncating one for the little that came meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import apsw

from ..errors import BusyError, DurabilityLostError, LakeError
from .database import READER_CACHE_KIB, Session
from .directory import LockFile, locked_if_free

log = logging.getLogger(__name__)

WAL_BYTES_MAX = 64 * 1024 * 1024
"""A longer log makes each read search more of its index and each start after a crash
read more; at half, checkpoints with their fsyncs come twice as often."""

_READERS_WAIT_MS = 200
"""How long the truncating checkpoint, which stops all writers, waits for readers of old
states. Long scans are rare, and the next try comes soon."""

_RETRY_S = 5.0
"""The pause after a checkpoint that readers prevented."""


class Checkpointer:
    """A thread that checkpoints when the log is long, or when it is asked to."""

    def __init__(
        self,
        database: Path,
        turn: LockFile,
        write_lock: LockFile,
        on_lost: Callable[[DurabilityLostError], None],
    ) -> None:
        """Checkpoint `database`; the locks are owned from here on.

        Args:
            database: whose log.
            turn: held by the one process that checkpoints.
            write_lock: the lock of all writers.
            on_lost: told when an fsync failed.
        """
        self._turn = turn
        self._write_lock = write_lock
        self._on_lost = on_lost
        self._session = Session(database, cache_kib=READER_CACHE_KIB, may_write=True)
        self._session.connection.set_busy_timeout(_READERS_WAIT_MS)
        self._wanted = Event()
        self._stopping = False
        self._not_before_s = 0.0
        self.done_count = 0
        """Checkpoints that emptied the log."""
        self._thread = Thread(target=self._run, name="checkpoint", daemon=True)
        self._thread.start()

    def look_at(self, wal_bytes: int) -> None:
        """Checkpoint soon if the log has grown too long; from any thread, costs nothing."""
        if wal_bytes > WAL_BYTES_MAX:
            self.request()

    def request(self) -> None:
        """Checkpoint soon, unless one failed a moment ago; from any thread.

        On a full disk that is what gives room back: an empty log.
        """
        if time.monotonic() >= self._not_before_s:
            self._wanted.set()

    def close(self) -> None:
        """Stop the thread and close the connection."""
        self._stopping = True
        self._wanted.set()
        self._thread.join()
        self._session.close()
        self._turn.close()
        self._write_lock.close()

    def checkpoint(self) -> bool:
        """Empty the log if it is our turn and no reader is in the way; tell whether."""
        with locked_if_free(self._turn) as ours:
            if not ours:
                return False
            self._fold(apsw.SQLITE_CHECKPOINT_PASSIVE)
            with self._write_lock:
                self._fold(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self.done_count += 1
        return True

    def _fold(self, mode: int) -> None:
        try:
            self._session.connection.wal_checkpoint(mode=mode)
        except apsw.Error as error:
            raise self._session.translate(error) from error

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopping:
                return
            try:
                self.checkpoint()
            except BusyError:
                self._not_before_s = time.monotonic() + _RETRY_S
            except DurabilityLostError as error:
                self._on_lost(error)
            except LakeError as error:
                # The log keeps everything; only its length is not bounded meanwhile.
                self._not_before_s = time.monotonic() + _RETRY_S
                log.warning("checkpoint failed", extra={"error": str(error)})
