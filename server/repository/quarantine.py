"""What becomes of damage that a read meets: it is counted, logged, and marked.

The reader that met it fails, whatever happens here. The mark makes that the same bytes
are stored anew when they come again (`chunks/index.py`); `verify` finds the names.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Lock

from ..chunks.index import StoredFrame
from ..errors import CorruptDataError, LakeError
from ..ids import Kind
from .contracts import Metadata, WriteTransaction

log = logging.getLogger(__name__)

_SEEN_MAX = 10_000
"""Damaged things that are not logged and marked again, 250 bytes each: a training run
reads the same broken file in each epoch."""

_MARKING_MAX = 64
"""Marks that wait to be made: with a pack lost, every read asks for one, and writes of
clients must not wait behind them. `verify` marks the rest."""


class Quarantine:
    """Takes note of damage, for all reads of a process."""

    def __init__(self, metadata: Metadata, clock: Callable[[], int]) -> None:
        """Mark through `metadata`, on the loop that runs now; without one only log."""
        self._metadata = metadata
        self._clock = clock
        self._lock = Lock()
        self._seen: set[tuple[Kind, bytes, str, int]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.read_count = 0
        """Reads that met damage."""
        with suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    def note(self, frame: StoredFrame, error: CorruptDataError) -> None:
        """Take note that `frame` cannot be read because of `error`; from any thread."""
        at = frame.location
        key = (frame.kind, frame.id, at.pack, at.offset)
        with self._lock:
            self.read_count += 1
            if key in self._seen:
                return
            if len(self._seen) >= _SEEN_MAX:
                self._seen.clear()
            self._seen.add(key)
        log.error(
            "stored bytes are damaged",
            extra={
                "kind": frame.kind.name.lower(),
                "id": frame.id.hex(),
                "pack": at.pack,
                "offset": at.offset,
                "error": str(error),
            },
        )
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._start, frame)

    async def close(self) -> None:
        """Wait for the marks that are being made."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, frame: StoredFrame) -> None:
        if len(self._tasks) >= _MARKING_MAX:
            return
        task = asyncio.get_running_loop().create_task(self._mark(frame))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _mark(self, frame: StoredFrame) -> None:
        try:
            await self._metadata.write(
                partial(_mark, frame=frame, now_ms=self._clock())
            )
        except LakeError:
            # It stays in the log; the next process that reads it tries again.
            log.warning("damage could not be marked", exc_info=True)


async def _mark(tx: WriteTransaction, frame: StoredFrame, now_ms: int) -> None:
    await tx.mark_damaged([frame], now_ms=now_ms)
