"""A server of several workers: what is seen of them when they come, die and are replaced.

What the load does is bounded by counts, not by time. Each thing that must not be noticed
has a control: that the same load notices a worker that is killed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from lakebed.server.auth.secrets import AccessKey

from support import s3server
from support.certificates import Authority
from support.edges import at, connect, read_all, refuses, write_head
from support.s3server import ServerProcess, run_server, start_process
from support.workers import (
    figure,
    find_processes,
    find_workers,
    is_running,
    kill,
    load,
    scrape,
    wait_until,
)

METRICS = ("--metrics", "127.0.0.1:0")
HEALTHCHECK = b"GET /api/v1/healthcheck HTTP/1.1\r\nHost: a\r\n\r\n"
UNSIGNED = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}


@contextmanager
def run_workers(
    directory: Path, *arguments: str, workers: int = 2
) -> Generator[ServerProcess]:
    """Run a server of several workers, and see to it that none of them is left behind."""
    with run_server(directory, "--workers", str(workers), *arguments) as server:
        pids = find_processes(server)
        yield server
        if server.process.poll() is None:
            pids |= find_processes(server)
    wait_until("no worker is left", lambda: not any(map(is_running, pids)))


def begin_upload(
    server: ServerProcess, target: str, size: int = 600_000
) -> socket.socket:
    """Return a connection on which an upload has begun, and waits for its body."""
    signed = server.sign("PUT", target, UNSIGNED)
    lines = [f"PUT {target} HTTP/1.1", f"Host: {server.address}"]
    lines += [f"{name}: {value}" for name, value in signed.items()]
    lines += [f"Content-Length: {size}", "Expect: 100-continue"]
    connection = connect(server)
    connection.sendall(write_head(lines))
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
    return connection


def ask_health(connection: socket.socket) -> bytes:
    connection.sendall(HEALTHCHECK)
    return connection.recv(10_000)


def test_all_workers_serve_and_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3server, "ADMIN_ENVIRONMENT", {})
    with run_workers(tmp_path / "lake", workers=3) as server:
        assert server.ready_line == f"lakebed ready on {server.url} ({tmp_path}/lake)"
        assert sorted(find_workers(server)) == [0, 1, 2]
        lines = [line.strip().partition("=") for line in server.early_lines]
        given = {name: value for name, sign, value in lines if sign}
        assert len(server.early_lines) == 3, "the key is printed once"
        key = AccessKey(
            given["LAKEBED_ACCESS_KEY_ID"], given["LAKEBED_SECRET_ACCESS_KEY"]
        )
        for _ in range(20):
            assert server.send("GET", "/", key=key).status == 200
        assert server.stop() == 0
        assert server.stderr is not None
        assert server.stderr.read() == ""
        assert server.process.stdout is not None
        assert server.process.stdout.read() == ""
    with run_workers(tmp_path / "lake") as server:
        assert server.early_lines == []
        assert server.stop() == 0
        assert server.stderr is not None
        assert server.stderr.read().count("users exist already") == 1


def test_figures_are_those_of_all_workers_and_never_go_back(tmp_path: Path) -> None:
    with run_workers(tmp_path / "lake", *METRICS) as server:
        bucket = server.create_repository("counted")
        for number in range(40):
            server.send("PUT", f"/{bucket}/main/{number}", body=b"12345")

        seen = scrape(server)
        requests = "lakebed_requests_total"
        put = {"protocol": "s3", "operation": "PutObject", "status": "2xx"}
        assert figure(server, requests, **put) == 40
        assert figure(server, "lakebed_received_bytes_total", **put_of(put)) == 200
        assert figure(server, "lakebed_workers") == 2
        assert figure(server, "lakebed_ready_workers") == 2
        for slot, pid in find_workers(server).items():
            one = {"worker": str(slot)}
            assert figure(server, "lakebed_worker_resident_memory_bytes", **one) > 3e7
            assert figure(server, "lakebed_worker_cpu_seconds_total", **one) > 0.1
            kill(pid)

        wait_until(
            "both workers are there again",
            lambda: figure(server, "lakebed_ready_workers") == 2,
        )
        server.process.send_signal(signal.SIGHUP)
        wait_until("both workers are replaced", lambda: count_replaced(server) == 2)
        after = scrape(server)
        assert figure(server, "lakebed_worker_restarts_total", reason="died") == 2
        assert figure(server, requests, **put) == 40
        for (name, labels), value in seen.items():
            if name.startswith("lakebed_") and name.endswith(("_total", "_count")):
                assert after[name, labels] >= value, name


def put_of(labels: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != "status"}


def test_a_killed_worker_takes_only_what_it_had_accepted_with_it(
    tmp_path: Path,
) -> None:
    """And this is the control of what follows: the load does notice that."""
    with run_workers(tmp_path / "lake", *METRICS) as server:
        bucket = server.create_repository("killed")
        with load(server, bucket) as running:
            running.wait_for(50)
            for slot in (0, 1, 0):
                victim = find_workers(server)[slot]
                kill(victim)
                running.wait_for(30)
                wait_until(
                    "another one is there",
                    lambda: figure(server, "lakebed_ready_workers") == 2,
                )

        assert running.broken, "the load did not notice: it would notice nothing"
        assert running.refused == 0, "connections are taken all the time"
        assert len(running.broken) <= 3 * 6, "each client loses its request at most"
        running.check_acked(server)
        assert figure(server, "lakebed_worker_restarts_total", reason="died") == 3
        assert server.stderr is not None
        said = server.stderr.so_far()
        assert said.count("a worker is gone") == 3
        assert said.count("signal 9 (SIGKILL)") == 3
        assert "Traceback" not in said


def test_connections_of_a_dead_worker_are_taken_by_another_at_once(
    tmp_path: Path,
) -> None:
    with run_workers(tmp_path / "lake") as server:
        stopped = find_workers(server)[1]
        os.kill(stopped, signal.SIGSTOP)
        with ExitStack() as stack:
            # The kernel gives about half of them to the worker that takes none.
            waiting = [stack.enter_context(connect(server)) for _ in range(32)]
            for connection in waiting:
                connection.sendall(HEALTHCHECK)
            answered = [connection for connection in waiting if is_answered(connection)]
            assert 0 < len(answered) < 32
            os.kill(stopped, signal.SIGKILL)

            for connection in set(waiting) - set(answered):
                assert connection.recv(1000).startswith(b"HTTP/1.1 204 ")


def is_answered(connection: socket.socket) -> bool:
    """Tell whether an answer comes within a moment."""
    connection.settimeout(0.2)
    try:
        return connection.recv(1000).startswith(b"HTTP/1.1 204 ")
    except TimeoutError:
        return False
    finally:
        connection.settimeout(30)


def test_when_all_workers_are_killed_connections_wait_for_the_next(
    tmp_path: Path,
) -> None:
    with run_workers(tmp_path / "lake") as server:
        bucket = server.create_repository("killed")
        with load(server, bucket) as running:
            running.wait_for(50)
            for _ in range(2):
                for pid in find_workers(server).values():
                    os.kill(pid, signal.SIGKILL)
                running.wait_for(30)

        assert running.broken
        assert running.refused == 0
        running.check_acked(server)


def test_a_killed_supervisor_takes_its_workers_along_in_good_order(
    tmp_path: Path,
) -> None:
    lake = tmp_path / "lake"
    with run_workers(lake) as server:
        bucket = server.create_repository("orphans")
        address = server.address
        with load(server, bucket) as running:
            running.wait_for(50)
            workers = set(find_workers(server).values())
            with begin_upload(server, f"/{bucket}/main/slow") as slow:
                server.kill()

                wait_until("nobody listens", lambda: refuses(server))
                slow.sendall(b"x" * 600_000)
                assert read_all(slow).startswith(b"HTTP/1.1 200 OK\r\n")
            wait_until("no worker is left", lambda: not any(map(is_running, workers)))
            running.stop()

    with run_workers(lake, "--limit=stop_s_max=5") as server:
        running.check_acked(server)
        head = server.send("HEAD", f"/{bucket}/main/slow")
        assert head.headers["content-length"] == "600000"
    with run_server(lake, listen=address):
        pass  # the port is free


def test_workers_are_replaced_under_load_and_no_request_is_lost(
    tmp_path: Path,
) -> None:
    limit = "--limit=parting_s_max=2"
    with run_workers(tmp_path / "lake", *METRICS, limit) as server:
        bucket = server.create_repository("replaced")
        with ExitStack() as stack, load(server, bucket) as running:
            running.wait_for(50)
            idle = [stack.enter_context(connect(server)) for _ in range(8)]
            for connection in idle:
                assert ask_health(connection).startswith(b"HTTP/1.1 204 ")
            slow = stack.enter_context(begin_upload(server, f"/{bucket}/main/slow"))
            before = find_workers(server)
            server.process.send_signal(signal.SIGHUP)
            # Each is told to come by a new connection, in an answer.
            wait_until(
                "the first is replaced", lambda: find_workers(server)[0] != before[0]
            )
            for connection in idle:
                assert ask_health(connection).startswith(b"HTTP/1.1 204 ")
            slow.sendall(b"x" * 600_000)
            assert slow.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
            wait_until("all are replaced", lambda: count_replaced(server) == 2)
            running.wait_for(50)
            assert not set(before.values()) & set(find_workers(server).values())
            server.process.send_signal(signal.SIGHUP)
            wait_until("all are again", lambda: count_replaced(server) == 4)
            running.wait_for(50)

        assert running.broken == []
        assert running.refused == 0
        running.check_acked(server)
        assert server.stderr is not None
        assert server.stderr.so_far() == ""


def count_replaced(server: ServerProcess) -> float:
    return figure(server, "lakebed_worker_restarts_total", reason="replaced")


def test_a_client_is_told_to_go_before_its_connection_is_closed(
    tmp_path: Path,
) -> None:
    limit = "--limit=parting_s_max=1"
    with run_workers(tmp_path / "lake", limit) as server, ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(8)]
        for connection in clients:
            assert b"Connection: close" not in ask_health(connection)
        before = find_workers(server)
        server.process.send_signal(signal.SIGHUP)

        def is_told() -> bool:
            answers = [ask_health(connection) for connection in clients]
            told = [b"Connection: close" in answer for answer in answers]
            for connection, is_closed in zip(list(clients), told, strict=True):
                if is_closed:
                    assert read_all(connection) == b""
                    clients.remove(connection)
            return not clients

        wait_until("all are told", is_told)
        wait_until(
            "the workers are others",
            lambda: not set(before.values()) & find_processes(server),
        )


def test_a_worker_that_is_told_to_stop_is_replaced(tmp_path: Path) -> None:
    with run_workers(tmp_path / "lake") as server:
        bucket = server.create_repository("told")
        workers = find_workers(server)
        with begin_upload(server, f"/{bucket}/main/slow") as slow:
            for pid in workers.values():
                os.kill(pid, signal.SIGTERM)
            wait_until(
                "both have another one in their place",
                lambda: len(find_processes(server) - set(workers.values())) == 2,
            )
            slow.sendall(b"x" * 600_000)
            assert read_all(slow).startswith(b"HTTP/1.1 200 OK\r\n")
        assert server.send("HEAD", f"/{bucket}/main/slow").status == 200


def test_a_stop_under_load_loses_nothing_and_exits_with_0(tmp_path: Path) -> None:
    with run_workers(tmp_path / "lake") as server:
        bucket = server.create_repository("stopped")
        with load(server, bucket) as running:
            running.wait_for(50)
            with begin_upload(server, f"/{bucket}/main/slow") as slow:
                server.process.send_signal(signal.SIGTERM)
                wait_until("nobody listens", lambda: refuses(server))
                assert server.process.poll() is None
                slow.sendall(b"x" * 600_000)
                assert read_all(slow).startswith(b"HTTP/1.1 200 OK\r\n")
                assert server.process.wait(60) == 0
            running.stop()
        assert server.stderr is not None
        assert server.stderr.read() == ""

    with run_workers(tmp_path / "lake") as server:
        running.check_acked(server)


def test_ctrl_c_in_a_terminal_stops_in_good_order_and_again_at_once(
    tmp_path: Path,
) -> None:
    """It is sent to all processes of the terminal's group."""
    with run_workers(tmp_path / "lake") as server:
        bucket = server.create_repository("stopped")
        with begin_upload(server, f"/{bucket}/main/slow") as slow:
            for pid in (server.process.pid, *find_workers(server).values()):
                assert os.getpgid(pid) == pid or pid == server.process.pid
            server.process.send_signal(signal.SIGINT)
            wait_until("nobody listens", lambda: refuses(server))
            assert server.process.poll() is None, "the upload may go on"

            server.process.send_signal(signal.SIGINT)

            assert server.process.wait(20) == 0
            slow.settimeout(5)
            assert not slow.recv(1000).startswith(b"HTTP/1.1 200")
        assert server.stderr is not None
        assert "Traceback" not in server.stderr.read()


def test_a_new_certificate_that_is_none_leaves_the_old_workers(
    tmp_path: Path,
) -> None:
    files = Authority(tmp_path).issue("here")
    with run_workers(tmp_path / "lake", *METRICS, *files.arguments) as server:
        before = find_workers(server)
        files.certificate.write_text("nonsense")
        server.process.send_signal(signal.SIGHUP)
        assert server.stderr is not None
        said = server.stderr.so_far
        wait_until("it is said", lambda: "cannot replace a worker" in said())
        assert said().count("cannot read the certificate again") == 2
        assert find_workers(server) == before
        assert figure(server, "lakebed_ready_workers") == 2


@pytest.fixture
def dying(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which workers die as soon as they are started."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'lakebed.server.supervising.worker' in sys.orig_argv:\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    return {"PYTHONPATH": str(hook)}


def test_workers_that_die_at_once_are_given_up(
    tmp_path: Path, dying: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3server, "ADMIN_ENVIRONMENT", dying)
    process = start_process(
        tmp_path / "lake", "--listen", "127.0.0.1:0", "--workers", "2"
    )
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (1, "")
    *tries, last = err.splitlines()
    assert last == (
        "error: cannot start worker 0: it ended 5 times in a row before it was ready, "
        "the last time with: signal 9 (SIGKILL)"
    )
    assert len(tries) == 4
    assert all("signal 9 (SIGKILL)" in line for line in tries)


def test_what_cannot_start_is_one_line_with_several_workers_too(
    tmp_path: Path,
) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    process = start_process(tmp_path, "--listen", "127.0.0.1:0", "--workers", "3")
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (1, "")
    assert err.startswith(f"error: cannot use '{tmp_path}': it holds 'thesis.tex'")
    assert err.count("\n") == 1


@pytest.mark.parametrize("shares", [False, True], ids=["plain", "SO_REUSEPORT"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_that_a_stranger_has_is_refused(
    tmp_path: Path, workers: int, shares: bool
) -> None:
    with socket.socket() as stranger:
        if shares:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        address = f"127.0.0.1:{stranger.getsockname()[1]}"

        process = start_process(
            tmp_path / "lake", "--listen", address, "--workers", str(workers)
        )
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (1, "")
    assert err == (
        f"error: cannot listen on '{address}': address already in use: stop what "
        "listens there, or choose another port\n"
    )
    assert not (tmp_path / "lake").exists()


def test_an_address_that_is_given_twice_is_named(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"

    process = start_process(
        tmp_path / "lake", "--listen", address, "--flat-s3", f"{address}=main"
    )
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (1, "")
    assert err == (
        f"error: cannot listen on '{address}' twice: give each place an address of its "
        "own\n"
    )


def test_a_plain_use_of_so_reuseport_would_share_the_port_with_a_stranger() -> None:
    """The control of the test above: what we do not do would say nothing."""
    with socket.socket() as stranger, socket.socket() as ours:
        for one in (stranger, ours):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()

        ours.bind(stranger.getsockname())
        ours.listen()


def test_systemd_is_told_once_when_all_are_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        environment = {
            **s3server.ADMIN_ENVIRONMENT,
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
        }
        monkeypatch.setattr(s3server, "ADMIN_ENVIRONMENT", environment)
        for workers in (1, 2):
            with run_server(tmp_path / "lake", "--workers", str(workers)) as server:
                assert systemd.recv(100) == b"READY=1"
                server.process.send_signal(signal.SIGTERM)
                assert systemd.recv(100) == b"STOPPING=1"
        systemd.setblocking(False)
        with pytest.raises(BlockingIOError):
            systemd.recv(100)


def test_each_listener_is_served_by_all_workers(tmp_path: Path) -> None:
    places = ["--s3-listen", "127.0.0.1:0", "--flat-s3", "127.0.0.1:0=main"]
    with run_workers(tmp_path / "lake", *places, *METRICS) as server:
        server.create_repository("places")
        flat, s3 = at(server, "S3 at the ref 'main'"), at(server, "S3")
        for number in range(16):
            body = str(number).encode()
            assert flat.send("PUT", f"/places/{number}", body=body).status == 200
            assert s3.send("GET", f"/places/main/{number}").body == body
        kill(find_workers(server)[0])
        for number in range(16):
            assert flat.send("GET", f"/places/{number}").body == str(number).encode()
            assert s3.send("HEAD", f"/places/main/{number}").status == 200


def test_the_supervisor_imports_nothing_of_what_serves() -> None:
    """It stays small, and there is little in it that could fail."""
    code = (
        "import sys, lakebed.server.__main__, lakebed.server.supervising.supervisor\n"
        "print(*sorted(name for name in sys.modules if name.startswith('lakebed.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    parts = {name.split(".")[2] for name in done.stdout.split() if name.count(".") > 1}
    assert not parts & {"metadata", "repository", "chunks", "s3", "api", "app"}, parts
