"""A server that answers as it is told: with responses, noise, or a dropped connection.

It is for what a healthy server never does. It listens on 127.0.0.1 and keeps what it was
asked.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDictProxy


class Drop:
    """In place of a response: close the connection without one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came in."""

    method: str
    target: str
    headers: CIMultiDictProxy[str]
    body: bytes


Reply = web.StreamResponse | Drop | Callable[[web.BaseRequest], Awaitable[object]]


@dataclass(slots=True)
class ScriptedServer:
    """Gives its `replies` in turn; asked for more, it fails."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list[Reply])
    asked: list[Asked] = field(default_factory=list[Asked])

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await request.read()
        except ConnectionError:
            return web.Response()
        self.asked.append(
            Asked(request.method, request.raw_path, request.headers, body)
        )
        reply: object = self.replies.pop(0)
        if callable(reply):
            reply = await reply(request)
        if isinstance(reply, Drop):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        assert isinstance(reply, web.StreamResponse)
        return reply


@asynccontextmanager
async def serve_script(*replies: Reply) -> AsyncGenerator[ScriptedServer]:
    """Serve `replies` on a free port."""
    script = ScriptedServer(replies=list(replies))
    server = web.Server(script.handle, access_log=None)
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield script
    finally:
        await runner.cleanup()
