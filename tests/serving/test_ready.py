"""Whether the server accepts work: what a load balancer hears, from the start to the end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

import pytest

from support import s3server
from support.edges import at, connect, read_all, refuses, write_head
from support.s3server import Answer, ServerProcess, exchange, run_server, start_process
from support.workers import figure, find_workers, wait_until

LOOKS_MAX = 100_000
METRICS = ("--metrics", "127.0.0.1:0")
UNSIGNED = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
DOMAIN = "lake.test"


def ask(server: ServerProcess, method: str = "GET") -> Answer:
    return server.send_as_it_is(method, "/ready", {})


def begin_upload(server: ServerProcess, target: str, *more: str) -> socket.socket:
    """Return a connection on which an upload has begun, and waits for its body."""
    signed = server.sign("PUT", target, UNSIGNED)
    lines = [f"PUT {target} HTTP/1.1", f"Host: {server.address}"]
    lines += [f"{name}: {value}" for name, value in signed.items()]
    lines += ["Content-Length: 10", "Expect: 100-continue", *more]
    connection = connect(server)
    connection.sendall(write_head(lines))
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
    return connection


def test_every_listener_says_so_without_a_key(tmp_path: Path) -> None:
    places = ["--s3-listen", "127.0.0.1:0", "--flat-s3", "127.0.0.1:0=main", *METRICS]
    with run_server(tmp_path / "lake", *places) as main:
        s3, flat = at(main, "S3"), at(main, "S3 at the ref 'main'")
        for server in (main, s3, flat, at(main, "figures")):
            got = ask(server)
            assert (got.status, got.body) == (200, b"ready\n"), server.url
            assert got.headers["cache-control"] == "no-store"
            assert got.headers["server"] == "lakebed"
            assert (ask(server, "HEAD").status, ask(server, "HEAD").body) == (200, b"")
            assert ask(server, "POST").status in (403, 404, 405), server.url


@pytest.mark.parametrize(
    "arguments", [(), ("--s3-domain", DOMAIN)], ids=["path", "host"]
)
def test_a_bucket_of_that_name_is_a_bucket_all_the_same(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    with run_server(tmp_path / "lake", *arguments) as server:
        server.create_repository("ready")
        assert server.send("PUT", "/ready/main/x", body=b"x").status == 200

        assert b"<ListBucketResult" in server.send("GET", "/ready").body
        assert b"<ListBucketResult" in server.send("GET", "/ready?list-type=2").body
        url = server.s3(signature_version="s3v4").generate_presigned_url(
            "list_objects", {"Bucket": "ready"}
        )
        target = url.removeprefix(server.url)
        assert b"<ListBucketResult" in server.send_as_it_is("GET", target, {}).body
        assert ask(server).body == b"ready\n"
        if arguments:
            named: Mapping[str, str] = {"Host": f"ready.{DOMAIN}"}
            server.send("PUT", "/main/ready", named, body=b"object")
            key_named_ready = {"Host": f"ready.main.{DOMAIN}"}
            got = server.send("GET", "/ready", key_named_ready)
            assert got.body == b"object"
            assert server.send_as_it_is("GET", "/ready", key_named_ready).status == 403


def test_a_server_at_its_limit_of_requests_is_ready(tmp_path: Path) -> None:
    """Else a balancer would give its load to the others, which then fail too."""
    with (
        run_server(tmp_path / "lake", "--limit", "requests_max=3") as server,
        ExitStack() as stack,
    ):
        server.create_repository("limits")
        for number in range(3):
            stack.enter_context(begin_upload(server, f"/limits/main/{number}"))

        assert server.send("GET", "/limits/main/x").status == 503
        assert ask(server).status == 200


# --- the end --------------------------------------------------------------------------


def hear_the_end(server: ServerProcess) -> None:
    """Tell `server` to stop, and check what a balancer hears from then on.

    It asks on a connection that it keeps, on new ones, and beside the figures.
    """
    server.create_repository("ending")
    figures = at(server, "figures")
    with ExitStack() as stack:
        slow = stack.enter_context(begin_upload(server, "/ending/main/slow"))
        kept = http.client.HTTPConnection(server.address, timeout=30)
        stack.callback(kept.close)
        assert exchange(kept, "GET", "/ready", {}).status == 200
        assert ask(figures).status == 200

        server.process.send_signal(signal.SIGTERM)

        heard = Answer(200, {}, b"")
        for _ in range(LOOKS_MAX):
            heard = exchange(kept, "GET", "/ready", {})
            if heard.status != 200 or "connection" in heard.headers:
                break
        assert heard.status == 503
        assert heard.headers["connection"] == "close"
        assert heard.headers["retry-after"] == "1"
        assert heard.body == b"not ready: the server stops\n"
        assert ask(figures).status == 503
        wait_until("nobody listens", lambda: refuses(server))
        wait_until("others are let go", lambda: count_connections(server) == 1)
        got = ask(figures)
        assert (got.status, got.headers["retry-after"]) == (503, "1")
        assert server.process.poll() is None, "what runs may finish"

        slow.sendall(b"0123456789")
        assert read_all(slow).startswith(b"HTTP/1.1 200 OK\r\n")
    assert server.process.wait(60) == 0
    assert refuses(figures)


def count_connections(server: ServerProcess) -> float:
    return figure(server, "lakebed_open_connections")


@pytest.mark.parametrize("workers", ["1", "3"])
def test_from_the_signal_to_the_end_it_is_not_ready(
    tmp_path: Path, workers: str
) -> None:
    with run_server(tmp_path / "lake", *METRICS, "--workers", workers) as server:
        hear_the_end(server)


def test_a_server_that_is_ready_to_its_end_is_noticed(tmp_path: Path) -> None:
    with (
        run_server(tmp_path / "lake", *METRICS, without="readiness") as server,
        pytest.raises(AssertionError, match="200"),
    ):
        hear_the_end(server)


# --- the beginning, and workers that come and go --------------------------------------


def test_a_server_that_starts_is_not_ready_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where requests come in a balancer waits; where figures are it hears why."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import signal, sys\n"
        "if 'lakebed.server.supervising.worker' in sys.orig_argv:\n"
        "    signal.pause()\n"
    )
    monkeypatch.setattr(s3server, "ADMIN_ENVIRONMENT", {"PYTHONPATH": str(hook)})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = ("--listen", "127.0.0.1:0", "--metrics", address, "--workers", "2")
    process = start_process(tmp_path / "lake", *options)
    try:
        figures = ServerProcess(process, f"http://{address}", "")
        wait_until("figures are shown", lambda: not refuses(figures))

        got = ask(figures)

        assert (got.status, got.body) == (503, b"not ready: the server starts\n")
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_replacing_workers_is_no_reason_to_go_elsewhere(tmp_path: Path) -> None:
    with run_server(tmp_path / "lake", *METRICS, "--workers", "2") as server:
        figures = at(server, "figures")
        before = set(find_workers(server).values())
        kept = [
            http.client.HTTPConnection(server.address, timeout=30) for _ in "12345678"
        ]
        server.process.send_signal(signal.SIGHUP)

        def are_replaced() -> bool:
            return (
                figure(server, "lakebed_worker_restarts_total", reason="replaced") == 2
            )

        for asked, connection in enumerate(cycle(kept), 1):
            got = exchange(connection, "GET", "/ready", {})
            assert got.status == 200, got.body
            assert ask(figures).status == 200
            if asked % 50 == 0 and are_replaced():
                break
        for connection in kept:
            connection.close()
        assert not before & set(find_workers(server).values())


def test_of_a_server_whose_workers_are_all_gone_the_figures_say_so(
    tmp_path: Path,
) -> None:
    with run_server(tmp_path / "lake", *METRICS, "--workers", "2") as server:
        figures = at(server, "figures")
        for pid in find_workers(server).values():
            os.kill(pid, signal.SIGKILL)  # not waited for: the next is started at once

        wait_until("it is said", lambda: ask(figures).status == 503)
        wait_until("it is over", lambda: ask(figures).status == 200)
