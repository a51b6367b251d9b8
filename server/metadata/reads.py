"""Connections for reading in threads: snapshots, and look-ups of chunks.

Two pools, because an action on a snapshot may read nodes, which looks up chunks: with
one pool, actions that all hold a connection would wait for each other's second one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue
from typing import TypeVar

from ..errors import BusyError
from .database import READER_CACHE_KIB, Session
from .driving import drive
from .transaction import SqlSnapshot

T = TypeVar("T")

SNAPSHOTS_MAX = 4
"""Snapshots at one time; others wait. They are bound by the CPU, so that more threads
than cores gain little, and each holds up to `READER_CACHE_KIB`."""

LOOKUPS_MAX = 4
"""Threads that look up chunks at one time, for some 20 µs each."""


class SessionPool:
    """Up to so many connections, opened when first needed, used by any thread."""

    def __init__(self, database: Path, size: int) -> None:
        """Read `database` through up to `size` connections."""
        self._database = database
        self._size = size
        self._free: LifoQueue[Session | None] = LifoQueue()
        self._is_closed = False
        for _ in range(size):
            self._free.put(None)

    @contextmanager
    def session(self) -> Generator[Session]:
        """Lend a connection; waits while all are lent.

        Raises:
            BusyError: the pool is closed.
        """
        session = self._free.get()
        try:
            if self._is_closed:
                raise BusyError("cannot read: the server is stopping")
            if session is None:
                session = Session(self._database, cache_kib=READER_CACHE_KIB)
            yield session
        finally:
            self._free.put(session)

    def close(self) -> None:
        """Wait until all connections are back, and close them."""
        lent = [self._free.get() for _ in range(self._size)]
        self._is_closed = True
        for session in lent:
            if session is not None:
                session.close()
            self._free.put(None)  # whoever comes late is refused, and does not wait


class SnapshotReader:
    """Runs actions on one state each, in threads."""

    def __init__(self, database: Path) -> None:
        """Read `database`."""
        self._pool = SessionPool(database, SNAPSHOTS_MAX)
        self._threads = ThreadPoolExecutor(SNAPSHOTS_MAX, thread_name_prefix="snapshot")

    async def run(self, action: Callable[[SqlSnapshot], Awaitable[T]]) -> T:
        """Run `action` on one state, in a thread, and return what it returns."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._run, action)

    def close(self) -> None:
        """Wait for what runs, and close the connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._pool.close()

    def _run(self, action: Callable[[SqlSnapshot], Awaitable[T]]) -> T:
        with self._pool.session() as session:
            session.run("BEGIN")
            try:
                return drive(action(SqlSnapshot(session)))
            finally:
                session.roll_back()
