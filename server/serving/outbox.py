"""What is answered in one turn of the event loop, sent together at its end.

Handing bytes to the kernel wakes whoever waits for them, which costs the more the later
the next of them come.
"""

from __future__ import annotations

import asyncio
from typing import cast


class Outbox:
    """What the connections of one event loop are to be sent at the end of its turn."""

    __slots__ = ("_call_soon", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send at the ends of the turns of `loop`."""
        self._call_soon = loop.call_soon
        self._waiting: dict[asyncio.BaseTransport, bytes] = {}

    def __contains__(self, transport: asyncio.BaseTransport | None) -> bool:
        """Tell whether something is to be sent to `transport`."""
        return transport in self._waiting

    def put(self, transport: asyncio.WriteTransport, message: bytes) -> None:
        """Send `message` to `transport` at the end of this turn."""
        if not self._waiting:
            self._call_soon(self.send)
        earlier = self._waiting.get(transport)
        self._waiting[transport] = message if earlier is None else earlier + message

    def send(self) -> None:
        """Send all now."""
        waiting, self._waiting = self._waiting, {}
        for transport, message in waiting.items():
            if not transport.is_closing():
                # uvloop's transports are none by their class.
                cast("asyncio.WriteTransport", transport).write(message)
