"""How many large bodies are taken in at one time, over all protocols of a process.

Each holds memory while it is cut and hashed, so the others wait, and when too many wait
the next is told to come again: before its body is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ..errors import BusyError


class Streams:
    """Bounds the large bodies that are taken in at one time."""

    def __init__(self, running_max: int, waiting_max: int) -> None:
        """Let `running_max` run and `waiting_max` wait; refuse what comes on top."""
        self._turns = asyncio.Semaphore(running_max)
        self.waiting_count = 0
        self.running_count = 0
        self._waiting_max = waiting_max

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for a turn, and hold it.

        Raises:
            BusyError: too many wait already.
        """
        if self._turns.locked() and self.waiting_count >= self._waiting_max:
            raise BusyError("too many uploads at once: please reduce your request rate")
        self.waiting_count += 1
        try:
            await self._turns.acquire()
        finally:
            self.waiting_count -= 1
        self.running_count += 1
        try:
            yield
        finally:
            self.running_count -= 1
            self._turns.release()
