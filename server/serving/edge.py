"""Around each request: its id, its limits, and what is noted of it in the end.

A request that is over a limit is not refused here but told so in `Exchange.refusal`,
which the protocol raises before anything else: so it is refused in the protocol's own
words, before its body is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

from aiohttp import web

from ..errors import BusyError, HeadTooLargeError
from ..logs import REQUEST_ID
from ..settings import Settings
from .access_log import AccessLog, Line
from .connection import Refuse
from .draining import DrainingServer, ProtocolFactory
from .exchange import EXCHANGE, Exchange
from .traffic import Traffic

Answer = Callable[[web.BaseRequest, Exchange], Awaitable[web.StreamResponse]]

CLIENT_GONE = 499
"""Noted in place of a status when the client went before the answer was whole; it is
what web servers commonly write."""


class Edge:
    """The edge of a process: all its connections and requests."""

    def __init__(self, settings: Settings, access_log: AccessLog | None) -> None:
        """Keep the limits of `settings`; write each request to `access_log`."""
        self._requests_max = settings.requests_max
        self._header_bytes_max = settings.header_bytes_max
        self.access_log = access_log
        self.traffic = Traffic()
        self.server = DrainingServer(
            self._note_answered,
            connections_max=settings.connections_max,
            head_s_max=settings.head_s_max,
            unread_bytes_max=settings.unread_bytes_max,
            grace_s=settings.grace_s,
            access_log=None,
            auto_decompress=False,  # a gzip body is the object, not a wrapping of it
            keepalive_timeout=settings.keepalive_s,
            lingering_time=settings.linger_s,
            max_line_size=settings.line_bytes_max,
            max_field_size=settings.line_bytes_max,
            max_headers=settings.header_count_max,
        )

    def listen(self, answer: Answer, refuse: Refuse) -> ProtocolFactory:
        """Return what makes the protocol of each connection of one listener.

        Args:
            answer: answers a request; never raises but when the client is gone.
            refuse: words the refusal of what does not parse.
        """

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            exchange = Exchange()
            request[EXCHANGE] = exchange
            REQUEST_ID.set(exchange.request_id)
            self._check_limits(request, exchange)
            try:
                return await answer(request, exchange)
            except ConnectionError:
                # Raised further, it would be logged as a defect.
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=CLIENT_GONE)  # nobody gets to see it
            except asyncio.CancelledError:
                self._note(request, exchange, CLIENT_GONE)
                raise

        return self.server.listen(handle, refuse)

    def _check_limits(self, request: web.BaseRequest, exchange: Exchange) -> None:
        size_bytes = 0
        for name, value in request.raw_headers:
            size_bytes += len(name) + len(value)
        if size_bytes > self._header_bytes_max:
            exchange.refusal = HeadTooLargeError(self._header_bytes_max)
        elif self._has_too_many() and not self.server.make_room():
            exchange.refusal = BusyError(
                "too many requests at once: please reduce your request rate"
            )

    def _has_too_many(self) -> bool:
        server = self.server
        return server.running_count + server.asking_count > self._requests_max

    def _note_answered(
        self, request: web.BaseRequest, response: web.StreamResponse
    ) -> None:
        exchange = request.get(EXCHANGE)
        if exchange is not None:  # else the client went before it was begun
            self._note(request, exchange, response.status)

    def _note(self, request: web.BaseRequest, exchange: Exchange, status: int) -> None:
        seconds = perf_counter() - exchange.started_s
        received_bytes = request.content.total_bytes
        sent_bytes = request.writer.output_size
        self.traffic.add(
            exchange.protocol,
            exchange.operation,
            status,
            seconds,
            received_bytes,
            sent_bytes,
        )
        if status >= 500:
            self.traffic.add_failure(exchange.protocol, exchange.failure or "unknown")
        if self.access_log is not None:
            self.access_log.add(
                Line.of(request, exchange, status, seconds, received_bytes, sent_bytes)
            )
