"""Lines that a script logs itself, on their way into the log of `lakebed run`, in order.

What a script prints comes to `lakebed run` through a pipe; what it logs (`run.log`) would
go to the server by another way, and lines would overtake each other. So a script hands
what it logs to `lakebed run` as well, at a socket in a folder that nobody else may enter,
and waits until it was taken: first what was printed by then, then the line.

A message is its length, 4 bytes big-endian, and UTF-8; the answer is one byte. Where nobody
answers (another machine, `lakebed run` is gone) the line goes to the server as points do.
"""

from __future__ import annotations

import os
import selectors
import shutil
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

LOG_VARIABLE = "LAKEBED_RUN_LOG"
"""`RUN:PATH`: of which run, and where it listens."""
MESSAGE_BYTES_MAX = 256 * 1024
"""What is longer goes the other way: nobody reads in order what is so long."""
ANSWER_S = 1.0
"""Who takes the line may be held up by a terminal that was stopped (Ctrl-S)."""
CONNECTIONS_MAX = 256
"""Threads and processes that log at once; the others log the other way."""
_LENGTH = struct.Struct(">I")
_TAKEN = b"\x01"


class _Connection(socket.socket):
    """A socket of one thread: it goes with the thread, which does not say when it ends."""

    def __del__(self) -> None:
        self.close()


class LogSender:
    """Hands lines to `lakebed run`, for all threads of a process and its forks."""

    def __init__(self, path: str) -> None:
        """Send to the socket at `path`."""
        self._path = path
        self._own = threading.local()

    @classmethod
    def find(cls, run: str) -> LogSender | None:
        """Return where lines of `run` go, if this process was started in it."""
        named, _, path = os.environ.get(LOG_VARIABLE, "").partition(":")
        return cls(path) if path and named == run else None

    def send(self, text: str) -> bool:
        """Hand `text` on; False: it was not taken, and goes another way."""
        data = text.encode(errors="replace")
        if len(data) > MESSAGE_BYTES_MAX:
            return False
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # it may be anything, and closed
                stream.flush()
        try:
            connection = self._connection()
            connection.sendall(_LENGTH.pack(len(data)) + data)
            return connection.recv(1) == _TAKEN
        except TimeoutError:
            # It is on its way; the answer would be taken for that of the next line.
            self._own.connection = None
            return True
        except OSError:
            self._own.connection = None
            return False

    def _connection(self) -> socket.socket:
        # A fork has a copy of it, on which both would read the answers.
        held = cast(
            "tuple[int, socket.socket] | None", getattr(self._own, "connection", None)
        )
        if held is not None and held[0] == os.getpid():
            return held[1]
        connection = _Connection(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(ANSWER_S)
        try:
            connection.connect(self._path)
        except OSError:
            connection.close()
            raise
        self._own.connection = (os.getpid(), connection)
        return connection


class LogLines:
    """Takes lines from the scripts of a command, in the turn of who reads its output."""

    def __init__(self, give: Callable[[str], None]) -> None:
        """Give lines to `give`."""
        self._give = give
        self._folder: str | None = None
        self._listener: socket.socket | None = None
        self._received: dict[socket.socket, bytearray] = {}

    def __enter__(self) -> LogLines:
        try:
            self._folder = tempfile.mkdtemp(prefix="lakebed-")
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener = listener
            listener.bind(str(Path(self._folder, "log")))
            listener.listen()
            listener.setblocking(False)
        except OSError:
            self.close()  # they log the other way
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Take no more."""
        for connection in self._received:
            connection.close()
        self._received.clear()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def variables(self, run: str) -> dict[str, str]:
        """Return what tells a script where to hand lines of `run` to."""
        if self._listener is None or self._folder is None:
            return {}
        return {LOG_VARIABLE: f"{run}:{Path(self._folder, 'log')}"}

    def register(self, selector: selectors.BaseSelector) -> None:
        """Let `selector` look for lines."""
        if self._listener is not None:
            selector.register(self._listener, selectors.EVENT_READ, self)

    def take(
        self,
        ready: socket.socket,
        selector: selectors.BaseSelector,
        before: Callable[[], None],
    ) -> None:
        """Take what is `ready`; `before` is called before each line."""
        if ready is self._listener:
            with suppress(OSError):
                connection, _ = ready.accept()
                if len(self._received) >= CONNECTIONS_MAX:
                    connection.close()
                    return
                connection.setblocking(False)
                self._received[connection] = bytearray()
                selector.register(connection, selectors.EVENT_READ, self)
            return
        try:
            data = ready.recv(MESSAGE_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        received = self._received[ready]
        received += data
        if not data or not self._take_messages(ready, received, before):
            selector.unregister(ready)
            del self._received[ready]
            ready.close()

    def _take_messages(
        self, sender: socket.socket, received: bytearray, before: Callable[[], None]
    ) -> bool:
        """Take whole messages off `received`; False: it is none of ours."""
        while len(received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(received)
            if length > MESSAGE_BYTES_MAX:
                return False
            end = _LENGTH.size + length
            if len(received) < end:
                return True
            text = bytes(received[_LENGTH.size : end]).decode(errors="replace")
            del received[:end]
            before()
            self._give(text)
            with suppress(OSError):  # it has left, and its line is there
                sender.send(_TAKEN)
        return True
