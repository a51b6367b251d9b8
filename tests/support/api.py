"""The REST interface on a real socket of 127.0.0.1, over a real engine."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from aiohttp import ClientSession, encode_basic_auth, hdrs, web
from lakebed.server.api.handler import ApiHandler
from lakebed.server.api.problems import problem_response
from lakebed.server.auth.authenticate import Authenticator
from lakebed.server.auth.keyring import Keyring
from lakebed.server.auth.people import People
from lakebed.server.auth.secrets import AccessKey, MasterKey, open_master_key
from lakebed.server.auth.store import AuthStore
from lakebed.server.httprules.streams import Streams
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.provenance.losing import LostRuns
from lakebed.server.repository.engine import Engine
from lakebed.server.serving.edge import Edge
from lakebed.server.serving.exchange import Exchange
from lakebed.server.settings import Endpoint, Settings

from .engines import Clock, make_directory, open_engine

ADMIN = AccessKey("ADMINKEY", "admin-secret")


@dataclass(frozen=True, slots=True)
class Served:
    """A running server."""

    engine: Engine
    handler: ApiHandler
    url: str
    """Of the server, without a slash at the end."""
    store: AuthStore
    people: People
    master_key: MasterKey

    def session(self, key: AccessKey | None = ADMIN) -> ClientSession:
        """Return a session that signs in with `key`, by default as administrator."""
        headers: dict[str, str] = {}
        if key is not None:
            headers[hdrs.AUTHORIZATION] = encode_basic_auth(key.id, key.secret)
        return ClientSession(self.url, headers=headers)

    async def add_user(self, name: str, *, is_admin: bool = False) -> AccessKey:
        """Make a user with a key, who may do nothing yet unless `is_admin`."""
        user = await self.store.create_user(name, is_admin=is_admin, now_ms=0)
        key = AccessKey(f"{name.upper()}KEY", f"{name}-secret")
        sealed = self.master_key.seal(key)
        await self.store.add_credential(user.id, key.id, sealed, now_ms=0)
        return key


@asynccontextmanager
async def serve_api(
    directory: Path,
    *,
    is_set_up: bool = True,
    host: str = "127.0.0.1",
    clock: Clock | None = None,
) -> AsyncGenerator[Served]:
    """Serve the lake in `directory`, with the user `admin` if it `is_set_up`."""
    async with open_engine(directory, clock=clock) as engine:
        assert isinstance(engine.metadata, SqlMetadata)
        store = engine.metadata
        master_key = open_master_key(directory, may_create=True)
        keyring = Keyring(store, master_key)
        if is_set_up:
            await keyring.set_up_first_user("admin", ADMIN, now_ms=engine.clock())
        auth = Authenticator(
            keyring,
            regions=["us-east-1"],
            skew_s_max=900,
            clock=lambda: engine.clock() / 1000,
        )
        settings = Settings(listen=(Endpoint(host, 0),))
        streams = Streams(
            settings.streams_max,
            settings.streams_waiting_max,
            grace_s=settings.grace_s,
        )
        # Whatever host it is told, this server listens on 127.0.0.1 only.
        people = People(store, master_key, engine.clock)
        handler = ApiHandler(
            engine, auth, people, settings, streams, LostRuns(engine, 0)
        )

        edge = Edge(settings, None)
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            edge.listen(handler.handle, _refuse), "127.0.0.1", 0
        )
        port = listener.sockets[0].getsockname()[1]
        try:
            yield Served(
                engine,
                handler,
                f"http://127.0.0.1:{port}",
                store,
                people,
                master_key,
            )
        finally:
            listener.close()
            await edge.server.stop(1.0)


def _refuse(exchange: Exchange, is_too_long: bool) -> web.StreamResponse:
    status = 431 if is_too_long else 400
    return problem_response(HTTPStatus(status), "malformed", "malformed")


@dataclass(frozen=True, slots=True)
class FilledLake:
    """A lake that was filled once, for tests that each begin with a copy of it."""

    directory: Path
    now_ms: int

    @asynccontextmanager
    async def serve_copy(self, directory: Path) -> AsyncGenerator[Served]:
        """Serve a copy of it in `directory`, whose clock goes on."""
        shutil.copytree(self.directory, directory, dirs_exist_ok=True)
        async with serve_api(directory, clock=Clock(self.now_ms)) as served:
            yield served


@contextmanager
def filled_lake(
    fill: Callable[[Served, ClientSession], Awaitable[None]],
) -> Generator[FilledLake]:
    """Yield a lake in which `fill` has done what it does."""
    directory, clock = make_directory(), Clock()

    async def run() -> None:
        async with (
            serve_api(directory, clock=clock) as served,
            served.session() as session,
        ):
            await fill(served, session)

    asyncio.run(run())
    yield FilledLake(directory, clock())
    shutil.rmtree(directory)
