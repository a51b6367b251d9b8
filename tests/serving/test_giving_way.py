"""Slow clients do not keep others out: who has waited longest for its client gives way."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvloop
from lakebed.server.serving.accepting import Acceptor
from lakebed.server.serving.giving_way import Places

from support.edges import connect, read_all
from support.s3raw import signed_head
from support.s3server import ServerProcess, run_server
from support.workers import figure, wait_until

METRICS = ("--metrics", "127.0.0.1:0")
PLACES = 4
GRACE_S = 0.5
CONNECTIONS = 300
LARGE_BYTES = 16 * 1024 * 1024
CONTINUE = "expect: 100-continue"


@contextmanager
def run_limited(directory: Path, **limits: float) -> Generator[ServerProcess]:
    """Run a server with a bucket `limits`."""
    arguments = [f"--limit={name}={value}" for name, value in limits.items()]
    with run_server(directory, *METRICS, *arguments) as server:
        server.create_repository("limits")
        yield server


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("giving") / "lake"
    limits = {"requests_max": PLACES, "grace_s": GRACE_S, "streams_max": 1}
    with run_limited(directory, **limits) as server:
        body = os.urandom(LARGE_BYTES)
        assert server.send("PUT", "/limits/main/large", body=body).status == 200
        yield server


def begin_upload(server: ServerProcess, key: str, size_bytes: int) -> socket.socket:
    """Return a connection on which the server waits for a body."""
    target = f"/limits/main/{key}"
    connection = connect(server)
    connection.sendall(signed_head(server.address, "PUT", target, size_bytes, CONTINUE))
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
    return connection


def begin_reading(server: ServerProcess) -> socket.socket:
    """Return a connection on which nobody takes an object that is sent."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    host, port = server.address.split(":")
    connection.connect((host, int(port)))
    connection.sendall(signed_head(server.address, "GET", "/limits/main/large"))
    return connection


def is_reset(connection: socket.socket) -> bool:
    """Tell whether the server breaks off what it sends; for what it sends to its end."""
    try:
        return len(read_all(connection)) < LARGE_BYTES
    except ConnectionResetError:
        return True


def is_served(server: ServerProcess) -> bool:
    return server.send("GET", "/limits/main/none").status == 404


def wait_for_places(server: ServerProcess, count: int) -> None:
    wait_until(
        f"{count} requests run",
        lambda: figure(server, "lakebed_running_requests") == count,
    )


def test_of_slow_bodies_the_one_that_waited_longest_gives_way(
    lake: ServerProcess,
) -> None:
    gave_way = figure(lake, "lakebed_gave_way_total")
    with ExitStack() as stack:
        slow = [
            stack.enter_context(begin_upload(lake, f"slow/{number}", 10))
            for number in range(PLACES)
        ]
        wait_until("a good client is served", lambda: is_served(lake))

        answer = read_all(slow[0])
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"<Code>SlowDown</Code>" in answer
        assert b"Retry-After: 1\r\n" in answer
        assert figure(lake, "lakebed_gave_way_total") == gave_way + 1
        for connection in slow[1:]:
            connection.sendall(b"0123456789")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK"), "not enough"


def test_who_reads_nothing_gives_way_too(lake: ServerProcess) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(begin_reading(lake)) for _ in range(PLACES)]
        wait_for_places(lake, PLACES)
        wait_until("a good client is served", lambda: is_served(lake))

        # They began at nearly the same time: it may be any of them.
        assert [is_reset(connection) for connection in slow].count(True) == 1


def test_a_slow_upload_gives_its_turn_to_one_that_waits(lake: ServerProcess) -> None:
    """The turns of large bodies are few: 16 slow ones would hold all of them."""
    with begin_upload(lake, "slow", LARGE_BYTES) as slow:
        body = bytes(LARGE_BYTES)
        assert lake.send("PUT", "/limits/main/good", body=body).status == 200

        assert read_all(slow).startswith(b"HTTP/1.1 503 ")


def test_while_there_is_room_nobody_gives_way(lake: ServerProcess) -> None:
    with begin_upload(lake, "patient", 10) as slow:
        wait_for_places(lake, 1)
        slow.settimeout(4 * GRACE_S)
        with pytest.raises(TimeoutError):
            slow.recv(1)
        assert is_served(lake)
        slow.sendall(b"0123456789")
        assert slow.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_answers_that_nobody_takes_are_bounded_in_all(tmp_path: Path) -> None:
    """They are no requests any more, and hold memory all the same."""
    with (
        run_limited(
            tmp_path / "lake", unread_bytes_max=4_000_000, grace_s=0.5
        ) as server,
        ExitStack() as stack,
    ):
        target = "/limits/main/middle"
        server.send("PUT", target, body=os.urandom(250_000))
        head = signed_head(server.address, "GET", target, close=False)
        for _ in range(40):
            connection = stack.enter_context(connect(server))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(head * 40)

        def unread() -> float:
            return figure(server, "lakebed_unread_bytes")

        wait_until("they are left", lambda: unread() > 0)
        wait_until("some are let go", lambda: unread() <= 4_000_000)
        wait_until(
            "their connections are closed",
            lambda: figure(server, "lakebed_open_connections") < 40,
        )


# --- who is the slowest ---------------------------------------------------------------


@dataclass
class Waiting:
    """What waits, or not."""

    waiting_since_s: float | None
    gave_way: bool = False

    def give_way(self) -> None:
        self.gave_way, self.waiting_since_s = True, None


def test_the_slowest_gives_way_and_no_other() -> None:
    waiters = [Waiting(since_s) for since_s in (5.0, None, 3.0, 4.0, 9.5)]
    places = Places(grace_s=2)

    assert places.make_room(waiters, 10)

    assert [each.gave_way for each in waiters] == [False, False, True, False, False]
    assert [places.make_room(waiters, 10) for _ in range(3)] == [True, True, False]
    assert not waiters[4].gave_way, "it has waited for half a second"
    assert places.gave_way_count == 3
    assert not places.make_room(waiters, 11)
    assert places.make_room(waiters, 11.6)


# --- taking connections ---------------------------------------------------------------


def test_all_who_wait_are_taken_before_a_socket_is_closed() -> None:
    """A turn of uvloop takes one of them: the others would be reset."""

    async def accept(listening: socket.socket) -> None:
        over, left = asyncio.Event(), CONNECTIONS

        class Greeter(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                writing: Any = transport  # uvloop's are none by their class
                writing.write(b"hello")
                writing.close()

            def connection_lost(self, exc: Exception | None) -> None:
                nonlocal left
                left -= 1
                if not left:
                    over.set()

        acceptor = Acceptor(listening, Greeter, tls=None, handshake_s_max=1)
        acceptor.close()
        async with asyncio.timeout(30):
            await over.wait()

    with ExitStack() as stack:
        listening = socket.create_server(("127.0.0.1", 0), backlog=400)
        listening.setblocking(False)
        address = listening.getsockname()
        waiting = [
            stack.enter_context(socket.create_connection(address, timeout=30))
            for _ in range(CONNECTIONS)
        ]

        uvloop.run(accept(listening))

        assert [read_all(each) for each in waiting] == [b"hello"] * CONNECTIONS
