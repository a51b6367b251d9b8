"""The supervisor: starts the workers of a server, watches them, replaces and stops them.

It binds every address once for each worker and keeps those sockets, so that the death of
a worker takes no connection with it but those that it had accepted. It opens no database
and answers nobody but who asks for figures.

SIGTERM and SIGINT stop all: no more is accepted anywhere, what runs may finish; a second
one cuts that off. SIGHUP lets all workers read the certificate again and begin a new
access log, and then replaces them, one after the other. When nothing comes of starting
workers it says why, and exits with 1.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence

from ..announcing import Notifier, announce, check_metrics, say_failure
from ..arguments import Arguments
from ..serving.listeners import Bound, bind_all
from ..serving.snapshot import Snapshot
from .adoption import adopt
from .figures import FiguresServer
from .messages import CutOff
from .process import Recipe, WorkerProcess
from .slot import LAST_S, Slot
from .tally import Tally

FAILED_STARTS_MAX = 5
"""Workers of one slot in a row that were never ready, after which it is no accident. They
take some seconds; at double, an operator waits twice as long to hear of it."""
_FIGURES_S_MAX = 1.0
"""For the workers to say what they have counted; of one that does not, what it said last
is shown."""


def supervise(
    given: Arguments,
    arguments: Sequence[str],
    key: tuple[str | None, str | None],
    notifier: Notifier,
) -> int:
    """Run a server of several workers until it is told to stop; return the exit code.

    Args:
        given: what `arguments` say.
        arguments: of the server.
        key: the first user's, if the environment has one.
        notifier: hears what state the server is in.

    Raises:
        StartupError: it cannot start; says why and what to do.
    """
    settings = given.settings
    stall_s_max = settings.stall_s_max
    with (
        bind_all(
            settings.listeners(), stall_s_max=stall_s_max, slots=given.workers
        ) as slots,
        bind_all(settings.metrics_listeners(), stall_s_max=stall_s_max) as (metrics,),
    ):
        check_metrics(settings, metrics)
        sockets = tuple(tuple(one.socket.fileno() for one in slot) for slot in slots)
        recipe = Recipe(arguments, sockets, key)

        async def run() -> int:
            return await _Supervisor(given, slots, metrics, recipe, notifier).run()

        return asyncio.run(run())


class _Supervisor:
    """The slots of a server, from their start to their stop."""

    def __init__(
        self,
        given: Arguments,
        bound: Sequence[Sequence[Bound]],
        metrics: Sequence[Bound],
        recipe: Recipe,
        notifier: Notifier,
    ) -> None:
        self._given = given
        self._bound = bound
        self._notifier = notifier
        self._tally = Tally(given.workers)
        settings = given.settings
        last_s_max = settings.parting_s_max + settings.stop_s_max + LAST_S
        self._slots = [
            Slot(
                number,
                recipe,
                self._tally,
                last_s_max=last_s_max,
                on_change=self._note_change,
            )
            for number in range(given.workers)
        ]
        self._figures = FiguresServer(
            settings, metrics, self._read_figures, self._why_not_ready
        )
        self._is_announced = asyncio.Event()
        self._is_over = asyncio.Event()
        """To stop: somebody said so, or there is no sense in going on."""
        self._failure: str | None = None
        self._hurry = asyncio.Event()
        """To cut off what runs."""
        self._reload = asyncio.Event()

    async def run(self) -> int:
        """Serve until told to stop; return the exit code.

        Raises:
            StartupError: the figures cannot be shown.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._read_again)
        await self._figures.open()
        working = asyncio.ensure_future(self._work())
        over = asyncio.ensure_future(self._is_over.wait())
        await asyncio.wait({working, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        self._notifier.tell("STOPPING=1")
        # Ours as well: while one is open, the kernel takes connections for it.
        for slot in self._bound:
            for one in slot:
                one.socket.close()
        working.cancel()
        await asyncio.wait({working})
        await self._end_workers()
        await self._figures.close()
        if not working.cancelled():
            working.result()  # a defect of ours
        if self._failure is not None:
            say_failure(Exception(self._failure))
            return 1
        return 0

    # --- while it runs ------------------------------------------------------------------

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            first, *others = self._slots
            # One alone makes the lake if it is new, and the first user; and if nothing
            # can come of it, one alone says so.
            await self._start(first, group, sets_up=True)
            async with asyncio.TaskGroup() as starting:
                for slot in others:
                    starting.create_task(self._start(slot, group))
            announce(self._given, [*self._bound[0], *self._figures.bound])
            self._is_announced.set()
            self._notifier.tell("READY=1")
            while True:
                await self._reload.wait()
                self._reload.clear()
                for slot in self._slots:
                    if not await slot.replace():
                        break  # the others would fare no better

    async def _start(
        self, slot: Slot, group: asyncio.TaskGroup, *, sets_up: bool = False
    ) -> None:
        """Start the first worker of `slot`, and have it watched."""
        while not await slot.start(sets_up=sets_up):
            if slot.reason_told is not None:
                self._give_up(slot.reason_told)
            self._look_at_failures()
            if self._is_over.is_set():
                return
            await slot.pause()
        group.create_task(slot.keep())

    def _note_change(self) -> None:
        ready = [slot.is_ready for slot in self._slots]
        for slot, others in zip(self._slots, adopt(ready), strict=True):
            slot.accept_for(others)
        self._look_at_failures()

    def _look_at_failures(self) -> None:
        """Give up if nothing comes of starting workers, and nothing else serves."""
        if self._is_announced.is_set() and any(slot.is_ready for slot in self._slots):
            return
        for slot in self._slots:
            if slot.failed_starts >= FAILED_STARTS_MAX:
                self._give_up(
                    f"cannot start worker {slot.number}: it ended "
                    f"{slot.failed_starts} times in a row before it was ready, the last "
                    f"time with: {slot.end}"
                )

    def _give_up(self, reason: str) -> None:
        self._failure = self._failure or reason
        self._is_over.set()

    async def _read_figures(self) -> Snapshot:
        workers = [one for slot in self._slots for one in slot.living if one.was_ready]
        await asyncio.gather(*(one.ask(_FIGURES_S_MAX) for one in workers))
        return self._tally.total(sum(slot.is_ready for slot in self._slots))

    def _why_not_ready(self) -> str | None:
        if self._is_over.is_set():
            return "the server stops"
        if not self._is_announced.is_set():
            return "the server starts"
        if not any(slot.is_ready for slot in self._slots):
            return "no worker is ready: another one is being started"
        return None

    # --- signals ------------------------------------------------------------------------

    def _read_again(self) -> None:
        self._figures.read_again()
        for slot in self._slots:
            slot.read_again()
        self._reload.set()

    def _stop(self) -> None:
        if self._is_over.is_set():
            self._hurry.set()
        self._is_over.set()

    async def _end_workers(self) -> None:
        """Stop all workers: in good order, then not so, then by force."""
        ways: list[tuple[Callable[[WorkerProcess], None], float]] = [
            (
                lambda worker: worker.send_signal(signal.SIGTERM),
                self._given.settings.stop_s_max + LAST_S,
            ),
            (lambda worker: worker.tell(CutOff()), LAST_S),
            (lambda worker: worker.send_signal(signal.SIGKILL), LAST_S),
        ]
        for end, wait_s in ways:
            living = [worker for slot in self._slots for worker in slot.living]
            for worker in living:
                end(worker)
            ended = asyncio.ensure_future(_wait_for_all(living))
            hurried = asyncio.ensure_future(self._hurry.wait())
            await asyncio.wait(
                {ended, hurried},
                timeout=wait_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            hurried.cancel()
            self._hurry.clear()
            if ended.done():
                return
            ended.cancel()


async def _wait_for_all(workers: Sequence[WorkerProcess]) -> None:
    for worker in workers:
        await worker.gone.wait()
