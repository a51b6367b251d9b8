"""What a run has running beside the program: a thread that brings what was logged to the server.

    log_point ... -> Pending -> (every half second, as numbered batches) -> Spool -> server

1. Nothing that is logged waits for the network, and nothing raises because of it, nor
   because of a mistake in here: that is told once, and named in the record as missing.
2. The server takes each point once, in the order in which its thread logged it, whatever
   requests or answers are lost: a batch has its number before it is first sent.
3. While the server is away, what comes waits in the spool; what was not sent at the end
   of the process is sent by a later one (`syncing.py`).
4. After a fork the child is a writer of its own.

Where the spool is full and the server away, what comes is dropped; it is said once on
standard error, and in the record as missing.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from ..async_client import AsyncClient
from ..errors import ClientError
from ..retrying import RetryPolicy
from ..wire.runs import InputWish, OutputWish, Run, RunBatch, RunEnd
from .lasting import run_lasting
from .outbox import Outbox, warn
from .pending import POINTS_MAX, Pending, as_missing
from .reach import RunAddress
from .sending import Verdict, deliver, judge
from .spool import SpoolItem

T = TypeVar("T")

PENDING_POINTS_MAX = 5 * POINTS_MAX
"""Points that wait for the thread; the next ones write the batch themselves."""
HEARTBEATS = 8
"""Signs of life in the time after which a run counts as lost; some may be lost."""
STARTS_MAX = 5
"""Of the loop, if a mistake of ours ends it: what it was is not worse the second time."""
BROKEN_TRIES_MAX = 3
"""Of an item that is not sent for a mistake of ours; then the others come first."""
LOOK_S = 0.5
"""How often whoever waits looks whether the thread is still there."""
TIMEOUT_S = 30.0
"""Silence of the server that is taken for its end. A batch takes milliseconds."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the thread does what it does."""

    flush_s: float = 0.5
    """How often what was logged becomes a batch: what a killed process may lose."""
    retry_s: float = 0.5
    """Before the server is tried again; doubles."""
    retry_s_max: float = 15.0
    """Between tries while the server is away; a restart should be noticed soon."""
    finish_retry_s_max: float = 1.0
    """The same when somebody waits for the end of the run."""
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    """Within one try."""


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
        pace: Pace = Pace(),
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
        self._begin()
        _alive.add(self)

    def renew(self) -> None:
        """Begin again in a forked child, as another writer."""
        self._outbox.leave()
        # The parent ends the run.
        self._is_owner = False
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._start_lock = threading.Lock()
        self._outbox = self._make_outbox()
        self._direct_sequence = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lake: AsyncClient | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._wake: asyncio.Event | None = None
        self._is_woken = False
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

    # What is logged ------------------------------------------------------------------

    def log_point(self, name: str, value: float, step: int | None) -> None:
        """Add one point of a metric."""
        self._here()
        self.pending.add_point(name, value, step)
        if self.pending.is_full:
            self._hurry()

    def log_text(self, text: str) -> None:
        """Add text to the log."""
        self._here()
        self.pending.add_log(text)
        if self.pending.is_full:
            self._hurry()

    def add_missing(self, what: str, reason: str) -> None:
        """Say that something could not be recorded."""
        self._here()
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

    async def declare(
        self,
        lake: AsyncClient,
        *,
        inputs: list[InputWish] | None = None,
        outputs: list[OutputWish] | None = None,
    ) -> None:
        """Declare inputs and outputs at once.

        Raises:
            ClientError: they are refused, or the server is away.
        """
        # A writer beside the other: it does not wait for what is spooled.
        self._direct_sequence += 1
        batch = RunBatch(
            writer=f"{self._outbox.writer}-direct",
            sequence=self._direct_sequence,
            inputs=inputs or [],
            outputs=outputs or [],
        )
        await lake.append_run(self.address.repository, self.address.run, batch)

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

    # -----------------------------------------------------------------------------------

    def _here(self) -> None:
        if self._thread is None:
            self.start()

    def _hurry(self) -> None:
        if self.pending.point_count >= PENDING_POINTS_MAX:
            self._outbox.collect()
        if self._is_woken or self._loop is None or self._wake is None:
            return
        self._is_woken = True
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake.set)

    def _wait_until_sent(self, timeout_s: float) -> bool:
        self._hurry()
        end_s = time.monotonic() + timeout_s
        while not self._outbox.is_drained.wait(
            max(0.0, min(LOOK_S, end_s - time.monotonic()))
        ):
            if time.monotonic() >= end_s or not self._is_alive:
                return False
        return self.gone is None

    # On the thread -------------------------------------------------------------------

    @property
    def _is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        try:
            for _ in range(STARTS_MAX):
                try:
                    run_lasting(self._main())
                    return
                except Exception as error:  # noqa: BLE001 - no training ends for its record
                    self._note_broken(error)
        finally:
            self._ready.set()
            self._outbox.is_drained.set()

    def _note_broken(self, error: Exception) -> None:
        self._outbox.lose(
            "recording", f"it was disturbed: {type(error).__name__}: {error}"
        )

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
            verdict = await self._try(lake, item)
            if verdict != "away":
                failures = 0
                continue
            failures += 1
            if self._closing:
                return
            pace = self._pace
            longest_s = (
                pace.finish_retry_s_max if self._is_finishing else pace.retry_s_max
            )
            await self._sleep(min(longest_s, pace.retry_s * 2 ** min(failures - 1, 8)))

    async def _try(self, lake: AsyncClient, item: SpoolItem) -> Verdict | None:
        address = self.address
        try:
            delivered = await deliver(lake, address.repository, address.run, item)
        except Exception as error:  # noqa: BLE001 - `judge` says what it is
            return self._note_failure(item, error)
        self.is_away = False
        self._broken_tries = 0
        self._heard_s = time.monotonic()
        self.ended = delivered.ended or self.ended
        self._outbox.drop_first()
        for lost in delivered.lost:
            self._outbox.tell("refused", f"not recorded: {lost.reason}")
        return None

    def _note_failure(self, item: SpoolItem, error: Exception) -> Verdict:
        verdict = judge(error)
        self.is_away = verdict in ("away", "broken")
        if isinstance(item, RunEnd) and not self.is_away:
            # Whoever waits for the end explains it.
            self._shut(error)
            return "gone"
        match verdict:
            case "away":
                self._outbox.tell(
                    "away", f"{error}; what is logged waits in '{self._outbox.folder}'"
                )
            case "broken":
                self._broken_tries += 1
                if self._broken_tries < BROKEN_TRIES_MAX or isinstance(item, RunEnd):
                    return "away"
                self._broken_tries = 0
                self._note_broken(error)
                self._outbox.drop_first()
            case _:
                self._note_gone(error)
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
                self._note_gone(error)
            return
        self._heard_s = time.monotonic()

    def _note_gone(self, error: Exception) -> None:
        self._shut(error)
        self._outbox.tell("gone", f"nothing more is recorded: {error}")

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


_alive: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _renew_all() -> None:
    for recorder in list(_alive):
        recorder.renew()


os.register_at_fork(after_in_child=_renew_all)
