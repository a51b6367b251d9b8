"""One place of a server, in which there is always to be a worker.

The worker that is there is watched: when it accepts no more, for whatever reason, another
one is started, at once after a single death and later and later after several in a row.
It can also be replaced: the new one is ready before the old one parts.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from .backoff import Backoff
from .messages import Figures, Part, ReadAgain
from .process import Recipe, WorkerProcess
from .tally import Tally

log = logging.getLogger(__name__)

LAST_S = 15.0
"""Time, beside that which its requests have, for a worker to close all and end: to seal
its packs and to write its log. Then it is killed."""


class Slot:
    """The place `number` of a server."""

    def __init__(
        self,
        number: int,
        recipe: Recipe,
        tally: Tally,
        *,
        last_s_max: float,
        on_change: Callable[[], None],
    ) -> None:
        """Start no worker yet.

        Args:
            number: from 0 up.
            recipe: what workers are started with.
            tally: where they are counted.
            last_s_max: time that a worker has to end once it accepts no more.
            on_change: told when the slot has a worker that accepts, or has no more.
        """
        self.number = number
        self._recipe = recipe
        self._tally = tally
        self._last_s_max = last_s_max
        self._on_change = on_change
        self._backoff = Backoff()
        self._current: WorkerProcess | None = None
        self._turn = asyncio.Lock()
        """Held by whoever starts a worker here."""
        self._living: set[WorkerProcess] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self.failed_starts = 0
        """Workers in a row that were never ready."""
        self.end = ""
        """What the last of them ended of."""

    @property
    def is_ready(self) -> bool:
        """Whether a worker accepts here."""
        return self._current is not None and self._current.is_ready

    @property
    def living(self) -> frozenset[WorkerProcess]:
        """All processes that have not ended."""
        return frozenset(self._living)

    @property
    def reason_told(self) -> str | None:
        """Why the worker cannot serve, if it has said so itself."""
        return None if self._current is None else self._current.failure

    def accept_for(self, others: tuple[int, ...]) -> None:
        """Let the worker accept for the slots `others` too, and for no more."""
        if self._current is not None and self._current.is_ready:
            self._current.accept_for(others)

    async def start(self, *, sets_up: bool = False) -> bool:
        """Start a worker in the empty slot; tell, as soon as it shows, whether it serves.

        Args:
            sets_up: it makes the first user, or says how to.
        """
        async with self._turn:
            return await self._launch_here(sets_up=sets_up)

    async def pause(self) -> None:
        """Wait before the next start, for the longer, the more there were."""
        await asyncio.sleep(self._note_end(self._current))

    async def keep(self) -> None:
        """Have a worker here, for ever."""
        while True:
            worker = self._current
            if worker is not None:
                await worker.left.wait()
            async with self._turn:
                if self._current is not worker:
                    continue  # it was replaced meanwhile
                await asyncio.sleep(self._note_end(worker))
                if await self._launch_here():
                    self._tally.note_restart(self.number, "died")

    async def replace(self) -> bool:
        """Put a new worker in place of the one that is here; tell whether it came to be.

        The old one accepts until the new one does, and then lets each client go. Returns
        when it has ended.
        """
        async with self._turn:
            old = self._current
            try:
                worker = await self._launch()
            except OSError as error:
                log.error("cannot replace a worker", extra={"error": str(error)})
                return False
            await worker.settled.wait()
            if not worker.was_ready:
                log.error(
                    "cannot replace a worker: it goes on",
                    extra={**worker.fields(), "reason": worker.end},
                )
                return False
            self._current = worker
            self._tally.note_restart(self.number, "replaced")
        self._on_change()
        if old is not None:
            old.tell(Part())
            await old.gone.wait()
        return True

    def read_again(self) -> None:
        """Let the workers read the certificate again, and begin a new access log."""
        for worker in self._living:
            worker.tell(ReadAgain())

    async def _launch_here(self, *, sets_up: bool = False) -> bool:
        """Start a worker in the place that is free; tell whether it serves."""
        try:
            worker = self._current = await self._launch(sets_up=sets_up)
        except OSError as error:
            self._current = None
            self.end = f"cannot start a process: {error}"
        else:
            await worker.settled.wait()
            if worker.was_ready:
                self.failed_starts = 0
                return True
            self.end = worker.end
        self.failed_starts += 1
        self._on_change()
        return False

    async def _launch(self, *, sets_up: bool = False) -> WorkerProcess:
        worker = await WorkerProcess.start(
            self.number,
            self._recipe,
            sets_up=sets_up,
            on_change=self._note_change,
            on_figures=self._note_figures,
        )
        self._living.add(worker)
        return worker

    def _note_figures(self, worker: WorkerProcess, figures: Figures) -> None:
        self._tally.note(self.number, worker.pid, figures)

    def _note_change(self, worker: WorkerProcess) -> None:
        if worker.gone.is_set():
            self._living.discard(worker)
            self._tally.bury(worker.pid)
        elif worker.left.is_set():
            task = asyncio.ensure_future(self._see_off(worker))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        self._on_change()

    async def _see_off(self, worker: WorkerProcess) -> None:
        """Kill a worker that does not come to its end."""
        try:
            async with asyncio.timeout(self._last_s_max):
                await worker.gone.wait()
        except TimeoutError:
            log.error("a worker does not end, and is killed", extra=worker.fields())
            worker.send_signal(signal.SIGKILL)

    def _note_end(self, worker: WorkerProcess | None) -> float:
        """Log what became of a worker; return how long to wait before the next."""
        served_s = 0.0 if worker is None else worker.served_s
        wait_s = self._backoff.next_s(served_s)
        log.error(
            "a worker is gone: another one is started",
            extra={
                **({} if worker is None else worker.fields()),
                "reason": self.end if worker is None else worker.end,
                "served_s": round(served_s, 1),
                "wait_s": round(wait_s, 2),
            },
        )
        return wait_s
