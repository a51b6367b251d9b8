"""What one process has logged of a run, on its way to the server: buffer, numbers, file.

Used by the threads that log and by the one that sends. A batch gets its number when it is
written down, before anybody sends it.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ..wire.runs import Missing, RunBatch, RunEnd
from .pending import Pending, as_missing
from .pieces import Piece
from .reach import RunAddress
from .spool import Spool, SpooledFile, SpoolFullError, SpoolHead, SpoolItem

KEPT_BYTES_MAX = 1 << 30
"""Of one file that is kept with a run."""


def warn(text: str) -> None:
    """Tell whoever started the program, once something matters that they cannot see."""
    with suppress(Exception):
        print(f"lakebed: {text}", file=sys.stderr, flush=True)  # noqa: T201


class Outbox:
    """Takes what is logged, and gives it out in order, item by item."""

    def __init__(
        self, address: RunAddress, *, saved_server: str, warn: Callable[[str], None]
    ) -> None:
        """Prepare an outbox of this process; `open` makes its file.

        Args:
            saved_server: where a later process finds the server.
            warn: is told what a person should know, once of each kind.
        """
        self.writer = secrets.token_hex(8)
        self.pending = Pending()
        self.is_shut = False
        """Whether the run takes nothing any more: then nothing is written down."""
        self.is_drained = threading.Event()
        """Set while the server has all that was written down."""
        self._address = address
        self._saved_server = saved_server
        self._warn = warn
        self._lock = threading.Lock()
        self._spool: Spool | None = None
        self._sequence = 0
        self._kept = 0
        self._dropped = 0
        self._why_dropped = ""
        self._told: set[str] = set()

    def open(self) -> None:
        """Make the file."""
        self._spool = Spool.create(
            SpoolHead(
                server=self._saved_server,
                repository=self._address.repository,
                run=self._address.run,
                writer=self.writer,
                access_key_id=self._address.access_key_id,
                secret_access_key=self._address.secret_access_key,
                pid=os.getpid(),
                started_ms=time.time_ns() // 1_000_000,
            )
        )

    @property
    def folder(self) -> str:
        """Where the file is."""
        return str(self._spool.path.parent) if self._spool is not None else ""

    def collect(self) -> None:
        """Write down what was logged; what cannot be is told, and named as missing."""
        with self._lock:
            self._collect()

    def _collect(self) -> None:
        try:
            batches = self.pending.take(self.writer, self._sequence + 1)
        except Exception as error:  # noqa: BLE001 - no training fails for its record
            self.lose("metrics", f"what was logged is no batch: {_words(error)}")
            return
        for batch in batches:
            self._sequence = batch.sequence
            self._write_down(batch)

    def heartbeat(self) -> RunBatch:
        """Return an empty batch with the next number; it is not written down."""
        with self._lock:
            self._sequence += 1
            return RunBatch(writer=self.writer, sequence=self._sequence)

    def keep(self, name: str, content: bytes) -> None:
        """Write down `content`, to be kept with the run under `name`.

        Raises:
            ValueError: it is too large.
        """
        if len(content) > KEPT_BYTES_MAX:
            raise ValueError(
                f"cannot keep '{name}': {len(content) >> 20} MiB, over "
                f"{KEPT_BYTES_MAX >> 20}; make it an output"
            )
        self.collect()
        with self._lock:
            assert self._spool is not None
            self._kept += 1
            try:
                path = self._spool.save(content, self._kept)
                self._spool.append(SpooledFile(name=name, path=path))
                self.is_drained.clear()
            except Exception as error:  # noqa: BLE001 - no training fails for its record
                reason = f"cannot be kept on the way to the server: {error}"
                self.pending.add_missing(as_missing(name, reason))
                self.tell("keep", f"'{name}' is not kept with the run: {error}")

    def end(self, end: RunEnd) -> None:
        """Write down how the run ends, with what was lost on the way."""
        if self._dropped:
            reason = f"{self._dropped:,} batches were dropped: {self._why_dropped}"
            end = RunEnd(
                status=end.status,
                exit_code=end.exit_code,
                ended_ms=end.ended_ms,
                message=end.message,
                missing=[*end.missing, Missing(what="metrics", reason=reason)],
            )
        with self._lock:
            self._append(end)

    def first(self) -> SpoolItem | None:
        """Return what the server shall get next; None: it has everything."""
        with self._lock:
            item = None
            if self._spool is not None and not self.is_shut:
                item = self._read_first(self._spool)
            if isinstance(item, RunEnd):
                # What was found to be missing since comes before the end.
                self._collect()
                item = self._read_first(self._spool) if self._spool else None
            if item is None:
                self.is_drained.set()
            return item

    def _read_first(self, spool: Spool) -> SpoolItem | None:
        item = spool.first()
        for reason in spool.damage:
            self.lose("log and metrics", reason)
        spool.damage.clear()
        return item

    def drop_first(self) -> None:
        """Forget the first item: the server has it, or will not have it."""
        with self._lock:
            assert self._spool is not None
            self._spool.drop_first()

    def close(self) -> None:
        """Remove the file; what was not sent stays in it for a later process."""
        with self._lock:
            if self._spool is None:
                return
            if len(self._spool) or self.is_shut:
                self._spool.leave()
            else:
                self._spool.remove()

    def leave(self) -> None:
        """Let go of the file of the process that this one was forked from."""
        if self._spool is not None:
            self._spool.leave()

    def tell(self, kind: str, text: str) -> None:
        """Tell a person, once of each kind."""
        if kind not in self._told:
            self._told.add(kind)
            self._warn(f"run {self._address.run[:12]}: {text}")

    def lose(self, what: str, reason: str) -> None:
        """Tell that something is lost, and name it as missing."""
        self.pending.add_missing(as_missing(what, reason))
        self.tell("lost", f"something is not recorded: {reason}")

    def _write_down(self, batch: RunBatch) -> None:
        """Append `batch`; of one that cannot be written as JSON whatever can."""
        try:
            self._append(batch)
            return
        except Exception:  # noqa: BLE001 - no training fails for its record
            waiting = [Piece.of(batch)]
        while waiting:
            piece = waiting.pop()
            try:
                self._append(piece.as_batch())
            except Exception as error:  # noqa: BLE001 - as above
                halves = piece.halves()
                waiting += halves[::-1]
                if not halves:
                    self.lose(piece.what, f"it cannot be written: {_words(error)}")

    def _append(self, item: SpoolItem) -> None:
        if self._spool is None or self.is_shut:
            return
        try:
            self._spool.append(item)
            self.is_drained.clear()
        except SpoolFullError:
            self._dropped += 1
            path, failure = self._spool.path, self._spool.failure
            self._why_dropped = (
                f"the server was away, and '{path}' cannot be written: {failure}"
            )
            self.tell("full", f"points are lost: {self._why_dropped}")


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
