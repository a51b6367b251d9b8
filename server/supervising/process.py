"""The process of one worker, as its supervisor sees it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.msgpack import Decoder

from ..arguments import KEY_ID_VARIABLE, SECRET_VARIABLE
from .messages import (
    AcceptFor,
    AskFigures,
    Channel,
    Failed,
    Figures,
    Leaving,
    News,
    Order,
    Ready,
)
from .place import Place

log = logging.getLogger(__name__)

ASK_S = 2.0
"""Between two times that figures are asked for: what a kill loses of them at most."""
UNANSWERED_MAX = 30
"""Questions in a row without an answer after which a worker is killed: a minute in which
its event loop did not turn once, so that it answers nobody. Counted, not timed, so that a
machine that has slept does not find all its workers dead."""
_MODULE = "lakebed.server.supervising.worker"
_NEWS: Decoder[News] = Decoder(News)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What every worker is started with."""

    arguments: Sequence[str]
    """Of the server."""
    sockets: tuple[tuple[int, ...], ...]
    """Of each slot; the supervisor's own descriptors."""
    key: tuple[str | None, str | None]
    """The first user's, from the environment."""


class WorkerProcess:
    """One process, from its start to its end."""

    def __init__(
        self,
        slot: int,
        process: asyncio.subprocess.Process,
        channel: Channel[News],
        on_change: Callable[[WorkerProcess], None],
        on_figures: Callable[[WorkerProcess, Figures], None],
    ) -> None:
        """Use `start` instead."""
        self.slot = slot
        self.pid = process.pid
        self.is_ready = False
        """It accepts now."""
        self.was_ready = False
        self.failure: str | None = None
        """Why it could not serve, in its own words."""
        self.settled = asyncio.Event()
        """It is ready, or never will be."""
        self.left = asyncio.Event()
        """It accepts no more, or never did."""
        self.gone = asyncio.Event()
        """It has ended."""
        self._process = process
        self._channel = channel
        self._on_change = on_change
        self._on_figures = on_figures
        self._accepts_for: tuple[int, ...] = ()
        self._asked = self._answered = 0
        self._answer_comes = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._ready_since_s = 0.0
        self._life = asyncio.ensure_future(self._live())
        self._asking = asyncio.ensure_future(self._keep_asking())

    @classmethod
    async def start(
        cls,
        slot: int,
        recipe: Recipe,
        *,
        sets_up: bool,
        on_change: Callable[[WorkerProcess], None],
        on_figures: Callable[[WorkerProcess, Figures], None],
    ) -> WorkerProcess:
        """Start a worker of `slot`.

        Args:
            slot: its number.
            recipe: what every worker is started with.
            sets_up: it makes the first user, or says how to.
            on_change: told when it has become ready, accepts no more, or has ended.
            on_figures: told what it has counted, from time to time.

        Raises:
            OSError: the machine has no room for another process.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            place = Place(slot, theirs.fileno(), recipe.sockets, sets_up)
            inherited = [theirs.fileno()]
            inherited += [handle for handles in recipe.sockets for handle in handles]
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    _MODULE,
                    msgspec.json.encode(place).decode(),
                    *recipe.arguments,
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=inherited,
                    env=_environment(recipe.key if sets_up else (None, None)),
                    # Ctrl-C in a terminal reaches the supervisor alone, which then
                    # stops all of them in good order.
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        ours.setblocking(False)
        channel = await Channel[News].open(_NEWS, ours)
        return cls(slot, process, channel, on_change, on_figures)

    @property
    def served_s(self) -> float:
        """How long it has been ready."""
        return self._clock() - self._ready_since_s if self.was_ready else 0.0

    @property
    def end(self) -> str:
        """What it ended of, for people."""
        if self.failure is not None:
            return self.failure
        code = self._process.returncode
        if code is None:
            return "it was told to stop"
        if code >= 0:
            return f"exit code {code}"
        try:
            return f"signal {-code} ({signal.Signals(-code).name})"
        except ValueError:
            return f"signal {-code}"

    def tell(self, order: Order) -> None:
        """Say something to it."""
        self._channel.send(order)

    def accept_for(self, slots: tuple[int, ...]) -> None:
        """Let it accept for `slots` beside its own, and for no others."""
        if slots != self._accepts_for:
            self._accepts_for = slots
            self.tell(AcceptFor(slots))

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def ask(self, timeout_s: float) -> None:
        """Ask for figures, and wait until they are here, or for `timeout_s`."""
        self._asked += 1
        number = self._asked
        self.tell(AskFigures(number))
        try:
            async with asyncio.timeout(timeout_s):
                while self._answered < number and not self.gone.is_set():
                    await self._answer_comes.wait()
        except TimeoutError:
            log.warning("a worker does not say its figures", extra=self.fields())

    def fields(self) -> dict[str, object]:
        """Return what a line of the log says of it."""
        return {"worker": self.slot, "worker_pid": self.pid}

    async def _live(self) -> None:
        async for news in self._channel.messages():
            match news:
                case Ready():
                    self.is_ready = self.was_ready = True
                    self._ready_since_s = self._clock()
                    self.settled.set()
                    self._on_change(self)
                case Leaving():
                    self.is_ready = False
                    self.left.set()
                    self._on_change(self)
                case Failed(reason):
                    self.failure = reason
                case Figures(number):
                    self._answered = max(self._answered, number)
                    self._on_figures(self, news)
                    self._answer_comes.set()
                    self._answer_comes = asyncio.Event()
        await self._channel.close()  # a worker that made no sense stops for it
        await self._process.wait()
        self._asking.cancel()
        self.is_ready = False
        for event in (self.left, self.gone, self.settled, self._answer_comes):
            event.set()
        self._on_change(self)

    async def _keep_asking(self) -> None:
        await self.settled.wait()
        while True:
            await asyncio.sleep(ASK_S)
            if self._asked - self._answered >= UNANSWERED_MAX:
                log.error("a worker hangs, and is killed", extra=self.fields())
                self.send_signal(signal.SIGKILL)
                return
            self._asked += 1
            self.tell(AskFigures(self._asked))


def _environment(key: tuple[str | None, str | None]) -> dict[str, str]:
    given = dict(zip((KEY_ID_VARIABLE, SECRET_VARIABLE), key, strict=True))
    return {
        **os.environ,
        **{name: value for name, value in given.items() if value is not None},
    }
