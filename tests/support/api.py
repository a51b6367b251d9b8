"""The REST interface on a real socket of 127.0.0.1, over a real engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from lakebed.server.api.handler import ApiHandler
from lakebed.server.api.settings import ApiSettings
from lakebed.server.auth.authenticate import Authenticator

from .engines import open_engine


@asynccontextmanager
async def serve_api(directory: Path) -> AsyncIterator[str]:
    """Serve the lake in `directory`; yield the address of the server."""
    async with open_engine(directory) as engine:
        handler = ApiHandler(engine, Authenticator(), ApiSettings(version="0"))
        server = web.Server(handler.handle, auto_decompress=False)
        runner = web.ServerRunner(server)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        try:
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()
