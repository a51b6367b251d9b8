"""An event loop in a thread that works until the process is gone.

Python ends its thread pools, and makes no new threads, before it calls what is registered
with `atexit`: what a loop then hands to a pool (names of hosts, files) would fail. Here it
is done in the thread of the loop itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

THREADS_MAX = 2
"""The thread of a run sends one thing after the other."""


class LastingExecutor(ThreadPoolExecutor):
    """A pool that does the work at once when its threads have been ended."""

    def submit(
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Return the future of a call."""
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:  # the interpreter shuts down
            future: Future[T] = Future()
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 - it is the caller's
                future.set_exception(error)
            return future


def run_lasting(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` on a loop of this thread, as `asyncio.run` does, also at the very end.

    `asyncio.run` would start a thread to end its pool.
    """
    loop = asyncio.new_event_loop()
    loop.set_default_executor(LastingExecutor(THREADS_MAX, "lakebed-recorder-pool"))
    try:
        loop.run_until_complete(main)
    finally:
        with suppress(Exception):
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
