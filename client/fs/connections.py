"""One open client for each event loop that a file system is used on.

fsspec runs what blocks on a loop of its own; programs with loops of their own (Zarr is
one) bring theirs. Connections belong to a loop and to a process: after a fork the child
opens its own, and leaves those of its parent alone. To close them would take them out of
the selector that both share.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..address import AccessKey
from ..async_client import AsyncClient
from ..runs.current import only_run
from .identity import find_key

_CLOSE_TIMEOUT_S = 5.0
"""How long the end of a program waits for connections to close."""

_of_parents: list[object] = []
"""Clients of the process that this one was forked from: kept from being destroyed."""


@dataclass(slots=True)
class _Opened:
    loop: asyncio.AbstractEventLoop
    client: AsyncClient
    key: AccessKey | None


@dataclass(slots=True)
class Connections:
    """The clients of one file system."""

    server: str
    key_id: str | None
    _opened: dict[int, _Opened] = field(default_factory=dict[int, _Opened])
    """By the loop."""
    _locks: dict[int, asyncio.Lock] = field(default_factory=dict[int, asyncio.Lock])
    _pid: int = field(default_factory=os.getpid)

    async def client(self) -> AsyncClient:
        """Return the client of the running loop, opened the first time.

        Raises:
            ClientError: it cannot be opened.
        """
        if self._pid != os.getpid():
            self.forget()
        loop = asyncio.get_running_loop()
        server, key = self._identify()
        opened = self._opened.get(id(loop))
        if opened is not None and opened.loop is loop and opened.key == key:
            return opened.client
        async with self._locks.setdefault(id(loop), asyncio.Lock()):
            opened = self._opened.get(id(loop))
            if opened is None or opened.loop is not loop or opened.key != key:
                opened = await self._open(loop, server, key)
            return opened.client

    def _identify(self) -> tuple[str, AccessKey | None]:
        """Return whom to ask, and as whom: as the run that goes on here, if there is one.

        So what is read and written through fsspec while it does is recorded with it.
        """
        if self.key_id is None:
            run = only_run()
            as_run = run.speaks_for(self.server) if run is not None else None
            if as_run is not None:
                key = AccessKey(as_run.access_key_id, as_run.secret_access_key)
                return as_run.server, key
        return self.server, find_key(self.server, self.key_id)

    async def _open(
        self, loop: asyncio.AbstractEventLoop, server: str, key: AccessKey | None
    ) -> _Opened:
        self._drop_ended()
        client = AsyncClient(
            server,
            access_key_id=key.id if key else None,
            secret_access_key=key.secret if key else None,
        )
        await client.__aenter__()
        opened = self._opened[id(loop)] = _Opened(loop, client, key)
        return opened

    def _drop_ended(self) -> None:
        """Close what belongs to loops that have ended, or was opened with another key."""
        here = asyncio.get_running_loop()
        for name, opened in list(self._opened.items()):
            if opened.loop is here or opened.loop.is_closed():
                del self._opened[name]
                _close(opened.client, opened.loop)
                if opened.loop is not here:
                    self._locks.pop(name, None)

    def forget(self) -> None:
        """Begin anew in a forked child."""
        _of_parents.extend((*self._opened.values(), *self._locks.values()))
        self._opened, self._locks, self._pid = {}, {}, os.getpid()

    async def aclose(self) -> None:
        """Close the client of the running loop; it opens again when it is needed."""
        opened = self._opened.pop(id(asyncio.get_running_loop()), None)
        if opened is not None:
            await opened.client.close()

    def close(self) -> None:
        """Close every client whose loop still runs; from any thread but theirs."""
        if self._pid != os.getpid():
            return
        while self._opened:
            _, opened = self._opened.popitem()
            _close(opened.client, opened.loop)


def _close(client: AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
    """Close `client`, which was opened on `loop`, as well as can be done from here."""
    here = asyncio._get_running_loop()
    if loop.is_closed() or (not loop.is_running() and here is not None):
        # Nothing is left to wait for: a step does what can be done at once.
        closing = client.close()
        with suppress(Exception):
            closing.send(None)
        closing.close()
    elif not loop.is_running():
        with suppress(Exception):
            loop.run_until_complete(asyncio.wait_for(client.close(), _CLOSE_TIMEOUT_S))
    elif here is loop:
        _closing.add(task := loop.create_task(client.close()))
        task.add_done_callback(_closing.discard)
    else:
        with suppress(Exception):
            done = asyncio.run_coroutine_threadsafe(client.close(), loop)
            done.result(_CLOSE_TIMEOUT_S)


_closing: set[asyncio.Task[Any]] = set()
"""A loop keeps no task alive that nobody else knows."""
