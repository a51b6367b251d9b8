"""What a run has running beside the program: a thread that brings what was logged to the server.

    log_point ... -> Pending -> (every half second, as numbered batches) -> Spool -> server

1. Nothing that is logged waits for the network, and nothing raises because of it.
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
import secrets
import sys
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from ..async_client import AsyncClient
from ..errors import ClientError
from ..retrying import RetryPolicy
from ..wire.runs import InputWish, Missing, OutputWish, Run, RunBatch, RunEnd
from .pending import POINTS_MAX, Pending
from .reach import RunAddress
from .sending import Verdict, judge, send
from .spool import Spool, SpooledFile, SpoolFullError, SpoolHead, SpoolItem

T = TypeVar("T")

PENDING_POINTS_MAX = 5 * POINTS_MAX
"""Points that wait for the thread; the next ones write the batch themselves."""
HEARTBEATS = 8
"""Signs of life in the time after which a run counts as lost; some may be lost."""
TIMEOUT_S = 30.0
"""Silence of the server that is taken for its end. A batch takes milliseconds."""
KEPT_BYTES_MAX = 1 << 30
"""Of one file that is kept with a run."""


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


def warn(text: str) -> None:
    """Tell whoever started the program, once something matters that they cannot see."""
    with suppress(Exception):
        print(f"lakebed: {text}", file=sys.stderr, flush=True)  # noqa: T201


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
        self._saved_server = saved_server or address.server
        self._warn = warn
        self._pace = pace
        self._begin()
        _alive.add(self)

    def renew(self) -> None:
        """Begin again in a forked child, as another writer."""
        if self._spool is not None:
            self._spool.leave()
        # The parent ends the run.
        self._is_owner = False
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._start_lock = threading.Lock()
        self.writer = secrets.token_hex(8)
        self.pending = Pending()
        self._spool_lock = threading.Lock()
        self._spool: Spool | None = None
        self._sequence = 0
        self._direct_sequence = 0
        self._kept = 0
        self._dropped = 0
        self._why_dropped = ""
        self._told: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lake: AsyncClient | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._drained = threading.Event()
        self._wake: asyncio.Event | None = None
        self._is_woken = False
        self._closing = False
        self._is_finishing = False
        self._heard_s = time.monotonic()
        self.is_away = False
        """Whether the last try to reach the server failed."""
        self.gone: ClientError | None = None
        """Why the server takes nothing any more of this run."""
        self.ended: Run | None = None

    def start(self) -> None:
        """Start the thread and make the spool; again is nothing."""
        with self._start_lock:
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        head = SpoolHead(
            server=self._saved_server,
            repository=self.address.repository,
            run=self.address.run,
            writer=self.writer,
            access_key_id=self.address.access_key_id,
            secret_access_key=self.address.secret_access_key,
            pid=self._pid,
            started_ms=time.time_ns() // 1_000_000,
        )
        self._spool = Spool.create(head)
        # A daemon: a program that does not end its run must still be able to end.
        thread = threading.Thread(
            target=self._run, name="lakebed-recorder", daemon=True
        )
        thread.start()
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
        self.pending.add_missing(Missing(what=what, reason=reason))

    def keep(self, name: str, content: bytes) -> None:
        """Keep `content` with the run under `name`; the thread sends it.

        Raises:
            ValueError: it is too large.
        """
        self._here()
        if len(content) > KEPT_BYTES_MAX:
            raise ValueError(
                f"cannot keep '{name}': {len(content) >> 20} MiB, over "
                f"{KEPT_BYTES_MAX >> 20}; make it an output"
            )
        self._collect()
        with self._spool_lock:
            assert self._spool is not None
            self._kept += 1
            try:
                path = self._spool.save(content, self._kept)
                self._spool.append(SpooledFile(name=name, path=path))
            except (OSError, SpoolFullError) as error:
                reason = f"cannot be kept on the way to the server: {error}"
                self.pending.add_missing(Missing(what=name, reason=reason))
                self._tell("keep", f"'{name}' is not kept with the run: {error}")
        self._hurry()

    # Requests that somebody waits for -----------------------------------------------

    def call(self, ask: Callable[[AsyncClient], Awaitable[T]]) -> Future[T]:
        """Run `ask` with the client of the run's key, on the thread."""
        self._here()
        assert self._loop is not None

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
            writer=f"{self.writer}-direct",
            sequence=self._direct_sequence,
            inputs=inputs or [],
            outputs=outputs or [],
        )
        await lake.append_run(self.address.repository, self.address.run, batch)

    # The end -------------------------------------------------------------------------

    def flush(self, timeout_s: float) -> bool:
        """Wait until the server has all that was logged; tell whether it has."""
        self._here()
        self._collect()
        return self._wait_until_sent(timeout_s)

    def finish(self, end: RunEnd, *, timeout_s: float) -> Run | None:
        """End the run after all that was logged; None: the server has not heard of it.

        Raises:
            ClientError: the server has, and does not take it.
        """
        self._here()
        self._collect()
        if self._dropped:
            reason = f"{self._dropped:,} batches were dropped: {self._why_dropped}"
            missing = [*end.missing, Missing(what="metrics", reason=reason)]
            end = RunEnd(
                status=end.status,
                exit_code=end.exit_code,
                ended_ms=end.ended_ms,
                message=end.message,
                missing=missing,
            )
        self._is_finishing = True
        self._put(end)
        self._wait_until_sent(timeout_s)
        if self.gone is not None:
            raise self.gone
        return self.ended

    def close(self, *, timeout_s: float = 5.0) -> None:
        """End the thread; what was not sent stays in the spool."""
        if self._pid != os.getpid() or self._thread is None or self._closing:
            return
        with suppress(Exception):
            self._collect()
        self._closing = True
        self._hurry()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return  # it may be in the middle of writing: the file is its own
        with self._spool_lock:
            if self._spool is None:
                return
            if len(self._spool) or self.gone is not None:
                self._spool.leave()
            else:
                self._spool.remove()

    @property
    def waiting_count(self) -> int:
        """Items that the server does not have."""
        with self._spool_lock:
            return len(self._spool) if self._spool is not None else 0

    # -----------------------------------------------------------------------------------

    def _here(self) -> None:
        if self._thread is None:
            self.start()

    def _hurry(self) -> None:
        if self.pending.point_count >= PENDING_POINTS_MAX:
            self._collect()
        if self._is_woken or self._loop is None or self._wake is None:
            return
        self._is_woken = True
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake.set)

    def _collect(self) -> None:
        """Write what was logged into the spool."""
        with self._spool_lock:
            batches = self.pending.take(self.writer, self._sequence + 1)
            for batch in batches:
                self._sequence = batch.sequence
                self._append(batch)
            if batches:
                self._drained.clear()

    def _put(self, item: SpoolItem) -> None:
        with self._spool_lock:
            self._append(item)
            self._drained.clear()

    def _append(self, item: SpoolItem) -> None:
        if self._spool is None or self.gone is not None:
            return
        try:
            self._spool.append(item)
        except SpoolFullError:
            self._dropped += 1
            path, failure = self._spool.path, self._spool.failure
            self._why_dropped = (
                f"the server was away, and '{path}' cannot be written: {failure}"
            )
            self._tell("full", f"points are lost: {self._why_dropped}")

    def _wait_until_sent(self, timeout_s: float) -> bool:
        self._hurry()
        return self._drained.wait(timeout_s) and self.gone is None

    def _tell(self, kind: str, text: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._warn(f"run {self.address.run[:12]}: {text}")

    # On the thread -------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:  # noqa: BLE001 - a program must not end with its record
            self._tell("broken", f"recording stopped: {error}")
        finally:
            self._ready.set()
            self._drained.set()

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

    async def _keep_collecting(self) -> None:
        while True:
            await asyncio.sleep(self._pace.flush_s)
            self._collect()
            if self._wake is not None and not self.is_away:
                self._wake.set()

    async def _keep_sending(self, lake: AsyncClient) -> None:
        failures = 0
        while True:
            with self._spool_lock:
                assert self._spool is not None
                item = self._spool.first() if self.gone is None else None
                if item is None:
                    self._drained.set()
            if item is None and self._closing:
                return
            if item is None:
                await self._beat(lake)
                await self._sleep(self._heartbeat_s)
                self._collect()
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
            ended = await send(lake, address.repository, address.run, item)
        except Exception as error:  # noqa: BLE001 - `judge` raises what it does not know
            return self._note_failure(item, error)
        self.is_away = False
        self._heard_s = time.monotonic()
        self.ended = ended or self.ended
        with self._spool_lock:
            assert self._spool is not None
            self._spool.drop_first()
        return None

    def _note_failure(self, item: SpoolItem, error: Exception) -> Verdict:
        verdict = judge(error)
        self.is_away = verdict == "away"
        if isinstance(item, RunEnd) and not self.is_away:
            # Whoever waits for the end explains it.
            self.gone = error if isinstance(error, ClientError) else None
            return "gone"
        match verdict:
            case "away":
                self._tell(
                    "away", f"{error}; what is logged waits in '{self._place()}'"
                )
            case "refused":
                self._tell("refused", f"not recorded: {error}")
                what = "files" if isinstance(item, SpooledFile) else "metrics"
                with self._spool_lock:
                    assert self._spool is not None
                    self._spool.drop_first()
                self.pending.add_missing(Missing(what=what, reason=str(error)))
            case "gone":
                self._note_gone(error)
        return verdict

    def _place(self) -> str:
        return str(self._spool.path.parent) if self._spool is not None else ""

    async def _beat(self, lake: AsyncClient) -> None:
        """Say that the run goes on, if nothing else has."""
        if not self._is_owner or self.gone is not None or self.ended is not None:
            return
        if time.monotonic() - self._heard_s < self._heartbeat_s / 2:
            return
        with self._spool_lock:
            self._sequence += 1
            batch = RunBatch(writer=self.writer, sequence=self._sequence)
        try:
            await lake.append_run(self.address.repository, self.address.run, batch)
        except Exception as error:  # noqa: BLE001 - as above
            if judge(error) == "gone":
                self._note_gone(error)
            return
        self._heard_s = time.monotonic()

    def _note_gone(self, error: Exception) -> None:
        self.gone = error if isinstance(error, ClientError) else ClientError(str(error))
        self._tell("gone", f"nothing more is recorded: {error}")

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
