"""Runs actions to their end without an event loop.

The methods of a transaction are async for the sake of databases across a network; here
they never suspend. So a thread runs an action by sending into it once: what does
suspend waits for something else than its transaction, while it holds a lock that every
writer needs, and is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


def drive(action: Awaitable[T]) -> T:
    """Run `action` to its end and return its result.

    Raises:
        RuntimeError: it awaited something other than its transaction.
    """
    steps = action.__await__()
    try:
        next(steps)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    close = getattr(steps, "close", None)
    if close is not None:
        close()
    raise RuntimeError("an action awaited something other than its transaction")
