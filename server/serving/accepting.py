"""Taking connections from a socket that listens, many in a turn of the event loop.

The loop itself (uvloop 0.23 on libuv 1.48 and later) takes one in a turn. Under load a turn lasts
some ten milliseconds, so that new clients waited for seconds while those that were there
were served; and at a stop all but one of those who waited were reset.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from contextlib import suppress

from .draining import ProtocolFactory

log = logging.getLogger(__name__)

_ACCEPTED_MAX = 256
"""Connections taken in one turn: they take 20 ms then, which others wait for."""
_PAUSE_S = 0.1
"""After the process or the machine had no descriptor left, or no memory for one."""


class Acceptor:
    """Accepts on one socket until it is closed."""

    def __init__(
        self,
        listening: socket.socket,
        connect: ProtocolFactory,
        *,
        tls: ssl.SSLContext | None,
        handshake_s_max: float,
    ) -> None:
        """Begin to accept on `listening`, which is owned from here, on the running loop.

        Args:
            listening: does not block.
            connect: makes the protocol of each connection.
            tls: what connections are encrypted with, if they are.
            handshake_s_max: time for the TLS handshake.
        """
        self._listening = listening
        self._connect = connect
        self._tls = tls
        self._handshake_s_max = None if tls is None else handshake_s_max
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._resume()

    def close(self) -> None:
        """Take who waits already, and then nobody more."""
        if self._is_closed:
            return
        while self._accept():
            pass
        self._is_closed = True
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> bool:
        """Take up to `_ACCEPTED_MAX`; tell whether more may wait."""
        for _ in range(_ACCEPTED_MAX):
            try:
                accepted, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return False
            except ConnectionAbortedError:
                continue  # it went while it waited
            except OSError as error:
                self._pause_after(error)
                return False
            accepted.setblocking(False)
            # At once, so that whoever counts connections knows of this one.
            task = self._loop.create_task(self._open(accepted, self._connect()))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        return True

    def _pause_after(self, error: OSError) -> None:
        """Accept nothing for a moment: the event would come again and again."""
        log.error("cannot accept a connection", extra={"error": str(error)})
        self._loop.remove_reader(self._listening)
        if self._pause is None:
            self._pause = self._loop.call_later(_PAUSE_S, self._resume)

    async def _open(self, accepted: socket.socket, protocol: asyncio.Protocol) -> None:
        # Who fails in the handshake, or is gone by now, just goes.
        with suppress(OSError):
            await self._loop.connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=self._handshake_s_max,
            )
