"""Group commit: many small writes share one fsync of a pack and one transaction.

One thread writes. It takes all that waits; appends the frames that are not stored yet
and makes them durable, holding no lock; then takes `write.lock` and, in one `BEGIN
IMMEDIATE`, records the frames and runs each action in a savepoint; commits, answers.
(Two threads, with the fsync of the next group beside the transaction of this one, were
tried: the groups come out half as large, and the two fsyncs wait for the same journal.)

Promises, beside those of `Metadata.write`:

1. Nothing is answered before both its frames and its transaction are durable.
2. A group that cannot commit fails whole, and nothing of it happened.
3. After a failed fsync everything is refused and `on_fatal` is called: the process must
   exit (P15), because nothing says any more what is on the disk.
4. A waiter that is cancelled may leave its action to run; never half of it.
5. Frames of an action that raises stay stored, and are garbage if nothing else uses them.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread

from ..chunks.appender import PackAppender
from ..chunks.index import Frame, StoredFrame
from ..errors import (
    BusyError,
    DurabilityLostError,
    LakeError,
    StorageFailedError,
    StorageFullError,
)
from ..ids import Kind
from .chunks import find_stored, seal
from .database import Session
from .directory import LockFile
from .group import GroupTransaction
from .reserve import Reserve
from .submission import GroupQueue, Submission, answer, fail

log = logging.getLogger(__name__)

WAITING_COUNT_MAX = 4096
"""Writes that may wait in one process; at 8,000 a second half a second's worth. At half,
a burst of small files is refused for nothing; double only makes clients wait longer."""

WAITING_BYTES_MAX = 32 * 1024 * 1024
"""Bytes of frames that may wait: an eighth of a worker's memory. One write alone may be
larger."""

GROUP_COUNT_MAX = 512
"""Writes of one transaction. It holds the lock of all processes for some 30 ms then; at
double, others wait longer and the fsync is saved no better."""

GROUP_BYTES_MAX = 8 * 1024 * 1024
"""Bytes made durable together: about what a disk writes while a client waits gladly."""

LINGER_S = 0.001
"""How long a group waits for as many as the last one had. Answered clients need about
that to come back; at half, groups of 32 clients shrink to 20; double gains nothing."""


@dataclass(slots=True)
class WriterCounters:
    """What the writer has done since it was started."""

    submissions: int = 0
    groups: int = 0
    """Transactions committed."""
    pack_syncs: int = 0
    refused_busy: int = 0
    """Writes refused because too many were waiting."""
    waiting: int = 0
    waiting_bytes: int = 0


class GroupWriter:
    """The only writer of a process."""

    def __init__(
        self,
        *,
        session: Session,
        write_lock: LockFile,
        appender: PackAppender,
        reserve: Reserve,
        on_full: Callable[[], None],
        on_fatal: Callable[[DurabilityLostError], None],
    ) -> None:
        """Start the thread.

        Args:
            session: the connection of all writes; owned from here.
            write_lock: taken around each transaction; owned from here.
            appender: where frames go.
            reserve: the room for deletes on a full disk.
            on_full: told that the database had no room for a transaction.
            on_fatal: called once, in the thread, after a failed fsync.
        """
        self._session = session
        self._group = GroupTransaction(session)
        self._write_lock = write_lock
        self._appender = appender
        self._reserve = reserve
        self._on_full = on_full
        self._on_fatal = on_fatal
        self.counters = WriterCounters()
        self._fatal: DurabilityLostError | None = None
        self._sealed: deque[tuple[str, int]] = deque()
        self._mutex = Lock()
        self._stop_error: Exception | None = None
        self._queue = GroupQueue(
            group_count_max=GROUP_COUNT_MAX,
            group_bytes_max=GROUP_BYTES_MAX,
            linger_s=LINGER_S,
        )
        self._thread = Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, submission: Submission) -> None:
        """Queue `submission`; its future is answered when it is durable or failed.

        Raises:
            BusyError: too much is waiting, or the writer is stopping.
            DurabilityLostError: an fsync failed before.
        """
        if self._fatal is not None:
            raise DurabilityLostError(str(self._fatal))
        counters = self.counters
        with self._mutex:
            if counters.waiting >= WAITING_COUNT_MAX or (
                counters.waiting
                and counters.waiting_bytes + submission.size_bytes > WAITING_BYTES_MAX
            ):
                counters.refused_busy += 1
                raise BusyError("too many writes are waiting: try again in a moment")
            counters.waiting += 1
            counters.waiting_bytes += submission.size_bytes
        try:
            self._queue.put(submission)
        except BusyError:
            self._forget([submission])
            raise

    def note_sealed(self, pack: str, size_bytes: int) -> None:
        """Record with the next transaction that `pack` takes no more frames."""
        self._sealed.append((pack, size_bytes))
        self._queue.poke()

    def close(self) -> None:
        """Finish what is queued, seal the open pack, and stop.

        Raises:
            DurabilityLostError: the open pack could not be made durable.
        """
        self._queue.close()
        self._thread.join()
        if self._stop_error is not None:
            raise self._stop_error

    def _run(self) -> None:
        while (group := self._queue.take()) is not None:
            self._prepare_and_commit(group)
        try:
            self._appender.close()
            if self._sealed:
                self._commit([])
        except Exception as error:  # noqa: BLE001 - `close` raises it
            self._stop_error = error
        finally:
            self._session.close()
            self._write_lock.close()

    def _prepare_and_commit(self, group: list[Submission]) -> None:
        try:
            self._prepare(group)
        except Exception as error:  # noqa: BLE001 - the waiters raise it
            fail(group, error)
            if isinstance(error, DurabilityLostError):
                self._lose(error)
        again: list[Submission] = []
        ready = [one for one in group if one.error is None]
        if ready or self._sealed:
            again = self._commit(ready)
        self._finish([one for one in group if one not in again] if again else group)
        self._queue.put_back(again)

    # --- bytes first ------------------------------------------------------------------

    def _prepare(self, group: list[Submission]) -> None:
        """Make all frames of `group` durable; fail those whose frames are not."""
        if self._fatal is not None:
            raise self._fatal
        self._refuse_bytes_on_a_full_disk(group)
        stored = self._find_stored(group)
        fresh: dict[tuple[Kind, bytes], Frame] = {}
        for one in group:
            if one.error is None:
                for frame in one.frames:
                    key = (frame.kind, frame.id)
                    if key not in stored:
                        fresh.setdefault(key, frame)
        placed: dict[tuple[Kind, bytes], StoredFrame] = {}
        failure: LakeError | None = None
        if fresh:
            try:
                placed = {
                    (one.kind, one.id): one
                    for one in self._appender.append(list(fresh.values()))
                }
            except DurabilityLostError:
                raise
            except (StorageFullError, StorageFailedError, BusyError) as error:
                failure = error  # of those who needed it; others were stored before
        for one in group:
            one.located = list(one.stored)
            one.ensured = []
            for frame in one.frames:
                key = (frame.kind, frame.id)
                if key in stored:
                    one.ensured.append(key)
                elif key in placed:
                    one.located.append(placed[key])
                elif one.error is None and failure is not None:
                    fail((one,), failure)
        if any(one.located for one in group):
            self.counters.pack_syncs += 1
            self._appender.sync()

    def _refuse_bytes_on_a_full_disk(self, group: list[Submission]) -> None:
        if any(one.frames for one in group):
            try:
                self._reserve.check()
            except StorageFullError as error:
                fail([one for one in group if one.frames], error)

    def _find_stored(self, group: list[Submission]) -> set[tuple[Kind, bytes]]:
        wanted: dict[Kind, list[bytes]] = {}
        for one in group:
            for frame in one.frames:
                wanted.setdefault(frame.kind, []).append(frame.id)
        return {
            (kind, found)
            for kind, ids in wanted.items()
            for found in find_stored(self._session, kind, ids)
        }

    # --- then the transaction ---------------------------------------------------------

    def _commit(self, group: list[Submission]) -> list[Submission]:
        """Run `group` in one transaction; return those that must be tried once more."""
        sealed: list[tuple[str, int]] = []
        try:
            if self._fatal is not None:
                raise self._fatal
            with self._write_lock:
                try:
                    self._session.run("BEGIN IMMEDIATE")
                    sealed = self._record_sealed()
                    again = self._group.record(group)
                    self._group.run_actions(group, again)
                    self._session.run("COMMIT")
                finally:
                    self._session.roll_back()  # of what failed; else nothing is open
            self.counters.groups += 1
        except Exception as error:  # noqa: BLE001 - the waiters raise it
            self._sealed.extendleft(reversed(sealed))
            for one in group:
                one.error = None  # what an action found in the transaction is not so
            again = self._save_from(error, group)
            fail([one for one in group if one not in again], error)
            if isinstance(error, DurabilityLostError):
                self._lose(error)
        return again

    def _record_sealed(self) -> list[tuple[str, int]]:
        sealed: list[tuple[str, int]] = []
        while self._sealed:
            sealed.append(self._sealed.popleft())
        for name, size_bytes in sealed:
            seal(self._session, name, size_bytes)
        return sealed

    def _save_from(self, error: Exception, group: list[Submission]) -> list[Submission]:
        """Return those of a failed `group` that may try once more.

        On a full disk that is what brought no bytes, if there was a reserve to give.
        """
        if not isinstance(error, StorageFullError):
            return []
        self._on_full()
        if not self._reserve.give():
            return []
        log.warning("the disk is full: only what frees space is taken")
        saved = [one for one in group if not (one.frames or one.stored or one.retried)]
        for one in saved:
            one.retried = True
        return saved

    # --- answers ----------------------------------------------------------------------

    def _finish(self, group: list[Submission]) -> None:
        self._forget(group)
        answer(group)

    def _forget(self, group: list[Submission]) -> None:
        with self._mutex:
            self.counters.submissions += len(group)
            self.counters.waiting -= len(group)
            self.counters.waiting_bytes -= sum([one.size_bytes for one in group])

    def _lose(self, error: DurabilityLostError) -> None:
        with self._mutex:
            first = self._fatal is None
            self._fatal = self._fatal or error
        if first:
            log.critical("an fsync failed", extra={"error": str(error)})
            self._on_fatal(error)
