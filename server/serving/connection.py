"""One connection: aiohttp's, with our words for what it refuses, and a record of all.

aiohttp answers what it cannot parse itself, as plain text, and logs it with the bytes
that it could not parse, which may hold a signature. Here the listener words the answer,
and the log says only what kind of fault it was.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import socket
import struct
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import LineTooLong

from .exchange import EXCHANGE, Exchange
from .giving_way import Waiter
from .outbox import Outbox

log = logging.getLogger(__name__)

Refuse = Callable[[Exchange, bool], web.StreamResponse]
"""Words the refusal of what does not parse; True: a line of it is too long."""
MALFORMED = "Malformed"
"""The operation of what does not parse."""
TOO_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nServer: lakebed\r\nRetry-After: 1\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a connection tells its server."""

    opened: Callable[[Connection], None]
    closed: Callable[[Connection], None]
    refuse: Refuse
    """Words the refusal of what does not parse."""
    asks: Callable[[Connection], None]
    """Told when the head of a request is there that has not begun."""
    unread: Callable[[Connection, int], None]
    """Told how many bytes the client does not take, from the moment when that matters;
    0: it does again."""
    answered: Callable[[web.BaseRequest, web.StreamResponse], None]
    """Told once an answer is written, or the client is gone meanwhile."""


class Connection(web.RequestHandler):
    """The protocol of one connection."""

    __slots__ = (
        "__weakref__", "_drained", "_has_ended", "_hooks", "_last_body", "_now",
        "_reading", "_unread_since_s", "head_since_s", "is_new", "outbox",
    )  # fmt: skip

    def __init__(
        self, manager: web.Server, hooks: Hooks, outbox: Outbox, **options: Any
    ) -> None:
        """Speak for `manager`; `options` are those of `web.Server`."""
        loop = asyncio.get_running_loop()
        super().__init__(manager, loop=loop, **options)
        self._hooks = hooks
        self.outbox = outbox
        """Through which answers leave that are all there."""
        self._now = loop.time
        self._drained: asyncio.Future[None] | None = None
        self._reading: Waiter | None = None
        self._unread_since_s: float | None = None
        self._last_body: StreamReader | None = None
        """Of the last request, until all are answered."""
        self._has_ended = False
        """The client sends nothing more, and waits for the answers to what it sent."""
        self.is_new = True
        """Nothing was asked yet."""
        self.head_since_s: float | None = None
        """When the first bytes came of a request that has not begun; loop time."""

    @property
    def is_answering(self) -> bool:
        """Whether a request was taken up whose answer has not left."""
        return self._current_request is not None or self.transport in self.outbox

    @property
    def has_bytes_waiting(self) -> bool:
        """Whether bytes have come of a request that has not begun."""
        if self._messages or self.head_since_s is not None:
            return True
        if self.transport is None or self.transport.is_closing():
            return False
        handle = self.transport.get_extra_info("socket").fileno()
        if handle < 0:
            return False
        count = fcntl.ioctl(handle, termios.FIONREAD, bytes(4))
        return int.from_bytes(count, sys.byteorder) > 0

    @property
    def waiting_since_s(self) -> float | None:
        """Since when the client sends nothing of a body, or takes nothing; loop time."""
        if self._reading is not None:
            return self._reading.waiting_since_s
        return self._unread_since_s

    def give_way(self) -> None:
        """End the request that waits for its client, or else the connection."""
        if self._reading is not None:
            self._reading.give_way()
        else:
            self.reset()

    def reset(self) -> None:
        """End the connection, and throw away what was sent and not taken."""
        self._unread_since_s = None
        if self.transport is None or self.transport.is_closing():
            return
        # Else the kernel keeps some MiB for the client until it takes them.
        at_once = struct.pack("ii", 1, 0)
        handle = self.transport.get_extra_info("socket").fileno()
        if handle >= 0:
            with socket.socket(fileno=os.dup(handle)) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.transport.abort()

    def note_reading(self, reading: Waiter | None) -> None:
        """Keep who waits for the body; None: nobody does any more."""
        self._reading = reading

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._hooks.opened(self)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        self._hooks.closed(self)
        super().connection_lost(exc)
        self._wake()

    def pause_writing(self) -> None:
        """Stop: the client has not taken what was sent."""
        super().pause_writing()
        self._unread_since_s = self._loop.time()
        if self.transport is not None:
            self._hooks.unread(self, self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Go on: the client has taken most of what was sent."""
        super().resume_writing()
        self._unread_since_s = None
        self._hooks.unread(self, 0)
        self._wake()

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def drain(self) -> None:
        """Return when the client has taken most of what was sent.

        Answers that are sent whole do not wait for it. So the next request does: else
        who sends requests and reads no answer would fill our memory.

        Raises:
            ConnectionResetError: the client is gone.
        """
        self._drained = asyncio.get_running_loop().create_future()
        await self._drained
        if self.transport is None:
            raise ConnectionResetError("the client is gone")

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        if self.head_since_s is None:
            self.head_since_s = self._now()
        super().data_received(data)
        if self._messages:
            self._last_body = self._messages[-1][1]
            self._hooks.asks(self)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Tell whether to go on, for a client that ended its side after whole requests.

        One that is gone looks the same: it is noticed when it is answered.
        """
        super().eof_received()
        transport = self.transport
        if transport is None or transport.get_extra_info("sslcontext") is not None:
            return False  # TLS ends both sides at once
        self._has_ended = self._last_body is not None and self._last_body.is_eof()
        return self._has_ended

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what does not parse.

        Handlers answer all that goes wrong within them, so that nothing else comes here.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("cannot answer: another answer has begun")
        if status == 400:
            log.info("request does not parse", extra={"fault": type(exc).__name__})
            exchange = request[EXCHANGE] = Exchange()
            exchange.operation = MALFORMED
            response = self._hooks.refuse(exchange, isinstance(exc, LineTooLong))
        else:
            log.error("request met a defect outside of its handler", exc_info=exc)
            response = web.StreamResponse(status=status)
        response.force_close()
        return response

    def log_access(
        self, request: web.BaseRequest, response: web.StreamResponse, time: float | None
    ) -> None:
        """Hand on that `response` is written."""
        self._hooks.answered(request, response)
        if not self._messages:
            self._last_body = None
            if self._has_ended:
                self.close()


class Refusal(asyncio.Protocol):
    """The protocol of a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say so, and hang up."""
        # uvloop's transports are none by their class.
        stream = cast("asyncio.WriteTransport", transport)
        stream.write(TOO_BUSY)
        stream.close()
