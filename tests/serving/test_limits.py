"""What a client cannot do to a server: hold it, flood it, or make it talk nonsense."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

from support.edges import connect, read_all, write_head
from support.s3server import Answer, ServerProcess, run_server

MIB = 1024 * 1024
LARGE_BYTES = 64 * MIB
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
PATIENCE_S = 40.0
"""Far more than any limit here; what does not happen within it does not happen."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    limits = {
        "stall_s_max": 1.5,
        "head_s_max": 1.5,
        "keepalive_s": 6,
        "linger_s": 0.5,
        "requests_max": 8,
        "connections_max": 24,
        "header_count_max": 40,
    }
    arguments = [f"--limit={name}={value}" for name, value in limits.items()]
    with run_server(tmp_path_factory.mktemp("limits") / "lake", *arguments) as running:
        running.create_repository("limits")
        yield running


@pytest.fixture(scope="module")
def large(lake: ServerProcess) -> str:
    target = "/limits/main/large"
    piece = os.urandom(MIB)
    body = b"".join(bytes([n]) + piece[1:] for n in range(LARGE_BYTES // MIB))
    assert lake.send("PUT", target, body=body).status == 200
    return target


def memory_bytes(server: ServerProcess) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def open_files(server: ServerProcess) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def wait_until(holds: Callable[[], bool], server: ServerProcess) -> None:
    """Return when `holds`; each look is a request, so that nobody sleeps."""
    end = monotonic() + PATIENCE_S
    while not holds():
        assert monotonic() < end, "it did not come to hold"
        server.send_as_it_is("GET", "/api/v1/healthcheck", {})


def signed_head(lake: ServerProcess, method: str, target: str, *more: str) -> bytes:
    signed = lake.sign(method, target, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    lines = [f"{method} {target} HTTP/1.1", f"Host: {lake.address}"]
    lines += [f"{name}: {value}" for name, value in signed.items()]
    return write_head([*lines, *more])


def code_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    root = ElementTree.fromstring(body)
    return int(head.split()[1]), root.findtext("Code") or ""


# --- clients that hold on -------------------------------------------------------------


@pytest.mark.parametrize("size", ["large", "small"])
def test_a_client_that_reads_nothing_is_let_go(
    lake: ServerProcess, large: str, size: str
) -> None:
    """Meanwhile it holds little memory; afterwards neither that nor a descriptor."""
    target = large
    if size == "small":  # sent at once: nothing of ours waits for the client
        target = "/limits/main/small"
        lake.send("PUT", target, body=os.urandom(250_000))
    lake.send("GET", target)  # what is cached once is no growth
    files, memory = open_files(lake), memory_bytes(lake)
    head = signed_head(lake, "GET", target)
    with ExitStack() as stack:
        for _ in range(4):
            connection = socket.socket()
            stack.enter_context(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(PATIENCE_S)
            parts = urlsplit(lake.url)
            connection.connect((parts.hostname, parts.port))
            connection.sendall(head if size == "large" else head * 40)
        wait_until(lambda: open_files(lake) >= files + 4, lake)
        assert memory_bytes(lake) - memory < LARGE_BYTES // 2

        # The clients hold on to their side, and still read nothing.
        wait_until(lambda: open_files(lake) <= files, lake)
        assert memory_bytes(lake) - memory < LARGE_BYTES // 2


def test_answers_that_nobody_reads_do_not_pile_up(lake: ServerProcess) -> None:
    """A thousand small answers are as much as a large one."""
    target = "/limits/main/piled"
    lake.send("PUT", target, body=os.urandom(250_000))
    lake.send("GET", target)
    memory, head = memory_bytes(lake), signed_head(lake, "GET", target)
    most = 0
    with connect(lake) as connection:
        connection.setblocking(False)
        end, left = monotonic() + 1.4, memoryview(head * 1000)
        while monotonic() < end:  # no stall yet
            with suppress(BlockingIOError):
                left = left[connection.send(left) :]
            most = max(most, memory_bytes(lake))
            lake.send_as_it_is("GET", "/api/v1/healthcheck", {})

    assert most - memory < LARGE_BYTES // 4


def test_a_client_that_goes_without_its_answers_is_no_defect(
    lake: ServerProcess,
) -> None:
    files = open_files(lake)
    head = write_head(["GET /x HTTP/1.1", "Host: x", "Authorization: AWS4"])
    with connect(lake, timeout_s=0.5) as connection, suppress(TimeoutError):
        while True:  # until neither side takes more
            connection.sendall(head * 100)
    wait_until(lambda: open_files(lake) <= files, lake)

    assert lake.send("GET", "/limits").status == 200
    assert lake.stderr is not None
    assert "the client is gone" not in lake.stderr.so_far()


def test_a_client_that_reads_slowly_is_served(lake: ServerProcess, large: str) -> None:
    """What it takes, however little, is something."""
    with connect(lake, timeout_s=PATIENCE_S) as connection:
        connection.sendall(signed_head(lake, "GET", large, "Connection: close"))
        got, end = 0, monotonic() + 4
        while monotonic() < end:  # twice as long as a stall may last
            got += len(connection.recv(65536))
            lake.send_as_it_is("GET", "/api/v1/healthcheck", {})
        while piece := connection.recv(MIB):
            got += len(piece)

    assert got > LARGE_BYTES


@pytest.mark.parametrize(
    "beginning", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\nX: "]
)
def test_a_head_that_does_not_end_is_let_go(
    lake: ServerProcess, beginning: bytes
) -> None:
    """Long before an idle connection would be, and though it goes on and on."""
    started = monotonic()
    with connect(lake) as connection:
        connection.sendall(beginning)
        connection.setblocking(False)
        with suppress(ConnectionError):  # it may break off while we send
            while monotonic() < started + PATIENCE_S:
                try:
                    if not connection.recv(100):
                        break
                except BlockingIOError:
                    lake.send_as_it_is("GET", "/api/v1/healthcheck", {})
                    connection.send(b"x")

    assert monotonic() - started < 5, "an idle connection lives 6 s"


def test_an_idle_connection_is_let_go(lake: ServerProcess) -> None:
    with connect(lake) as connection:
        connection.sendall(b"GET /api/v1/healthcheck HTTP/1.1\r\nHost: a\r\n\r\n")
        started = monotonic()
        answer = read_all(connection)

    assert answer.startswith(b"HTTP/1.1 204 ")
    assert 2.5 < monotonic() - started < 20, "it is kept longer than a head may take"


# --- too many -------------------------------------------------------------------------


def test_too_many_requests_are_told_before_their_bodies(lake: ServerProcess) -> None:
    waiting = signed_head(
        lake, "PUT", "/limits/main/slow", "Content-Length: 10", "Expect: 100-continue"
    )
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(lake)) for _ in range(8)]
        for connection in connections:
            connection.sendall(waiting)
            assert connection.recv(100).startswith(b"HTTP/1.1 100 ")

        s3 = lake.send("GET", "/limits/main/none")
        rest = lake.send_as_it_is("GET", "/api/v1/repositories", {})
        with connect(lake) as ninth:
            ninth.sendall(waiting)
            refused = read_all(ninth)
        for connection in connections:
            connection.sendall(b"0123456789")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")

    assert (s3.status, s3.headers["retry-after"]) == (503, "1")
    assert ElementTree.fromstring(s3.body).findtext("Code") == "SlowDown"
    assert (rest.status, rest.headers["retry-after"]) == (503, "1")
    assert rest.headers["content-type"] == "application/json"
    assert refused.startswith(b"HTTP/1.1 503 "), "the body was asked for"
    assert b"Connection: close" in refused
    assert lake.send("GET", "/limits/main/none").status == 404


def test_too_many_connections_are_told(lake: ServerProcess) -> None:
    with ExitStack() as stack:
        for _ in range(24):
            connection = stack.enter_context(connect(lake))
            connection.sendall(b"GET /api/v1/healthcheck HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 204 ")
        with connect(lake) as one_too_many:
            answer = read_all(one_too_many)

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in answer

    def is_served_again() -> bool:
        return lake.send_as_it_is("GET", "/api/v1/healthcheck", {}).status == 204

    wait_until(is_served_again, lake)


# --- heads that cannot be -------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (b"nonsense\r\n\r\n", "BadRequest"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "BadRequest"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "BadRequest"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", "BadRequest"),
        (
            b"PUT /a/b HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "BadRequest",
        ),
        (
            b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n" + CHUNKED,
            "BadRequest",
        ),
        (
            b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            "RequestHeaderSectionTooLarge",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
            "RequestHeaderSectionTooLarge",
        ),
        (
            b"GET /a HTTP/1.1\r\nHost: a\r\n"
            + b"".join(b"X%d: " % n + b"x" * 9000 + b"\r\n" for n in range(2))
            + b"\r\n",
            "RequestHeaderSectionTooLarge",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\n"
            + b"".join(b"X%d: y\r\n" % n for n in range(50))
            + b"\r\n",
            "BadRequest",
        ),
    ],
)
def test_what_does_not_parse_is_refused_in_the_words_of_s3(
    lake: ServerProcess, request_bytes: bytes, code: str
) -> None:
    """And nothing that it sent comes back, or is logged with a traceback."""
    with connect(lake) as connection:
        connection.sendall(request_bytes)
        if code == "RequestHeaderSectionTooLarge" and b"\r\nX1: " in request_bytes:
            answer = b""
            while b"</Error>" not in answer:  # this one parses: it may go on
                answer += connection.recv(4096)
        else:
            answer = read_all(connection)

    assert code_of(answer) == (400, code)
    head = answer.partition(b"\r\n\r\n")[0].decode()
    assert "Server: lakebed" in head
    assert "x-amz-request-id: " in head
    assert "Content-Type: application/xml" in head
    assert b"xxx" not in answer


def test_headers_up_to_the_limit_are_taken(lake: ServerProcess) -> None:
    headers = {f"X{number}": "x" * 1000 for number in range(14)}

    assert lake.send("GET", "/limits/main/none", headers).status == 404
    more: Answer = lake.send("GET", "/limits/main/none", {**headers, "Y": "x" * 3000})
    assert more.status == 400
    root: Any = ElementTree.fromstring(more.body)
    assert root.findtext("Code") == "RequestHeaderSectionTooLarge"
