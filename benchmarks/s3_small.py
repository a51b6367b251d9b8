"""Small objects over S3: signed GETs of 1 KiB, durable PUTs of 4 KiB.

Guards two promises: a signed, verified GET reaches 0.25 of what the same HTTP server
does when it answers with constant bytes; a durable PUT reaches twice what SeaweedFS
does. Servers run on one core, the load comes from another; both sides of a comparison
take turns in one run, and the median of the rounds counts.

    python -m benchmarks.s3_small [--rounds 3] [--seconds 4] [--dir DIR] [--skip-peer]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

import uvloop
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .report import report

KEY_ID, SECRET = "BENCHKEY", "benchmark-secret"
SERVER_CORE, LOAD_CORE = 0, 1
GET_BYTES, GET_CLIENTS, GET_OBJECTS = 1024, 16, 512
PUT_BYTES, PUT_CLIENTS = 4096, 32
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *([0-9]+)")

BARE = f"""
import asyncio, sys, uvloop
from aiohttp import web
BODY = bytes({GET_BYTES})
async def handle(request):
    return web.Response(body=BODY)
async def main():
    server = web.Server(handle, access_log=None)
    await asyncio.get_running_loop().create_server(server, "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await asyncio.Event().wait()
uvloop.run(main())
"""


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


def sign(port: int, method: str, target: str, body: bytes = b"") -> bytes:
    """Return a signed request as it goes over the wire."""
    url = f"http://127.0.0.1:{port}{target}"
    request = AWSRequest(method, url, data=body)
    S3SigV4Auth(Credentials(KEY_ID, SECRET), "s3", "us-east-1").add_auth(request)
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if body or method == "PUT":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def for_ever(requests: list[bytes]) -> Iterator[bytes]:
    """Yield `requests` again and again."""
    while True:
        yield from requests


def puts(port: int, bucket: str, count: int) -> list[bytes]:
    """Return PUTs of different bytes under different keys."""
    run = secrets.token_hex(4)
    return [
        sign(port, "PUT", f"/{bucket}/{run}/{number:06}", os.urandom(PUT_BYTES))
        for number in range(count)
    ]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def pinned(*command: str, log: Path) -> Generator[subprocess.Popen[bytes]]:
    """Run `command` on the core of servers."""
    environment = {
        **os.environ,
        "LAKEBED_ACCESS_KEY_ID": KEY_ID,
        "LAKEBED_SECRET_ACCESS_KEY": SECRET,
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), *command],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(ready: object, what: str) -> None:
    """Wait until the function `ready` says so."""
    assert callable(ready)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{what} did not start")


@contextmanager
def lakebed(folder: Path) -> Generator[int]:
    """Run our server, with the bucket `bench`; yield its port."""
    port = free_port()
    log = folder / "lakebed.log"
    command = [sys.executable, "-m", "lakebed.server", str(folder / "lake")]
    command += ["--listen", f"127.0.0.1:{port}", "--init-admin"]
    with pinned(*command, log=log):
        wait_until(lambda: b"ready" in log.read_bytes(), "lakebed")
        body = {"name": "bench", "storage_namespace": "local://bench"}
        opener = urllib.request.build_opener()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/repositories",
            data=json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": _basic(),
            },
        )
        opener.open(request, timeout=10).close()
        yield port


def _basic() -> str:
    return "Basic " + b64encode(f"{KEY_ID}:{SECRET}".encode()).decode()


@contextmanager
def bare(folder: Path) -> Generator[int]:
    """Run an aiohttp server that answers with constant bytes; yield its port."""
    port = free_port()
    log = folder / "bare.log"
    with pinned(sys.executable, "-c", BARE, str(port), log=log):
        wait_until(lambda: b"ready" in log.read_bytes(), "the bare server")
        yield port


@contextmanager
def seaweedfs(folder: Path) -> Generator[int]:
    """Run SeaweedFS, with the bucket `bench`; yield the port of its gateway."""
    weed = shutil.which("weed") or str(Path(sys.executable).parent / "weed")
    identity = {
        "name": "bench",
        "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    data = folder / "weed"
    data.mkdir()
    master, volume, filer, s3 = 19333, 18080, 18888, 18333
    command = [weed, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-master.port={master}", f"-volume.port={volume}", "-filer", "-s3"]
    command += [f"-filer.port={filer}", f"-s3.port={s3}", f"-s3.config={config}"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=100"]
    command += ["-master.volumeSizeLimitMB=64"]

    def is_leader() -> bool:
        url = f"http://127.0.0.1:{master}/cluster/status"
        with urllib.request.urlopen(url, timeout=2) as answer:
            return b'"IsLeader":true' in answer.read().replace(b" ", b"")

    def has_bucket() -> bool:
        with socket.create_connection(("127.0.0.1", s3), timeout=5) as connection:
            connection.sendall(sign(s3, "PUT", "/bench"))
            return connection.recv(1000).startswith((b"HTTP/1.1 200", b"HTTP/1.1 409"))

    with pinned(*command, log=folder / "weed.log"):
        wait_until(is_leader, "SeaweedFS")
        wait_until(has_bucket, "the gateway of SeaweedFS")
        yield s3


def measure_gets(folder: Path, rounds: int, seconds: float) -> None:
    """Compare signed GETs with a server that does nothing."""
    with lakebed(folder) as port, bare(folder) as bare_port:
        objects = [
            sign(port, "PUT", f"/bench/main/{number}", os.urandom(GET_BYTES))
            for number in range(GET_OBJECTS)
        ]
        measure(port, objects, GET_CLIENTS, 60)
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(rounds):
            gets = [
                sign(port, "GET", f"/bench/main/{number}")
                for number in range(GET_OBJECTS)
            ]
            ours.append(measure(port, for_ever(gets), GET_CLIENTS, seconds))
            theirs.append(measure(bare_port, for_ever(gets), GET_CLIENTS, seconds))
    rate, peer = statistics.median(ours), statistics.median(theirs)
    report(
        "s3.get_small",
        size=f"{GET_BYTES} B, {GET_CLIENTS} clients, server on one core",
        value=rate,
        unit="requests/s",
        limit=0.25 * peer,
        peer=peer,
        peer_name="bare aiohttp",
        ratio=rate / peer,
        us_each=1e6 / rate,
    )


def measure_puts(folder: Path, rounds: int, seconds: float, *, with_peer: bool) -> None:
    """Compare durable PUTs with SeaweedFS."""
    with ExitStack() as stack:
        port = stack.enter_context(lakebed(folder))
        peer_port = stack.enter_context(seaweedfs(folder)) if with_peer else 0
        ours: list[float] = []
        theirs: list[float] = []
        count = int(5000 * seconds)
        for _ in range(rounds):
            requests = puts(port, "bench/main", count)
            ours.append(measure(port, requests, PUT_CLIENTS, seconds))
            if with_peer:
                requests = puts(peer_port, "bench", count)
                theirs.append(measure(peer_port, requests, PUT_CLIENTS, seconds))
    rate = statistics.median(ours)
    peer = statistics.median(theirs) if theirs else None
    report(
        "s3.put_small",
        size=f"{PUT_BYTES} B, {PUT_CLIENTS} clients, server on one core",
        value=rate,
        unit="requests/s",
        limit=2 * peer if peer else None,
        peer=peer,
        peer_name="SeaweedFS" if peer else "",
        ratio=rate / peer if peer else 0.0,
    )


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--dir", default=None, help="a folder on the disk to measure")
    parser.add_argument("--skip-peer", action="store_true", help="without SeaweedFS")
    parser.add_argument("--only", choices=["get", "put"])
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    for name in ("get", "put"):
        if options.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory(dir=options.dir) as folder:
            path = Path(folder)
            if name == "get":
                measure_gets(path, options.rounds, options.seconds)
            else:
                measure_puts(
                    path,
                    options.rounds,
                    options.seconds,
                    with_peer=not options.skip_peer,
                )


if __name__ == "__main__":
    main()
