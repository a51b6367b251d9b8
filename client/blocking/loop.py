"""An event loop in a thread of its own, for callers who have none."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Generator
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_LOOK_S = 0.2
"""How often whoever waits looks whether they were interrupted: a signal that comes just
before the waiting begins wakes nobody, and would wait with them."""

ROWS_AT_ONCE = 100
"""Of a listing. Changing threads costs as much as ten rows; the tenth part of a page is
nothing that anyone waits for."""


class LoopThread:
    """Runs coroutines for any number of threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon, so that a client that nobody closed does not hold the program.
        self.thread = threading.Thread(
            target=self._loop.run_forever, name="lakebed-client", daemon=True
        )
        self.thread.start()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._loop.is_closed()

    def run(
        self, coroutine: Coroutine[Any, Any, T], *, timeout_s: float | None = None
    ) -> T:
        """Run `coroutine` to its end and return its result.

        If waiting for it is interrupted (Ctrl-C), or takes too long, it is cancelled.
        """
        if self._loop.is_closed():
            coroutine.close()
            raise RuntimeError("the client is closed")
        if threading.current_thread() is self.thread:
            coroutine.close()
            raise RuntimeError(
                "a callback or body of an upload cannot ask the client that runs it"
            )
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return wait_for(future, timeout_s)
        except BaseException:
            future.cancel()
            raise

    def iterate(
        self, source: AsyncIterator[T], *, at_once: int = ROWS_AT_ONCE
    ) -> Generator[T]:
        """Yield what `source` yields; it is closed when the caller stops.

        Up to `at_once` items are taken with one change of threads.
        """

        async def step() -> tuple[list[T], BaseException | None]:
            items: list[T] = []
            try:
                while len(items) < at_once:
                    items.append(await anext(source))
            except (StopAsyncIteration, Exception) as end:  # noqa: BLE001 - raised later
                # What came before it is given first.
                return items, end
            return items, None

        async def close() -> None:
            aclose = getattr(source, "aclose", None)
            if aclose is not None:
                await aclose()

        try:
            end: BaseException | None = None
            while end is None:
                items, end = self.run(step())
                yield from items
            if not isinstance(end, StopAsyncIteration):
                raise end
        finally:
            if not self._loop.is_closed():
                self.run(close())

    def mute(self) -> None:
        """Keep the loop from complaining: it was left behind in another process."""
        self._loop.set_exception_handler(lambda loop, context: None)

    def close(self) -> None:
        """Stop the loop and end the thread; again is nothing."""
        if self._loop.is_closed():
            return
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.thread.join()
        self._loop.close()


def wait_for(future: Future[T], timeout_s: float | None = None) -> T:
    """Return the result of `future`; Ctrl-C ends the waiting.

    Raises:
        TimeoutError: it takes longer than `timeout_s`, or ended so itself.
    """
    end_s = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left_s = _LOOK_S if end_s is None else min(_LOOK_S, end_s - time.monotonic())
        try:
            return future.result(max(left_s, 0))
        except TimeoutError:
            if future.done():
                return future.result()
            if left_s <= 0:
                raise
