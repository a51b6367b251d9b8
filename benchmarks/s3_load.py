"""Load over HTTP from one process: clients that send one request after the other."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Iterator
from typing import cast

import uvloop
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY_ID, SECRET = "BENCHKEY", "benchmark-secret"
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *([0-9]+)")


class Client(asyncio.Protocol):
    """Sends requests over one connection, one after the other."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._received = bytearray()
        self._size: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports do not call themselves what they are.
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        request = self._load.next_request()
        if request is None:
            self._transport.close()
            self._load.leave()
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take the answer; when it is whole, send the next request."""
        self._received += data
        if self._size is None:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(self._received, 0, end)
            self._size = end + 4 + (int(length[1]) if length else 0)
            if not self._received.startswith(b"HTTP/1.1 20"):
                self._load.refuse(bytes(self._received[:2000]))
        if len(self._received) >= self._size:
            self._received.clear()
            self._size = None
            self._load.done += 1
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the server hung up."""
        if exc is not None:
            self._load.refuse(str(exc).encode())


class Load:
    """A number of clients that share a supply of requests, for some seconds."""

    def __init__(self, requests: Iterator[bytes], clients: int, seconds: float) -> None:
        self._requests = requests
        self._left = clients
        self._stop_at = time.perf_counter() + seconds
        self._over = asyncio.get_running_loop().create_future()
        self.done = 0

    def next_request(self) -> bytes | None:
        """Return what to send; None if the time is over."""
        if time.perf_counter() >= self._stop_at:
            return None
        return next(self._requests, None)

    def leave(self) -> None:
        """Note that a client is done."""
        self._left -= 1
        if not self._left and not self._over.done():
            self._over.set_result(None)

    def refuse(self, answer: bytes) -> None:
        """Note that a request was not answered well: the figure is worth nothing."""
        if not self._over.done():
            self._over.set_exception(RuntimeError(f"refused: {answer!r}"))

    async def run(self, port: int, clients: int) -> float:
        """Return answers a second."""
        loop = asyncio.get_running_loop()
        start = time.perf_counter()
        for _ in range(clients):
            await loop.create_connection(lambda: Client(self), "127.0.0.1", port)
        async with asyncio.timeout(120):
            await self._over
        return self.done / (time.perf_counter() - start)


def measure(
    port: int, requests: Iterable[bytes], clients: int, seconds: float
) -> float:
    """Return answers a second of `clients` that send `requests`."""

    async def run() -> float:
        return await Load(iter(requests), clients, seconds).run(port, clients)

    return uvloop.run(run())


class _Signer(S3SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """botocore's, which over http signs the SHA-256 of a body whatever it is told."""

    claimed = ""

    def payload(self, request: AWSRequest) -> str:
        """Return what stands for the body."""
        return self.claimed or cast("str", super().payload(request))


def sign(
    port: int, method: str, target: str, body: bytes = b"", *, payload: str = ""
) -> bytes:
    """Return a signed request as it goes over the wire.

    `payload` stands in place of the SHA-256 of the body, if it is given.
    """
    url = f"http://127.0.0.1:{port}{target}"
    request = AWSRequest(method, url, data=body)
    signer = _Signer(Credentials(KEY_ID, SECRET), "s3", "us-east-1")
    signer.claimed = payload
    signer.add_auth(request)
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if body or method == "PUT":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def for_ever(requests: list[bytes]) -> Iterator[bytes]:
    """Yield `requests` again and again."""
    while True:
        yield from requests
