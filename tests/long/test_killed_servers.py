"""10,000 uploads through a server that is killed again and again: none is lost."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from support.s3raw import UNSIGNED
from support.s3server import ServerProcess, run_server

pytestmark = pytest.mark.long

OBJECTS = 10_000
CLIENTS = 12
KILLS = 8
START_S_MAX = 60.0
UPLOAD_S_MAX = 600.0


def body_of(number: int) -> bytes:
    """Return the bytes of an object: most small, one of 50 a stream, one of 500 cut."""
    chance = random.Random(number)
    size = chance.randrange(1, 20_000)
    if number % 50 == 0:
        size = 300_000 + number
    if number % 500 == 0:
        size = 1_500_000 + number
    return chance.randbytes(size)


class Uploads:
    """Clients that upload all objects, each until it is acknowledged."""

    def __init__(self, bucket: str, address: str) -> None:
        self._bucket = bucket
        self._address = address
        self._numbers = iter(range(OBJECTS))
        self._lock = threading.Lock()
        self.acked: set[int] = set()
        self.unanswered = 0
        self._server: ServerProcess | None = None
        self._kill_at: int | None = None
        self._is_up = threading.Event()
        self.may_kill = threading.Event()

    def begin_life(self, server: ServerProcess, *, kill_at: int | None) -> None:
        """Go on with `server`, to be killed when so many are acknowledged."""
        self._server = server
        self.may_kill.clear()
        self._kill_at = kill_at
        self._is_up.set()

    def run(self) -> None:
        """Be one client."""
        connection = HTTPConnection(self._address, timeout=START_S_MAX)
        while True:
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                break
            while not self._put(connection, number):
                connection.close()
                # Unset only until the next server is ready: a client does not spin.
                assert self._is_up.wait(START_S_MAX)
            self._note(number)
        connection.close()

    def _put(self, connection: HTTPConnection, number: int) -> bool:
        """Return whether the upload was acknowledged; it may be stored if it was not."""
        server, body = self._server, body_of(number)
        assert server is not None
        target = f"/{self._bucket}/main/{number:05}"
        headers = server.sign("PUT", target, {"x-amz-content-sha256": UNSIGNED})
        try:
            connection.request("PUT", target, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, HTTPException):
            with self._lock:
                self.unanswered += 1
            return False
        assert answer.status == 200, text
        return True

    def _note(self, number: int) -> None:
        with self._lock:
            self.acked.add(number)
            if self._kill_at is not None and len(self.acked) >= self._kill_at:
                self._kill_at = None
                self._is_up.clear()
                self.may_kill.set()


def test_nothing_acknowledged_is_lost_in_many_kills(lake: Path) -> None:
    moments = sorted(random.Random(8).sample(range(200, OBJECTS - 200), KILLS))
    with run_server(lake) as server:
        bucket = server.create_repository("survivor")
        address = server.address
    uploads = Uploads(bucket, address)

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients: list[Future[None]] = []
        for moment in [*moments, None]:
            with run_server(lake, listen=address) as server:
                uploads.begin_life(server, kill_at=moment)
                if not clients:
                    clients = [pool.submit(uploads.run) for _ in range(CLIENTS)]
                if moment is not None:
                    assert uploads.may_kill.wait(UPLOAD_S_MAX)
                    server.kill()
                else:
                    for client in clients:
                        client.result()

    print(f"\n{KILLS} kills, {uploads.unanswered} uploads without an answer")
    assert uploads.acked == set(range(OBJECTS))
    assert uploads.unanswered >= KILLS, "no kill met an upload: the test checks nothing"
    with run_server(lake) as server:
        server.commit(bucket)
        for number, found in enumerate(read_all(server, bucket)):
            assert found == hashlib.sha256(body_of(number)).digest(), number
        assert list(list_keys(server, bucket)) == [
            f"main/{n:05}" for n in range(OBJECTS)
        ]


def read_all(server: ServerProcess, bucket: str) -> Iterator[bytes]:
    """Yield the digest of each object in order."""
    connection = HTTPConnection(server.address, timeout=START_S_MAX)
    for number in range(OBJECTS):
        target = f"/{bucket}/main/{number:05}"
        connection.request("GET", target, headers=server.sign("GET", target, {}))
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        yield hashlib.sha256(body).digest()
    connection.close()


def list_keys(server: ServerProcess, bucket: str) -> Iterator[str]:
    pages = server.s3().get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix="main/"):
        for found in page["Contents"]:
            yield found["Key"]
