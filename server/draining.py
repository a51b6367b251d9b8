"""A server of connections that can stop without cutting a request off.

aiohttp's own shutdown drops whatever of a request body has not arrived yet, at once.
Here a stop first lets go of idle connections, then waits for the requests that run,
each of which is the last on its connection, and only then shuts down (P14).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_CLIENT_GONE = 499
"""What proxies call it; nobody gets to see it."""
_LAST_WORDS_S = 1.0
"""Time to send what is answered already, and to take cancellation."""


class DrainingServer:
    """Makes the protocol of each connection; give it to `loop.create_server`."""

    def __init__(self, handler: Handler, **options: Any) -> None:
        """Answer requests with `handler`; `options` are those of `web.Server`."""
        self._handler = handler
        self._server = web.Server(self._handle, **options)
        self._busy: set[object] = set()
        """Protocols with a request that runs."""
        self._stopping = False
        self._all_idle = asyncio.Event()

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return self._server()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        protocol = request.protocol
        self._busy.add(protocol)
        try:
            response = await self._handler(request)
        except ConnectionError:
            # The client is gone, which is nothing to log; raised further it would be.
            if request.transport is not None:
                request.transport.abort()
            response = web.Response(status=_CLIENT_GONE)
        finally:
            self._busy.discard(protocol)
            if self._stopping and not self._busy:
                self._all_idle.set()
        if self._stopping:
            response.force_close()
        return response

    async def stop(self, timeout_s: float) -> None:
        """Stop; what runs may run on for `timeout_s`. Accept nothing new before this."""
        self._stopping = True
        await asyncio.sleep(0)  # what has arrived in this turn of the loop begins
        for connection in self._server.connections:
            if connection not in self._busy:
                connection.force_close()
        if self._busy:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._all_idle.wait()
        await self._server.shutdown(_LAST_WORDS_S)
