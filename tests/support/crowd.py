"""Slow clients by the thousand, in a process of their own.

    PYTHONPATH=tests python -m support.crowd ADDRESS BUCKET COUNT

Each holds a connection and gives the server as little as it can; when it is let go it
comes again after a pause. Every second a line of JSON on stdout says how many are
connected, how often they were let go, and what they were answered. The end of stdin ends it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from support.s3raw import signed_head
from support.s3server import ServerProcess
from support.workers import wait_until

DRIP_S = 2.0
"""Between two bytes of a client that drips; 2,000 of them take a tenth of a core."""
PAUSE_S = 1.0
"""Before a client comes again that was let go."""
ARRIVE_S = 2.0
"""In which all come for the first time."""
RECEIVE_BYTES = 4096
READ_BYTES = 2048
SMALL_BYTES = 200_000
LARGE_BYTES = 8 * 1024 * 1024
LARGE_KEY, MIDDLE_KEY = "large", "middle"
"""Objects that they read: one of many pieces, one that is sent at once."""
MIDDLE_BYTES = 250_000
_ESTABLISHED = 1
"""Of <netinet/tcp.h>."""


@dataclass
class Slow:
    """One client while it is connected."""

    crowd: Crowd
    socket: socket.socket
    number: int

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    def head(self, method: str, key: str, size_bytes: int = 0) -> bytes:
        target = f"/{self.crowd.bucket}/main/{key}"
        return signed_head(self.crowd.address, method, target, size_bytes)

    async def hear(self, wait_s: float) -> bytes | None:
        """Return what comes within `wait_s`; None: nothing; empty: it was let go."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(wait_s):
                return await loop.sock_recv(self.socket, READ_BYTES)
        except TimeoutError:
            return None

    async def drip(self, data: bytes) -> None:
        """Send `data` a byte at a time until something is said to it."""
        for at in range(len(data)):
            await self.send(data[at : at + 1])
            if (said := await self.hear(DRIP_S)) is not None:
                self.note(said)
                return

    def note(self, said: bytes) -> None:
        """Count the status of an answer."""
        status = said[9:12].decode("latin-1") if said.startswith(b"HTTP/") else "none"
        self.crowd.answers[status] += 1

    def is_let_go(self) -> bool:
        """Tell whether the server has ended the connection, without reading of it."""
        info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return info[0] != _ESTABLISHED


async def say_nothing(slow: Slow) -> None:
    """Connect, and that is all."""
    while (said := await slow.hear(60)) is None:
        pass
    slow.note(said)


async def drip_a_head(slow: Slow) -> None:
    await slow.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    await slow.drip(b"x" * 1000)


async def stop_in_a_head(slow: Slow) -> None:
    await slow.send(b"GET / HTTP/1.1\r\nHost: a\r\nX")
    await say_nothing(slow)


async def drip_a_small_body(slow: Slow) -> None:
    await slow.send(slow.head("PUT", f"slow/{slow.number}", SMALL_BYTES))
    await slow.drip(bytes(1000))


async def drip_a_large_body(slow: Slow) -> None:
    await slow.send(slow.head("PUT", f"slow/{slow.number}", LARGE_BYTES))
    await slow.drip(bytes(1000))


async def read_slowly(slow: Slow) -> None:
    await slow.send(slow.head("GET", LARGE_KEY))
    said = await slow.hear(60)
    if said is not None:
        slow.note(said)
    while said != b"":
        await asyncio.sleep(DRIP_S)
        said = await slow.hear(60)


async def read_nothing(slow: Slow) -> None:
    await slow.send(slow.head("GET", LARGE_KEY))
    while not slow.is_let_go():  # noqa: ASYNC110 - nobody could tell us
        await asyncio.sleep(DRIP_S)


async def read_nothing_of_what_is_sent_at_once(slow: Slow) -> None:
    await slow.send(slow.head("GET", MIDDLE_KEY))
    while not slow.is_let_go():  # noqa: ASYNC110 - nobody could tell us
        await asyncio.sleep(DRIP_S)


KINDS: tuple[Callable[[Slow], Awaitable[None]], ...] = (
    say_nothing,
    drip_a_head,
    stop_in_a_head,
    drip_a_small_body,
    drip_a_large_body,
    read_slowly,
    read_nothing,
    read_nothing_of_what_is_sent_at_once,
)


@dataclass
class Crowd:
    """All of them."""

    address: str
    bucket: str
    connected: int = 0
    let_go: Counter[str] = field(default_factory=Counter[str])
    """By kind."""
    answers: Counter[str] = field(default_factory=Counter[str])
    """By status."""

    async def run(self, count: int) -> None:
        """Keep `count` clients there until stdin ends."""
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        # A thread that nobody waits for: it ends with stdin or the process.
        threading.Thread(
            target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(over.set)),
            daemon=True,
        ).start()
        clients = [asyncio.ensure_future(self._live(n, count)) for n in range(count)]
        while not over.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await over.wait()
            said = {
                "connected": self.connected,
                "let_go": self.let_go,
                "answers": self.answers,
            }
            sys.stdout.write(json.dumps(said) + "\n")
            sys.stdout.flush()
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _live(self, number: int, count: int) -> None:
        kind = KINDS[number % len(KINDS)]
        await asyncio.sleep(ARRIVE_S * number / count)
        host, port = self.address.split(":")
        while True:
            with socket.socket() as connection:
                connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES
                )
                connection.setblocking(False)
                is_connected = False
                try:
                    await asyncio.get_running_loop().sock_connect(
                        connection, (host, int(port))
                    )
                    is_connected = True
                    self.connected += 1
                    await kind(Slow(self, connection, number))
                except OSError:
                    pass  # let go while it sent
                finally:
                    self.connected -= is_connected
            self.let_go[kind.__name__] += 1
            await asyncio.sleep(PAUSE_S)


@dataclass
class RunningCrowd:
    """The process, as a test sees it."""

    process: subprocess.Popen[str]
    said: dict[str, object] = field(default_factory=dict[str, object])

    def hear(self) -> None:
        """Take in what it says, until its end."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said = json.loads(line)

    @property
    def connected(self) -> int:
        """How many are connected now."""
        return int(str(self.said.get("connected", 0)))

    @property
    def come(self) -> int:
        """How many came, also those that were let go and came again."""
        let_go = cast("dict[str, int]", self.said.get("let_go", {}))
        return self.connected + sum(let_go.values())


@contextmanager
def run_crowd(
    server: ServerProcess, bucket: str, count: int
) -> Generator[RunningCrowd]:
    """Have `count` slow clients at `server` until the context ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "support.crowd", server.address, bucket, str(count)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    running = RunningCrowd(process)
    hearing = threading.Thread(target=running.hear)
    hearing.start()
    try:
        wait_until("nearly all have come", lambda: running.come > 0.8 * count)
        yield running
    finally:
        assert process.stdin is not None
        process.stdin.close()
        if process.wait(60):
            raise AssertionError("the crowd has failed")
        hearing.join()
        assert process.stdout is not None
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(Crowd(sys.argv[1], sys.argv[2]).run(int(sys.argv[3])))
