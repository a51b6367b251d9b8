"""Answers that are all there: head and body leave in one piece, with those of others.

Most answers are a few hundred bytes under a dozen headers. Putting such a head together
ourselves takes a quarter of the time of the library's general way, which must be ready for
cookies, compression and chunks. And what is answered in one turn of the event loop is sent
together at its end: handing bytes to the kernel wakes whoever waits for them, which costs
the more the later the next of them come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import cast
from weakref import WeakKeyDictionary

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from .preconditions import show_date

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_NO_LENGTH = frozenset({204, 304})
"""Answers that have no body and say nothing of one: RFC 9110, 8.6."""


class WholeAnswer(web.StreamResponse):
    """A response of which every byte is known."""

    def __init__(
        self,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        announced_bytes: int | None = None,
    ) -> None:
        """Answer with `body`.

        Args:
            status: of the response.
            headers: all but Date, Content-Length and Connection.
            body: sent as it is, but not to HEAD.
            announced_bytes: the Content-Length where it is not that of `body`: of a
                HEAD for which no body was made.
        """
        super().__init__(status=status)
        self._given = headers
        self.body = body
        """Bytes of the body."""
        self._announced_bytes = announced_bytes
        self._request: web.BaseRequest | None = None
        self._stays_open = True
        self._is_sent = False

    @property
    def headers(self) -> CIMultiDict[str]:
        """The headers, to be added to; made only for whoever asks."""
        headers = super().headers
        if self._given is not None:
            headers.update(self._given)
            self._given = None
        return headers

    @property
    def prepared(self) -> bool:
        """Whether it is being sent."""
        return self._request is not None

    @property
    def keep_alive(self) -> bool:
        """Whether the connection goes on after it."""
        return self._stays_open

    def force_close(self) -> None:
        """Close the connection after it."""
        self._stays_open = False

    @property
    def body_length(self) -> int:
        """Bytes of the body."""
        return len(self.body)

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Take note of what is answered; `write_eof` sends."""
        self._request = request
        self._stays_open = self._stays_open and request.keep_alive
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send head and body.

        Raises:
            ConnectionResetError: the client is gone.
        """
        assert self._request is not None
        assert not data
        if self._is_sent:
            return
        self._is_sent = True
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        message = self._head(self._request)
        if self._request.method != "HEAD":
            message += self.body
        # Tells the library, which must not answer again, that something was said.
        self._request.writer.output_size += len(message)
        outbox = _outbox_of(asyncio.get_running_loop())
        outbox.put(transport, message)
        if not self._stays_open or not self._request.content.is_eof():
            outbox.send()  # the connection may be closed before this turn ends

    def _head(self, request: web.BaseRequest) -> bytes:
        status = self.status
        headers = self.headers if self._given is None else self._given
        major, minor = request.version
        lines = [f"HTTP/{major}.{minor} {status} {_REASONS.get(status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"Date: {show_date(int(time.time()))}")
        if status not in _NO_LENGTH:
            length = self._announced_bytes
            lines.append(
                f"Content-Length: {len(self.body) if length is None else length}"
            )
        if not self._stays_open:
            lines.append("Connection: close")
        elif minor == 0:
            lines.append("Connection: keep-alive")
        head = "\r\n".join(lines)
        if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
            raise ValueError("a header holds a line break")
        return f"{head}\r\n\r\n".encode("utf-8", "surrogateescape")


def send_earlier_answers(transport: asyncio.BaseTransport | None) -> None:
    """Send what was answered on `transport` in this turn, before more is written to it.

    From Python 3.12 on, requests that came together are answered in one turn of the event
    loop if nothing makes them wait, and what is streamed goes to the transport at once.
    """
    outbox = _outboxes.get(asyncio.get_running_loop())
    if outbox is not None and transport in outbox:
        outbox.send()


class _Outbox:
    """What is to be sent at the end of this turn of an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._call_soon = loop.call_soon
        self._waiting: dict[asyncio.BaseTransport, bytes] = {}

    def __contains__(self, transport: asyncio.BaseTransport | None) -> bool:
        return transport in self._waiting

    def put(self, transport: asyncio.WriteTransport, message: bytes) -> None:
        if not self._waiting:
            self._call_soon(self.send)
        earlier = self._waiting.get(transport)
        self._waiting[transport] = message if earlier is None else earlier + message

    def send(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for transport, message in waiting.items():
            if not transport.is_closing():
                # uvloop's transports are none by their class.
                cast("asyncio.WriteTransport", transport).write(message)


_outboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, _Outbox] = WeakKeyDictionary()


def _outbox_of(loop: asyncio.AbstractEventLoop) -> _Outbox:
    outbox = _outboxes.get(loop)
    if outbox is None:
        outbox = _outboxes[loop] = _Outbox(loop)
    return outbox
