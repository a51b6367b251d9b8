"""A stop is one of all listeners together: what runs on any of them may finish."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from support.edges import at, connect, read_all, refuses, write_head
from support.s3server import run_server
from support.workers import wait_until

LOOKS_MAX = 100_000
UNSIGNED = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
WAITING = ["Content-Length: 600000", "Expect: 100-continue"]


def test_what_runs_on_each_listener_finishes(tmp_path: Path) -> None:
    arguments = [
        *("--s3-listen", "127.0.0.1:0"),
        *("--flat-s3", "127.0.0.1:0=main"),
        *("--metrics", "127.0.0.1:0"),
    ]
    with run_server(tmp_path / "lake", *arguments) as main, ExitStack() as stack:
        main.create_repository("finishing")
        s3, flat = at(main, "S3"), at(main, "S3 at the ref 'main'")
        figures = at(main, "figures")
        running = {"/finishing/main/a": s3, "/finishing/b": flat}
        connections = {
            target: stack.enter_context(connect(server))
            for target, server in running.items()
        }
        for target, connection in connections.items():
            signed = running[target].sign("PUT", target, UNSIGNED)
            lines = [f"PUT {target} HTTP/1.1", f"Host: {running[target].address}"]
            lines += [f"{name}: {value}" for name, value in signed.items()]
            connection.sendall(write_head([*lines, *WAITING]))
            assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        idle = stack.enter_context(connect(main))
        idle.sendall(b"GET /api/v1/healthcheck HTTP/1.1\r\nHost: a\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 204 ")

        main.process.send_signal(signal.SIGTERM)

        for server in (main, s3, flat):
            wait_until(f"{server.url} refuses", partial(refuses, server))
        assert figures.send_as_it_is("GET", "/metrics", {}).status == 200
        assert read_all(idle) == b"", "an idle connection is closed"
        assert main.process.poll() is None
        for connection in connections.values():
            connection.sendall(b"x" * 600_000)
            answer = read_all(connection)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"Connection: close\r\n" in answer
        assert main.process.wait(60) == 0

    with run_server(tmp_path / "lake") as main:
        for key in ("a", "b"):
            got = main.send("HEAD", f"/finishing/main/{key}")
            assert got.headers["content-length"] == "600000"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_who_goes_on_asking_is_told_in_an_answer(tmp_path: Path, workers: str) -> None:
    """A connection that is closed just when its client asks is a request that fails."""
    ask = b"GET /api/v1/healthcheck HTTP/1.1\r\nHost: a\r\n\r\n"
    with run_server(tmp_path / "lake", "--workers", workers) as server:
        with connect(server) as client:
            client.sendall(ask)
            assert b"Connection: close" not in client.recv(1000)
            server.process.send_signal(signal.SIGTERM)
            for _ in range(LOOKS_MAX):
                client.sendall(ask)
                answer = client.recv(1000)
                assert answer.startswith(b"HTTP/1.1 204 ")
                if b"Connection: close" in answer:
                    break
            assert read_all(client) == b""
        assert server.process.wait(60) == 0
