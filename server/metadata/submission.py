"""What waits to be written, and how it is answered."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from threading import Condition
from typing import Any, NamedTuple

from ..chunks.index import Frame, StoredFrame
from ..errors import BusyError
from ..ids import Kind
from ..staging.store import Change
from .transaction import SqlTransaction

Action = Callable[[SqlTransaction], Awaitable[Any]]


class Staging(NamedTuple):
    """One change that is to be staged, whatever the branch holds."""

    branch_id: int
    change: Change


class Submission:
    """One write: what it does, its frames, and who waits for it."""

    __slots__ = (
        "action",
        "ensured",
        "error",
        "frames",
        "future",
        "located",
        "loop",
        "result",
        "retried",
        "size_bytes",
        "stored",
    )

    def __init__(
        self,
        action: Action | Staging,
        frames: Sequence[Frame],
        stored: Sequence[StoredFrame],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.action = action
        self.frames = frames
        self.stored = stored
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.size_bytes = sum([len(frame.data) for frame in frames])
        self.located: list[StoredFrame] = []
        """Frames that are durable and that the transaction records."""
        self.ensured: list[tuple[Kind, bytes]] = []
        """Frames that were stored before; the transaction makes sure of them."""
        self.retried = False
        self.result: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        """Answer who waits, on their event loop; they may have gone."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


def answer(submissions: Iterable[Submission]) -> None:
    """Answer `submissions`: one wake-up for each event loop, however many wait."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Submission]] = {}
    for submission in submissions:
        by_loop.setdefault(submission.loop, []).append(submission)
    for loop, waiting in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_settle_all, waiting)


def fail(submissions: Iterable[Submission], error: BaseException) -> None:
    """Give those of `submissions` that have no error yet a copy of `error` each."""
    for submission in submissions:
        if submission.error is None:
            submission.error = _copy_of(error)


def _settle_all(submissions: list[Submission]) -> None:
    for submission in submissions:
        submission.settle()


def _copy_of(error: BaseException) -> BaseException:
    """Return an exception of its own for each waiter: raising one adds to its traceback."""
    try:
        fresh = copy.copy(error)
    except TypeError:
        return error
    fresh.__cause__ = error.__cause__
    return fresh


class GroupQueue:
    """Submissions that wait for the writer, which takes them in groups.

    Those whom one group answered mostly come back together, a moment later. So `take`
    waits a little for as many as there were last time: else two half-sized groups would
    alternate for ever, with twice the fsyncs.
    """

    def __init__(
        self, *, group_count_max: int, group_bytes_max: int, linger_s: float
    ) -> None:
        """Give groups of up to so many submissions and bytes; one at least.

        Args:
            group_count_max: submissions of a group.
            group_bytes_max: bytes of a group, unless one submission is larger.
            linger_s: how long a group waits to become as large as the last one.
        """
        self._waiting: deque[Submission] = deque()
        self._condition = Condition()
        self._group_count_max = group_count_max
        self._group_bytes_max = group_bytes_max
        self._linger_s = linger_s
        self._wanted = 1
        self._last_count = 0
        self._is_closed = False
        self._is_poked = False

    def put(self, submission: Submission) -> None:
        """Add `submission`.

        Raises:
            BusyError: the queue is closed.
        """
        with self._condition:
            if self._is_closed:
                raise BusyError("cannot write: the server is stopping")
            self._waiting.append(submission)
            if len(self._waiting) >= self._wanted:
                self._condition.notify()

    def put_back(self, submissions: list[Submission]) -> None:
        """Add again what `take` gave, before all others; closed or not."""
        with self._condition:
            self._waiting.extendleft(reversed(submissions))

    def poke(self) -> None:
        """Let `take` return once, though with nothing."""
        with self._condition:
            self._is_poked = True
            self._condition.notify()

    def take(self) -> list[Submission] | None:
        """Wait for a group and return it; None when closed and empty."""
        with self._condition:
            self._wait_for(1, None)
            if not self._waiting and not self._is_poked:
                return None
            self._is_poked = False
            if self._last_count > 1:
                self._wait_for(self._last_count, self._linger_s)
            group: list[Submission] = []
            room_bytes = self._group_bytes_max
            while self._waiting and len(group) < self._group_count_max:
                room_bytes -= self._waiting[0].size_bytes
                if room_bytes < 0 and group:
                    break
                group.append(self._waiting.popleft())
            self._last_count = len(group)
            return group

    def close(self) -> None:
        """Take nothing more; `take` gives what is left."""
        with self._condition:
            self._is_closed = True
            self._condition.notify()

    def _wait_for(self, count: int, timeout_s: float | None) -> None:
        """Wait until `count` submissions wait; `put` wakes us only then."""
        self._wanted = count
        self._condition.wait_for(
            lambda: len(self._waiting) >= count or self._is_poked or self._is_closed,
            timeout_s,
        )
        self._wanted = 1
