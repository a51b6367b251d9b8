"""Answers that are all there: head and body leave in one piece, with those of others.

Most answers are a few hundred bytes under a dozen headers. Putting such a head together
ourselves takes a quarter of the time of the library's general way, which must be ready for
cookies, compression and chunks. They go through the outbox of their connection.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from ..serving.connection import Connection
from ..serving.outbox import Outbox
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
        outbox = _outbox_of(self._request)
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


def send_earlier_answers(request: web.BaseRequest) -> None:
    """Send what was answered to the client of `request` in this turn, before more is.

    From Python 3.12 on, requests that came together are answered in one turn of the event
    loop if nothing makes them wait, and what is streamed goes to the transport at once.
    """
    outbox = _outbox_of(request)
    if request.transport in outbox:
        outbox.send()


def _outbox_of(request: web.BaseRequest) -> Outbox:
    return cast("Connection", request.protocol).outbox
