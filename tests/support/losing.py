"""A proxy that loses requests or answers, and counts what came by.

It passes on what it is told not to lose, so that behind it is a real server.
"""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import ClientSession, web
from yarl import URL

Fault = Literal["request", "answer", "busy"]
"""What is lost: the request, before the server has it, or the answer, when it has done it.
Or neither: somebody between says that he is busy, and says no more."""

Decide = Callable[[int, str], Fault | None]

HOP_HEADERS = {"connection", "transfer-encoding", "host"}


@dataclass(slots=True)
class LosingProxy:
    """Stands before a server."""

    target: str
    url: str = ""
    seen: list[str] = field(default_factory=list[str])
    """Method and path of each request, in their order."""
    decide: Decide = lambda number, line: None
    """What to lose of a request, by its number from 0 and its line."""
    faults: int = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        line = f"{request.method} {request.raw_path}"
        fault = self.decide(len(self.seen), line)
        self.seen.append(line)
        if fault is not None:
            self.faults += 1
        if fault == "request":
            return self._drop(request)
        if fault == "busy":
            return web.Response(status=503, text="somebody else is busy")
        kept = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in HOP_HEADERS
        }
        async with (
            ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                URL(self.target + request.raw_path, encoded=True),
                headers=kept,
                data=io.BytesIO(body) if body else None,
                allow_redirects=False,
            ) as answer,
        ):
            data = await answer.read()
        if fault == "answer":
            return self._drop(request)
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() not in HOP_HEADERS
        }
        if request.method != "HEAD":
            headers.pop("Content-Length", None)
        return web.Response(status=answer.status, body=data, headers=headers)

    def _drop(self, request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


@asynccontextmanager
async def losing_proxy(target: str) -> AsyncGenerator[LosingProxy]:
    """Serve a proxy before the server `target`, on a free port."""
    proxy = LosingProxy(target)
    server = web.Server(proxy.handle, access_log=None)
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield proxy
    finally:
        await runner.cleanup()
