"""How long a body is waited for: a client that stalls, or drips, holds nothing for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Self, TypeVar, cast

from aiohttp import web

from ..errors import BodyStalledError, BusyError
from ..serving.connection import Connection
from ..settings import Settings

_Read = TypeVar("_Read")


class Patience:
    """Waits for what comes of one body, as long as it comes fast enough.

    What counts is the time of waiting for the client, not what the server makes it wait
    for, and only a whole step of bytes is progress. When there is no more room for
    requests, who waits may have to give way (`serving/giving_way.py`).
    """

    def __init__(
        self, connection: Connection, step_bytes: int, step_s_max: float
    ) -> None:
        """Wait up to `step_s_max` for each `step_bytes` that come by `connection`."""
        self._connection = connection
        self._waiting: asyncio.Timeout | None = None
        self._gives_way = False
        self.waiting_since_s: float | None = None
        """Loop time from which on it has waited for this step, without what the server
        made the client wait for."""
        self._step_bytes = step_bytes
        self._step_s_max = step_s_max
        self._left_s = step_s_max
        self._taken_bytes = 0

    @classmethod
    def of(cls, settings: Settings, request: web.BaseRequest) -> Self:
        """Return the patience that a server has with the body of `request`."""
        connection = cast("Connection", request.protocol)
        return cls(connection, settings.body_step_bytes, settings.body_step_s_max)

    def give_way(self) -> None:
        """Let whoever waits be told that there is no more room."""
        self.waiting_since_s = None
        if self._waiting is not None and not self._waiting.expired():
            self._gives_way = True
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def wait(self, reading: Awaitable[_Read]) -> _Read:
        """Return what `reading` gives, bytes of the body for instance.

        Raises:
            BodyStalledError: nothing comes, or not enough.
            BusyError: it comes slowly, and there is no more room for that.
        """
        loop = asyncio.get_running_loop()
        before_s = loop.time()
        self.waiting_since_s = before_s - (self._step_s_max - self._left_s)
        self._connection.note_reading(self)
        try:
            async with asyncio.timeout(self._left_s) as self._waiting:
                read = await reading
        except TimeoutError:
            if self._gives_way:
                raise BusyError(
                    "too many requests at once, and the body of this one comes slowly: "
                    "please reduce your request rate"
                ) from None
            raise BodyStalledError(self._step_bytes, self._step_s_max) from None
        finally:
            self._connection.note_reading(None)
            self._waiting = self.waiting_since_s = None
        self._left_s -= loop.time() - before_s
        if isinstance(read, bytes | bytearray):
            self._taken_bytes += len(read)
            if self._taken_bytes >= self._step_bytes:
                self._taken_bytes = 0
                self._left_s = self._step_s_max
        return read
