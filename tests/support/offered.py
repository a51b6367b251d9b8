"""Load that is offered to a server: as much as it takes, or more than that.

A closed loop asks again when it was answered, and so finds what a server can take. An open
loop asks at a given rate whatever comes of it, as many clients do who do not know of each
other. Both judge each answer, and take the time of it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from support.s3raw import signed_head

CONNECTIONS_MAX = 1500
"""Of an open loop: more than all workers take in at one time."""
TICK_S = 0.002
IDLE_S_MAX = 30.0
KEYS = 64
BODY = bytes(4096)
_CONTINUE = b"HTTP/1.1 100 "
_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """What is asked."""

    kind: str
    head: bytes
    body: bytes = b""
    """Sent when the server asks for it."""


def make_requests(address: str, bucket: str) -> list[Request]:
    """Return requests to draw from: seven reads, two writes, a listing."""
    requests: list[Request] = []
    for number in range(KEYS):
        key = f"/{bucket}/main/good/{number:02}"
        read = Request("read", signed_head(address, "GET", key, close=False))
        more = ("expect: 100-continue",)
        head = signed_head(address, "PUT", key, len(BODY), *more, close=False)
        requests += [read] * 7 + [Request("write", head, BODY)] * 2
        requests.append(
            Request("list", signed_head(address, "GET", f"/{bucket}", close=False))
        )
    random.Random(1).shuffle(requests)
    return requests


@dataclass
class Taken:
    """What came of the requests of a while."""

    seconds: float = 0.0
    sent: int = 0
    times_s: list[float] = field(default_factory=list[float])
    """Of what was accepted, in no order."""
    refusal_times_s: list[float] = field(default_factory=list[float])
    refused: int = 0
    wrong: Counter[str] = field(default_factory=Counter[str])
    """Whatever else came: failures, refusals that do not say what they must."""
    unsent: int = 0
    """There was no connection left: the server holds them all."""
    kinds: Counter[str] = field(default_factory=Counter[str])

    @property
    def accepted(self) -> int:
        """How many were answered."""
        return len(self.times_s)

    @property
    def rate(self) -> float:
        """Answers to accepted requests in a second."""
        return self.accepted / self.seconds

    def quantile_s(self, part: float) -> float:
        """Return the time in which this part of the accepted ones was answered."""
        ordered = sorted(self.times_s)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


class Client(asyncio.Protocol):
    """A connection that asks one thing at a time."""

    def __init__(self, on_answer: Callable[[Client, bytes], None]) -> None:
        self._on_answer = on_answer
        self._received = bytearray()
        self.transport: asyncio.Transport | None = None
        self.request: Request | None = None
        self.sent_s = self.answered_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, request: Request) -> None:
        assert self.transport is not None
        self.request = request
        self.sent_s = perf_counter()
        self.transport.write(request.head)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.startswith(_CONTINUE):
            end = self._received.find(_END)
            if end < 0:
                return
            del self._received[: end + len(_END)]
            assert self.request is not None
            assert self.transport is not None
            self.transport.write(self.request.body)
        end = self._received.find(_END)
        if end < 0:
            return
        at = self._received.lower().find(b"content-length: ", 0, end)
        length = int(self._received[at + 16 : self._received.find(b"\r\n", at)])
        if len(self._received) < end + len(_END) + length:
            return
        answer = bytes(self._received)
        self._received.clear()
        self._on_answer(self, answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.request is not None:
            self._on_answer(self, b"")


class Offered:
    """Load on one server."""

    def __init__(self, address: str, bucket: str) -> None:
        self._address, self._bucket = address, bucket
        self._host, port = address.split(":")
        self._port = int(port)
        self._requests = make_requests(address, bucket)
        self._next = 0
        self._idle: list[Client] = []
        self._open: set[Client] = set()
        self._taken = Taken()
        self._again: Callable[[Client], None] | None = None
        self._opening: set[asyncio.Task[None]] = set()

    @property
    def connection_count(self) -> int:
        """How many connections there are."""
        return sum(client.transport is not None for client in self._open)

    async def fill(self) -> None:
        """Write each object once, so that it can be read."""
        writes = {each.head: each for each in self._requests if each.kind == "write"}
        left = list(writes.values())
        done = asyncio.Event()

        def again(client: Client) -> None:
            if left:
                client.ask(left.pop())
            else:
                done.set()

        self._again = again
        again(await self._connect())
        await done.wait()
        self._again = None
        assert not self._taken.wrong, self._taken.wrong

    async def run_closed(self, clients: int, seconds: float) -> Taken:
        """Let `clients` ask again and again; return what came of it."""
        taken = self._taken = Taken()
        began = perf_counter()
        is_over = False

        def again(client: Client) -> None:
            if not is_over:
                self._ask(client)

        self._again = again
        for _ in range(clients):
            self._ask(self._idle.pop() if self._idle else await self._connect())
        await asyncio.sleep(seconds)
        is_over = True
        taken.seconds = perf_counter() - began
        self._again = None
        await self._come_to_rest()
        return taken

    async def run_open(self, rate: float, seconds: float) -> Taken:
        """Ask `rate` times in a second; return what came of it."""
        # Signed anew: a signature counts for a quarter of an hour.
        self._requests = make_requests(self._address, self._bucket)
        taken = self._taken = Taken()
        began = perf_counter()
        due = 0.0
        while (now := perf_counter() - began) < seconds:
            due = rate * now
            while taken.sent + taken.unsent < due:
                self._ask_somehow()
            await asyncio.sleep(TICK_S)
        taken.seconds = perf_counter() - began
        await self._come_to_rest()
        return taken

    async def close(self) -> None:
        """Let go of all connections."""
        for client in self._open:
            client.request = None
            if client.transport is not None:
                client.transport.abort()
        await asyncio.sleep(0)

    def _ask_somehow(self) -> None:
        while self._idle:
            client = self._idle.pop()
            if client.transport is None or client.transport.is_closing():
                self._open.discard(client)
            elif perf_counter() - client.answered_s > IDLE_S_MAX:
                self._open.discard(client)  # before the server lets go of it
                client.transport.close()
            else:
                self._ask(client)
                return
        if len(self._open) + len(self._opening) >= CONNECTIONS_MAX:
            self._taken.unsent += 1
            return
        self._taken.sent += 1
        task = asyncio.ensure_future(self._ask_anew())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _ask_anew(self) -> None:
        try:
            client = await self._connect()
        except OSError as error:
            self._taken.wrong[f"cannot connect: {error}"] += 1
            return
        self._taken.sent -= 1
        self._ask(client)

    def _ask(self, client: Client) -> None:
        self._next = (self._next + 1) % len(self._requests)
        self._taken.sent += 1
        client.ask(self._requests[self._next])

    async def _connect(self) -> Client:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(
            lambda: Client(self._note), self._host, self._port
        )
        self._open.add(client)
        return client

    async def _come_to_rest(self) -> None:
        async with asyncio.timeout(120):
            while self._opening or any(  # noqa: ASYNC110 - an end to sum it up
                client.request for client in self._open
            ):
                await asyncio.sleep(0.01)

    def _note(self, client: Client, answer: bytes) -> None:
        request, client.request = client.request, None
        assert request is not None
        taken = self._taken
        client.answered_s = perf_counter()
        spent_s = client.answered_s - client.sent_s
        head, _, body = answer.partition(_END)
        if head.startswith(b"HTTP/1.1 200 "):
            taken.times_s.append(spent_s)
            taken.kinds[request.kind] += 1
        elif head.startswith(b"HTTP/1.1 503 "):
            taken.refused += 1
            taken.refusal_times_s.append(spent_s)
            if b"\r\nretry-after: " not in head.lower():
                taken.wrong["a refusal does not say when to come again"] += 1
            if b"<Code>SlowDown</Code>" not in body:
                taken.wrong["a refusal does not say SlowDown"] += 1
        else:
            taken.wrong[f"{request.kind}: {head[:60].decode() or 'broke off'}"] += 1
        if not head or b"\r\nconnection: close" in head.lower():
            self._open.discard(client)
            if client.transport is not None:
                client.transport.close()
        elif self._again is None:
            self._idle.append(client)
        if self._again is not None and client.transport is not None:
            self._again(client)
