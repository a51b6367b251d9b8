"""What a run has running beside the program: a thread that brings what was logged to the server.

    log_point ... -> Pending -> (every half second, as numbered batches) -> Spool -> server

1. Nothing that is logged waits for the network, and nothing raises because of it, nor
   because of a mistake in here: that is told once, and named in the record as missing.
2. The server takes each point once, in the order in which its thread logged it, whatever
   requests or answers are lost: a batch has its number before it is first sent.
3. While the server is away, what comes waits in the spool; what was not sent at the end
   of the process is sent by a later one (`syncing.py`).
4. After a fork the child is a writer of its own.
5. Where the spool is full and the server away, what comes is dropped; that is told.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TypeVar

from ..async_client import AsyncClient
from ..errors import ClientError
from ..wire.runs import Run, RunEnd
from .children import close_at_the_end, renew_in_children
from .lasting import run_lasting
from .outbox import Outbox, warn
from .pace import (
    BROKEN_TRIES_MAX,
    HEARTBEATS,
    LOOK_S,
    NORMAL,
    PENDING_POINTS_MAX,
    STARTS_MAX,
    TIMEOUT_S,
    AtOnce,
    Pace,
)
from .pending import Pending, as_missing
from .reach import RunAddress
from .sending import Verdict, deliver, judge
from .spool import SpoolItem

T = TypeVar("T")

_told_away: set[str] = set()
"""Servers that are away, as a run of this process or its parent has told."""


class Recorder:
    """Brings what is logged to the server, from a thread of its own."""

    def __init__(
        self,
        address: RunAddress,
        *,
        is_owner: bool,
        lost_after_s: float = 300.0,
        saved_server: str | None = None,
        warn: Callable[[str], None] = warn,
        pace: Pace = NORMAL,
    ) -> None:
        """Prepare a recorder of the run at `address`; its thread starts with `start`.

        Args:
            is_owner: it also says that the run goes on, and ends it.
            lost_after_s: when the run counts as lost.
            saved_server: where a later process finds the server, if not at the URL.
        """
        self.address = address
        self._is_owner = is_owner
        self._heartbeat_s = lost_after_s / HEARTBEATS
        self._make_outbox = partial(
            Outbox, address, saved_server=saved_server or address.server, warn=warn
        )
        self._pace = pace
        self._is_child = False
        self._begin()
        renew_in_children(self)

    def renew(self) -> None:
        """Begin again in a forked child, as another writer."""
        self._outbox.leave()
        # The parent ends the run.
        self._is_owner = False
        self._is_child = True
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._start_lock = threading.Lock()
        self._outbox = self._make_outbox()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lake: AsyncClient | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._wake: asyncio.Event | None = None
        self._is_woken = False
        self._at_once = AtOnce()
        self._closing = False
        self._is_finishing = False
        self._broken_tries = 0
        self._heard_s = time.monotonic()
        self.is_away = False
        """Whether the last try to reach the server failed."""
        self.gone: ClientError | None = None
        """Why the server takes nothing any more of this run."""
        self.ended: Run | None = None

    @property
    def pending(self) -> Pending:
        """What was logged and is in no batch yet."""
        return self._outbox.pending

    def start(self) -> None:
        """Start the thread and make the file; again is nothing."""
        with self._start_lock:
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        self._outbox.open()
        # A daemon: a program that does not end its run must still be able to end.
        thread = threading.Thread(
            target=self._run, name="lakebed-recorder", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # no more threads, or the process ends
            self._note_broken(error)
        else:
            self._ready.wait()
        self._thread = thread
        if self._is_child:
            close_at_the_end(self)

    # What is logged ------------------------------------------------------------------

    def log_point(self, name: str, value: float, step: int | None) -> None:
        """Add one point of a metric."""
        self._here()
        self.pending.add_point(name, value, step)
        self._noted()

    def log_text(self, text: str) -> None:
        """Add text to the log."""
        self._here()
        self.pending.add_log(text)
        self._noted()

    def add_missing(self, what: str, reason: str) -> None:
        """Say that something could not be recorded."""
        self.pending.add_missing(as_missing(what, reason))

    def keep(self, name: str, content: bytes) -> None:
        """Keep `content` with the run under `name`; the thread sends it.

        Raises:
            ValueError: it is too large.
        """
        self._here()
        self._outbox.keep(name, content)
        self._hurry()

    # Requests that somebody waits for -----------------------------------------------

    def call(self, ask: Callable[[AsyncClient], Awaitable[T]]) -> Future[T]:
        """Run `ask` with the client of the run's key, on the thread.

        Raises:
            ClientError: there is no thread any more.
        """
        self._here()
        if self._loop is None or self._loop.is_closed():
            raise ClientError("cannot ask the server: recording has stopped")

        async def work() -> T:
            assert self._lake is not None
            return await ask(self._lake)

        return asyncio.run_coroutine_threadsafe(work(), self._loop)

    # The end -------------------------------------------------------------------------

    def flush(self, timeout_s: float) -> bool:
        """Wait until the server has all that was logged; tell whether it has."""
        self._here()
        self._outbox.collect()
        return self._wait_until_sent(timeout_s)

    def finish(self, end: RunEnd, *, timeout_s: float) -> Run | None:
        """End the run after all that was logged; None: the server has not heard of it.

        Raises:
            ClientError: the server has, and does not take it.
        """
        self._here()
        self._outbox.collect()
        self._is_finishing = True
        self._outbox.end(end)
        self._wait_until_sent(timeout_s)
        if self.gone is not None:
            raise self.gone
        return self.ended

    def close(self, *, timeout_s: float = 5.0) -> None:
        """End the thread; what was not sent stays in the spool."""
        if self._pid != os.getpid() or self._thread is None or self._closing:
            return
        self._outbox.collect()
        self._closing = True
        self._hurry()
        if self._is_alive:
            self._thread.join(timeout_s)
        if self._is_alive:
            return  # it may be in the middle of writing: the file is its own
        self._outbox.close()

    def _here(self) -> None:
        if self._thread is None:
            self.start()

    def _noted(self) -> None:
        if self._is_child and self._at_once.take():
            self._outbox.collect()
        elif self.pending.is_full:
            self._hurry()

    def _hurry(self) -> None:
        if self.pending.point_count >= PENDING_POINTS_MAX or not self._is_alive:
            self._outbox.collect()
        if self._is_woken or self._loop is None or self._wake is None:
            return
        self._is_woken = True
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake.set)

    def _wait_until_sent(self, timeout_s: float) -> bool:
        self._hurry()
        end_s = time.monotonic() + timeout_s
        while self._is_alive:
            left_s = max(0.0, end_s - time.monotonic())
            if self._outbox.is_drained.wait(min(LOOK_S, left_s)):
                return self.gone is None
            if left_s == 0:
                return False
        return False

    @property
    def _is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        try:
            for _ in range(STARTS_MAX):
                try:
                    return run_lasting(self._main())
                except Exception as error:  # noqa: BLE001 - no training ends for its record
                    self._note_broken(error)
        finally:
            self._ready.set()

    def _note_broken(self, error: Exception) -> None:
        reason = f"it was disturbed: {type(error).__name__}: {error}"
        self._outbox.lose("recording", reason)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        async with AsyncClient(
            self.address.server,
            access_key_id=self.address.access_key_id,
            secret_access_key=self.address.secret_access_key,
            timeout_s=TIMEOUT_S,
            retries=self._pace.retries,
        ) as self._lake:
            self._ready.set()
            collecting = asyncio.create_task(self._keep_collecting())
            try:
                await self._keep_sending(self._lake)
            finally:
                collecting.cancel()
                await asyncio.gather(collecting, return_exceptions=True)
                self._outbox.collect()

    async def _keep_collecting(self) -> None:
        while True:
            await asyncio.sleep(self._pace.flush_s)
            self._outbox.collect()
            if self._wake is not None and not self.is_away:
                self._wake.set()

    async def _keep_sending(self, lake: AsyncClient) -> None:
        failures = 0
        while True:
            item = self._outbox.first()
            if item is None and self._closing:
                self._outbox.collect()
                item = self._outbox.first()
                if item is None:
                    return
            if item is None:
                await self._beat(lake)
                await self._sleep(self._heartbeat_s)
                self._outbox.collect()
                continue
            if await self._try(lake, item) != "away":
                failures = 0
                continue
            failures += 1
            if self._closing:
                return
            delay_s = self._pace.delay_s(failures, is_waited_for=self._is_finishing)
            await self._sleep(delay_s)

    async def _try(self, lake: AsyncClient, item: SpoolItem) -> Verdict | None:
        address = self.address
        try:
            delivered = await deliver(lake, address.repository, address.run, item)
        except Exception as error:  # noqa: BLE001 - `judge` says what it is
            return self._note_failure(item, error)
        self.is_away = False
        _told_away.discard(self.address.server)
        self._broken_tries = 0
        self._heard_s = time.monotonic()
        self.ended = delivered.ended or self.ended
        self._outbox.drop_first()
        for lost in delivered.lost:
            self._outbox.tell("refused", f"not recorded: {lost.reason}")
        return None

    def _note_failure(self, item: SpoolItem, error: Exception) -> Verdict:
        verdict, server = judge(error), self.address.server
        self.is_away = verdict in ("away", "broken")
        if isinstance(item, RunEnd) and not self.is_away:
            # Whoever waits for the end explains it.
            self._shut(error)
            return "gone"
        match verdict:
            case "away":
                if server not in _told_away:
                    _told_away.add(server)
                    waits = f"what is logged waits in '{self._outbox.folder}'"
                    self._outbox.tell("away", f"{error}; {waits}")
            case "broken":
                self._broken_tries += 1
                if self._broken_tries < BROKEN_TRIES_MAX or isinstance(item, RunEnd):
                    return "away"
                self._broken_tries = 0
                self._note_broken(error)
                self._outbox.drop_first()
            case _:
                self._shut(error)
                self._outbox.tell("gone", f"nothing more is recorded: {error}")
        return verdict

    async def _beat(self, lake: AsyncClient) -> None:
        """Say that the run goes on, if nothing else has."""
        if not self._is_owner or self.gone is not None or self.ended is not None:
            return
        if time.monotonic() - self._heard_s < self._heartbeat_s / 2:
            return
        batch = self._outbox.heartbeat()
        try:
            await lake.append_run(self.address.repository, self.address.run, batch)
        except Exception as error:  # noqa: BLE001 - as above
            if judge(error) == "gone":
                self._note_failure(batch, error)
        else:
            self._heard_s = time.monotonic()

    def _shut(self, error: Exception) -> None:
        self.gone = error if isinstance(error, ClientError) else ClientError(str(error))
        self._outbox.is_shut = True

    async def _sleep(self, delay_s: float) -> None:
        """Sleep until there is something to do."""
        assert self._wake is not None
        self._is_woken = False
        self._wake.clear()
        if self._closing or self.pending.is_full:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), delay_s)
