"""A server of connections that bounds them, and stops without cutting a request off.

aiohttp's own shutdown drops whatever of a request body has not arrived yet, at once.
Here a stop first lets go of idle connections, then waits for the requests that run,
each of which is the last on its connection, and only then shuts down (P14). Before it,
`part` lets each client go with its next answer, so that none finds its connection closed
just when it asks. One of these serves all listeners
of a process, so that limits and the stop are of all together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakSet

from aiohttp import web

from .connection import Connection, Hooks, Refusal, Refuse
from .giving_way import Places
from .outbox import Outbox

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Answered = Callable[[web.BaseRequest, web.StreamResponse], None]
ProtocolFactory = Callable[[], asyncio.Protocol]

_LAST_WORDS_S = 1.0
"""Time to send what is answered already, and to take cancellation."""
_ARRIVING_S_MAX = 1.0
"""Time for the first request of a connection, and for one whose first bytes have come,
before the connection counts as idle. Nearly all begin in the same turn of the loop; a slow
head is not waited for, nor who connects and asks nothing."""
_LOOK_AGAIN_S = 0.005
_UNREAD_BYTES_MAX = 1024 * 1024
_GRACE_S = 1.0
"""For who has not said otherwise."""
_SWEEP_S = 1.0
"""How often slow heads are looked for: 4,096 connections take 0.5 ms."""


class DrainingServer:
    """All connections of a process; `listen` gives what `loop.create_server` takes."""

    def __init__(
        self,
        answered: Answered,
        *,
        connections_max: int,
        head_s_max: float,
        unread_bytes_max: int = _UNREAD_BYTES_MAX,
        grace_s: float = _GRACE_S,
        **options: Any,
    ) -> None:
        """Tell `answered` of each answer that was written.

        Args:
            answered: called with each request and its answer.
            connections_max: open connections; the next is refused.
            head_s_max: longest time from the first byte of a request to the last of its
                headers.
            unread_bytes_max: what clients leave of what is sent to them; beyond it, those
                are let go who have left theirs for longest.
            grace_s: who waits for its client for less than this need not give way.
            options: those of `web.Server`.
        """
        self._answered = answered
        self._connections_max = connections_max
        self._head_s_max = head_s_max
        self._unread_bytes_max = unread_bytes_max
        self._grace_s = grace_s
        self.places = Places(grace_s)
        self._options = options
        self._servers: list[web.Server] = []
        self._accepted: WeakSet[Connection] = WeakSet()
        """Not open yet: with TLS, hands are being shaken. Who fails in it just goes."""
        self._open: set[Connection] = set()
        self._busy: set[Connection] = set()
        """Connections with a request that runs."""
        self._asking: set[Connection] = set()
        """Connections with a request whose head is there, and that has not begun. When
        there is more to do than can be done, it is here that requests wait."""
        self._unread: dict[Connection, int] = {}
        """Bytes that clients leave, in the order in which they began to."""
        self._unread_bytes = 0
        self._answers: Outbox | None = None
        self._parting = False
        self._stopping = False
        self._none_open = asyncio.Event()
        self._all_idle = asyncio.Event()
        self._sweep: asyncio.TimerHandle | None = None
        self.refused_connections = 0

    @property
    def running_count(self) -> int:
        """How many requests run."""
        return len(self._busy)

    @property
    def asking_count(self) -> int:
        """How many requests wait to begin."""
        return len(self._asking)

    @property
    def unread_bytes(self) -> int:
        """How much clients leave of what is sent to them."""
        return self._unread_bytes

    @property
    def connection_count(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def listen(self, handler: Handler, refuse: Refuse) -> ProtocolFactory:
        """Return what makes the protocol of each connection of one listener.

        Args:
            handler: answers requests.
            refuse: words the refusal of what does not parse; see `Hooks`.
        """
        server = web.Server(partial(self._handle, handler=handler))
        self._servers.append(server)
        hooks = Hooks(
            opened=self._note_opened,
            closed=self._note_closed,
            refuse=refuse,
            asks=self._note_asking,
            unread=self._note_unread,
            answered=self._answered,
        )

        def connect() -> asyncio.Protocol:
            if len(self._open) >= self._connections_max:
                self.refused_connections += 1
                return Refusal()
            connection = Connection(server, hooks, self._outbox(), **self._options)
            self._accepted.add(connection)
            return connection

        return connect

    def _outbox(self) -> Outbox:
        if self._answers is None:
            self._answers = Outbox(asyncio.get_running_loop())
        return self._answers

    def _note_opened(self, connection: Connection) -> None:
        self._accepted.discard(connection)
        self._open.add(connection)
        if self._sweep is None:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(_SWEEP_S, self._sweep_connections)

    def _note_closed(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._asking.discard(connection)
        self._note_unread(connection, 0)
        if self._parting and not self._open and not self._accepted:
            self._none_open.set()

    def _note_asking(self, connection: Connection) -> None:
        if connection not in self._busy:
            self._asking.add(connection)

    def _note_unread(self, connection: Connection, size_bytes: int) -> None:
        self._unread_bytes += size_bytes - self._unread.pop(connection, 0)
        if size_bytes:
            self._unread[connection] = size_bytes
            self._bound_unread()

    def _bound_unread(self) -> None:
        """Let go of those who leave what is sent to them, if all of it is too much."""
        latest_s = asyncio.get_running_loop().time() - self._grace_s
        while self._unread_bytes > self._unread_bytes_max:
            oldest = next(iter(self._unread))
            since_s = oldest.waiting_since_s
            if since_s is not None and since_s > latest_s:
                return
            self._note_unread(oldest, 0)
            oldest.reset()

    def make_room(self) -> bool:
        """Let the request give way that has waited longest for its client.

        Tells whether there was one that has waited for long.
        """
        now_s = asyncio.get_running_loop().time()
        return self.places.make_room(self._busy, now_s)

    def _sweep_connections(self) -> None:
        """Let go of whom nothing more is to be hoped for."""
        self._drop_slow_heads()
        self._bound_unread()
        loop = asyncio.get_running_loop()
        self._sweep = (
            loop.call_later(_SWEEP_S, self._sweep_connections) if self._open else None
        )

    def _drop_slow_heads(self) -> None:
        """Let go of who has begun a request and does not come to its end."""
        loop = asyncio.get_running_loop()
        latest = loop.time() - self._head_s_max
        for connection in list(self._open):
            since, transport = connection.head_since_s, connection.transport
            if since is None or since >= latest or connection in self._busy:
                continue
            if transport is not None:
                transport.abort()

    async def _handle(
        self, request: web.BaseRequest, handler: Handler
    ) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)
        connection.head_since_s = None
        connection.is_new = False
        self._asking.discard(connection)
        if connection.writing_paused:
            try:
                await connection.drain()
            except ConnectionResetError:
                return web.Response()  # nobody gets to see it, and it is no defect
        self._busy.add(connection)
        try:
            response = await handler(request)
        finally:
            self._busy.discard(connection)
            connection.head_since_s = None
            if self._stopping and not self._busy:
                self._all_idle.set()
        # In what is being sent already nothing says that the connection ends with it.
        # Its client may ask once more, and is told then, unless there is no time.
        if self._stopping or (self._parting and not response.prepared):
            response.force_close()
        return response

    async def part(self, timeout_s: float) -> None:
        """Close each connection after its next answer; wait for that until `timeout_s`.

        Accept nothing new before this; `stop` comes after it.
        """
        self._parting = True
        if self._open or self._accepted:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._none_open.wait()

    def end_parting(self) -> None:
        """Let `part` wait no longer."""
        self._none_open.set()

    def cut_off(self) -> None:
        """Let `stop` wait no longer."""
        self._all_idle.set()

    async def stop(self, timeout_s: float) -> None:
        """Stop; what runs may run on for `timeout_s`. Accept nothing new before this."""
        self._stopping = True
        await self._let_idle_go()
        if self._busy:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._all_idle.wait()
        await asyncio.gather(
            *(server.shutdown(_LAST_WORDS_S) for server in self._servers)
        )
        if self._sweep is not None:
            self._sweep.cancel()

    async def _let_idle_go(self) -> None:
        """Close each connection on which nothing was asked; what is arriving begins."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + _ARRIVING_S_MAX
        while True:
            await asyncio.sleep(0)  # what has arrived in this turn of the loop begins
            is_early = loop.time() < latest
            is_one_arriving = is_early and len(self._accepted) > 0
            for connection in list(self._open):
                if connection in self._busy or connection.is_answering:
                    continue
                if is_early and (connection.is_new or connection.has_bytes_waiting):
                    is_one_arriving = True
                else:
                    connection.force_close()
            if not is_one_arriving:
                return
            await asyncio.sleep(_LOOK_AGAIN_S)
