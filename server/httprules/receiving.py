"""How long a body is waited for: a client that stalls, or drips, holds nothing for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Self, TypeVar

from ..errors import BodyStalledError
from ..settings import Settings

_Read = TypeVar("_Read")


class Patience:
    """Waits for what comes of one body, as long as it comes fast enough.

    What counts is the time of waiting for the client, not what the server makes it wait
    for, and only a whole step of bytes is progress.
    """

    def __init__(self, step_bytes: int, step_s_max: float) -> None:
        """Wait up to `step_s_max` for each `step_bytes`."""
        self._step_bytes = step_bytes
        self._step_s_max = step_s_max
        self._left_s = step_s_max
        self._taken_bytes = 0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the patience that a server has."""
        return cls(settings.body_step_bytes, settings.body_step_s_max)

    async def wait(self, reading: Awaitable[_Read]) -> _Read:
        """Return what `reading` gives, bytes of the body for instance.

        Raises:
            BodyStalledError: nothing comes, or not enough.
        """
        loop = asyncio.get_running_loop()
        before_s = loop.time()
        try:
            async with asyncio.timeout(self._left_s):
                read = await reading
        except TimeoutError:
            raise BodyStalledError(self._step_bytes, self._step_s_max) from None
        self._left_s -= loop.time() - before_s
        if isinstance(read, bytes | bytearray):
            self._taken_bytes += len(read)
            if self._taken_bytes >= self._step_bytes:
                self._taken_bytes = 0
                self._left_s = self._step_s_max
        return read
