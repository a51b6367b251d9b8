"""A server's life: how it starts, what a kill leaves, how it stops, what it refuses."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from lakebed.server import __main__
from lakebed.server.auth.secrets import AccessKey

from support import s3server
from support.s3server import run_server, start_process


@pytest.fixture
def fail_to_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Start a server that cannot, in this process; return the one line that says why."""
    monkeypatch.setattr(__main__, "set_up_logging", str)

    def start(directory: Path, *arguments: str) -> str:
        code = __main__.main([str(directory), "--workers", "1", *arguments])
        out, err = capsys.readouterr()
        assert (code, out) == (1, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        return err

    return start


Start = Callable[..., str]


def test_a_server_starts_says_so_and_stops(tmp_path: Path) -> None:
    lake = tmp_path / "new" / "lake"
    with run_server(lake) as server:
        assert server.ready_line == f"lakebed ready on {server.url} ({lake})"
        health = server.send_as_it_is("GET", "/api/v1/healthcheck", {})
        hint = server.send_as_it_is("GET", "/", {})

        assert (health.status, health.body) == (204, b"")
        assert b"/api/v1" in hint.body
        assert server.stop() == 0
        assert server.stderr is not None
        assert server.stderr.read() == ""
    assert lake.stat().st_mode & 0o777 == 0o700


def test_a_fresh_key_is_printed_once(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(s3server, "ADMIN_ENVIRONMENT", {})
    with run_server(tmp_path / "lake") as server:
        lines = [line.strip().partition("=") for line in server.early_lines]
        given = {name: value for name, sign, value in lines if sign}
        key = AccessKey(
            given["LAKEBED_ACCESS_KEY_ID"], given["LAKEBED_SECRET_ACCESS_KEY"]
        )
        assert server.send("GET", "/", key=key).status == 200
    with run_server(tmp_path / "lake") as server:
        assert server.early_lines == []
        assert server.send("GET", "/", key=key).status == 200


def test_a_first_user_stays_the_first(tmp_path: Path, monkeypatch: Any) -> None:
    with run_server(tmp_path / "lake") as server:
        assert server.send("GET", "/").status == 200
    other = AccessKey("OTHERKEY", "other-secret")
    monkeypatch.setattr(s3server, "ADMIN_ENVIRONMENT", s3server.environment_of(other))
    with run_server(tmp_path / "lake") as server:
        assert server.send("GET", "/").status == 200
        assert server.send("GET", "/", key=other).status == 403


def test_what_cannot_start_exits_with_1_and_one_line(tmp_path: Path) -> None:
    process = start_process(tmp_path / "lake", "--listen", "nowhere")
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (1, "")
    assert err == ("error: cannot listen on 'nowhere': write it as '127.0.0.1:8000'\n")


def test_a_port_in_use_is_one_line(tmp_path: Path, fail_to_start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        line = fail_to_start(tmp_path / "lake", "--listen", address)

    assert f"cannot listen on '{address}': address already in use" in line
    assert not (tmp_path / "lake").exists()


def test_a_directory_of_something_else_is_left_alone(
    tmp_path: Path, fail_to_start: Start
) -> None:
    (tmp_path / "thesis.tex").write_text("precious")

    line = fail_to_start(tmp_path, "--listen", "127.0.0.1:0")

    assert "holds 'thesis.tex', which is not lakebed's" in line
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("address", ["8000", "127.0.0.1:x", ":1", "127.0.0.1:99999"])
def test_an_address_that_is_none_is_one_line(
    tmp_path: Path, fail_to_start: Start, address: str
) -> None:
    assert f"cannot listen on '{address}'" in fail_to_start(
        tmp_path / "lake", "--listen", address
    )


def test_a_lost_master_key_is_one_line(tmp_path: Path, fail_to_start: Start) -> None:
    with run_server(tmp_path / "lake"):
        pass
    (tmp_path / "lake" / "master.key").unlink()

    line = fail_to_start(tmp_path / "lake", "--listen", "127.0.0.1:0")

    assert "'master.key' is missing" in line


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    acked: list[str] = []
    enough = threading.Event()
    with run_server(tmp_path / "lake") as server:
        repository = server.create_repository("survivor")
        s3 = server.s3(max_pool_connections=8)

        def upload(worker: int) -> None:
            with suppress(BotoCoreError, ClientError):
                for number in range(100_000):
                    key = f"main/{worker}/{number}"
                    large = b"L" * 400_000 if number % 10 == 9 else b""
                    s3.put_object(Bucket=repository, Key=key, Body=key.encode() + large)
                    acked.append(key)
                    if len(acked) >= 200:
                        enough.set()

        with ThreadPoolExecutor(8) as pool:
            for worker in range(8):
                pool.submit(upload, worker)
            assert enough.wait(60)
            server.kill()

    with run_server(tmp_path / "lake") as server:
        s3 = server.s3()
        for key in acked:
            body = s3.get_object(Bucket=repository, Key=key)["Body"].read()
            assert body.rstrip(b"L") == key.encode()
        found = s3.list_objects_v2(Bucket=repository, Prefix="main/")
        assert found["KeyCount"] >= min(len(acked), 1000)


def test_two_servers_of_one_directory_have_one_history(tmp_path: Path) -> None:
    with run_server(tmp_path / "lake") as one, run_server(tmp_path / "lake") as two:
        repository = one.create_repository("shared")
        with ThreadPoolExecutor(4) as pool:
            clients = [one.s3(), two.s3()]
            done = [
                pool.submit(
                    clients[number % 2].put_object,
                    Bucket=repository,
                    Key=f"main/{number}",
                    Body=str(number).encode(),
                )
                for number in range(40)
            ]
            for each in done:
                each.result()
        commit = two.commit(repository)

        for client in clients:
            for number in range(40):
                got = client.get_object(Bucket=repository, Key=f"main/{number}")
                assert got["Body"].read() == str(number).encode()
                assert got["VersionId"] == commit


def test_a_stop_lets_requests_finish(tmp_path: Path) -> None:
    with run_server(tmp_path / "lake") as server:
        repository = server.create_repository("finishing")
        target = f"/{repository}/main/x"
        headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        signed = server.sign("PUT", target, headers)
        lines = [f"PUT {target} HTTP/1.1", f"Host: {server.address}"]
        lines += [f"{name}: {value}" for name, value in signed.items()]
        lines += ["Content-Length: 600000", "", ""]
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall("\r\n".join(lines).encode() + b"x" * 300_000)
            idle = socket.create_connection((host, int(port)), timeout=30)
            idle.sendall(b"GET /api/v1/healthcheck HTTP/1.1\r\nHost: a\r\n\r\n")
            assert idle.recv(1000).startswith(b"HTTP/1.1 204")
            server.process.terminate()
            assert idle.recv(1000) == b""  # idle connections are let go at once
            idle.close()
            with pytest.raises(OSError):
                socket.create_connection((host, int(port)), timeout=5).close()
            connection.sendall(b"x" * 300_000)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert server.process.wait(30) == 0

    with run_server(tmp_path / "lake") as server:
        assert server.send("HEAD", target).headers["content-length"] == "600000"
