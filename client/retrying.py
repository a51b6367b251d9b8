"""When to ask again, and how long to wait first.

A request is sent again only where that cannot do anything twice:

- the connection was refused: the server never saw the request;
- the server said that it is busy: it did nothing;
- the answer was lost, and the request is repeatable: it reads, puts what is there
  already, or carries an idempotency key.

Waits double, up to a limit, and each is a random part of that ("full jitter"), so that
clients that were cut off together do not come back together. Source: Brooker,
"Exponential Backoff and Jitter".
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how long to wait in between."""

    attempts_max: int = 5
    """With the waits below a server may be away for about two seconds, long enough for
    a restart; a command against a server that is not there fails within those."""
    first_delay_s: float = 0.1
    delay_s_max: float = 2.0
    random: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def wait(self, attempt: int, *, asked_s: float = 0.0) -> None:
        """Wait before trying again after `attempt`, which counts from 1.

        `asked_s` is the server's Retry-After; we wait no shorter, up to the limit.
        """
        ceiling = min(self.delay_s_max, self.first_delay_s * 2 ** (attempt - 1))
        delay = ceiling * self.random()
        await self.sleep(max(delay, min(asked_s, self.delay_s_max)))


NO_RETRIES = RetryPolicy(attempts_max=1)
