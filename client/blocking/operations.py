"""What every group of blocking operations rests on: a client on a loop of its own.

A process that was forked has neither the thread of the loop nor a right to the
connections: there the client makes new ones when it is used first.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress

from ..address import ServerDirectory
from ..async_client import AsyncClient
from ..errors import ServerUnreachableError
from .loop import LoopThread

EXIT_TIMEOUT_S = 1.0
"""To close connections is a matter of milliseconds; a program must not hang in it."""


class Connection:
    """An asynchronous client, open on a loop in a thread."""

    def __init__(self, lake: AsyncClient) -> None:
        """Open `lake`.

        Raises:
            ServerUnreachableError: it is of a directory that cannot be served.
        """
        self.lake = lake
        self.loop = LoopThread()
        self.pid = os.getpid()
        try:
            self.loop.run(lake.__aenter__())
        except BaseException:
            self.loop.close()
            raise

    def close(self) -> None:
        """Close the connections and end the thread; again is nothing."""
        if self.pid != os.getpid() or self.loop.is_closed:
            return
        try:
            self.loop.run(self.lake.close())
        finally:
            self.loop.close()


class BlockingOperations:
    """Operations of an asynchronous client, run on a loop."""

    def __init__(self, make: Callable[[], AsyncClient]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._open()

    @property
    def _loop(self) -> LoopThread:
        return self._connected().loop

    @property
    def _lake(self) -> AsyncClient:
        return self._connected().lake

    def _connected(self) -> Connection:
        if self._connection.pid != os.getpid():
            with self._lock:
                if self._connection.pid != os.getpid():
                    self._open_after_fork()
        return self._connection

    def _open(self) -> None:
        self._connection = Connection(self._make())
        # A client that nobody closed is closed with the last reference, or the program.
        self._finalizer = weakref.finalize(self, _finish, self._connection)
        self._finalizer.atexit = False
        _open_at_exit.add(self._connection)

    def _open_after_fork(self) -> None:
        left = self._connection
        if left.loop.is_closed:
            raise RuntimeError("the client is closed")
        if isinstance(left.lake.address, ServerDirectory):
            raise ServerUnreachableError(
                f"cannot use directory '{left.lake.address}' in a forked process: its "
                "database was open in the parent; start the process with 'spawn'"
            )
        left.loop.mute()
        self._finalizer.detach()
        self._left = left
        self._open()


_open_at_exit: weakref.WeakSet[Connection] = weakref.WeakSet()


@atexit.register
def _finish_at_exit() -> None:
    for connection in list(_open_at_exit):
        if connection.pid != os.getpid() or connection.loop.is_closed:
            continue
        connection.loop.mute()
        # A directory needs threads to close, and none are made any more. It loses nothing:
        # it is made to be stopped at any moment.
        if not isinstance(connection.lake.address, ServerDirectory):
            with suppress(Exception):
                connection.loop.run(connection.lake.close(), timeout_s=EXIT_TIMEOUT_S)


def _finish(connection: Connection) -> None:
    if threading.current_thread() is connection.loop.thread:
        # Thrown away on its own thread, which cannot wait for itself.
        connection.loop.mute()
        return
    connection.close()
