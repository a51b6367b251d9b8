"""How many large bodies are taken in at one time, over all protocols of a process.

Each holds memory while it is cut and hashed, so the others wait, and when too many wait
the next is told to come again: before its body is read. While others wait, a body that
comes too slowly gives way to them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

from aiohttp import web

from ..errors import BusyError
from ..serving.connection import Connection
from ..serving.giving_way import Places

_LOOK_S = 0.25
"""Between two looks for bodies that should give way, while others wait: often enough for
those, and next to nothing of work."""


class Streams:
    """Bounds the large bodies that are taken in at one time."""

    def __init__(self, running_max: int, waiting_max: int, *, grace_s: float) -> None:
        """Let `running_max` run and `waiting_max` wait; refuse what comes on top.

        Args:
            running_max: bodies that are taken in at one time.
            waiting_max: requests that wait for that.
            grace_s: a body that is waited for for less than this need not give way.
        """
        self._turns = asyncio.Semaphore(running_max)
        self.places = Places(grace_s)
        self._clients: set[Connection] = set()
        """Those whose bodies are taken in."""
        self._look: asyncio.TimerHandle | None = None
        self.waiting_count = 0
        self.running_count = 0
        self._waiting_max = waiting_max

    @asynccontextmanager
    async def turn(
        self, request: web.BaseRequest | None = None
    ) -> AsyncGenerator[None]:
        """Wait for a turn, and hold it.

        Args:
            request: whose body is taken in; None: the bytes come from the lake.

        Raises:
            BusyError: too many wait already.
        """
        if self._turns.locked() and self.waiting_count >= self._waiting_max:
            raise BusyError("too many uploads at once: please reduce your request rate")
        self.waiting_count += 1
        self._look_soon()
        try:
            await self._turns.acquire()
        finally:
            self.waiting_count -= 1
        self.running_count += 1
        client = None if request is None else cast("Connection", request.protocol)
        if client is not None:
            self._clients.add(client)
        try:
            yield
        finally:
            if client is not None:
                self._clients.discard(client)
            self.running_count -= 1
            self._turns.release()

    def _look_soon(self) -> None:
        if self._look is None and self._turns.locked():
            loop = asyncio.get_running_loop()
            self._look = loop.call_later(_LOOK_S, self._make_room)

    def _make_room(self) -> None:
        """Let as many give way as others wait, if they are slow."""
        self._look = None
        now_s = asyncio.get_running_loop().time()
        for _ in range(self.waiting_count):
            if not self.places.make_room(self._clients, now_s):
                break
        if self.waiting_count:
            self._look_soon()
