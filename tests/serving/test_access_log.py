"""The access log: a line for each request, and never a secret."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.auth.secrets import AccessKey
from lakebed.server.errors import StartupError
from lakebed.server.serving.access_log import AccessLog, Line, show_target

from support import s3server
from support.edges import connect, make_client, read_all, write_head
from support.s3server import ADMIN, ServerProcess, run_server

PATIENCE_S = 30.0
CANARY = "c4n4ry"


@dataclass
class Logged:
    """A server, and what it writes."""

    server: ServerProcess
    path: Path

    def lines(self) -> list[dict[str, Any]]:
        """Return all lines so far; asking adds one, of its own operation."""
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def line_of(self, request_id: str) -> dict[str, Any]:
        end = monotonic() + PATIENCE_S
        while monotonic() < end:
            for line in self.lines():
                if line["request_id"] == request_id:
                    return line
            self.server.send_as_it_is("GET", "/api/v1/healthcheck", {})
        raise AssertionError(f"no line of request {request_id}")


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    directory = tmp_path_factory.mktemp("log")
    path = directory / "access.log"
    with run_server(directory / "lake", "--access-log", str(path)) as server:
        server.create_repository("logged")
        yield Logged(server, path)


def test_a_line_says_what_was_asked_and_answered(logged: Logged) -> None:
    headers = {"User-Agent": "a test/1.0"}
    put = logged.server.send("PUT", "/logged/main/a%20b", headers, b"12345")

    line = logged.line_of(put.headers["x-amz-request-id"])

    assert line.pop("time")[:2] == "20"
    assert 0 < line.pop("duration_ms") < 30_000
    assert 100 < line.pop("sent_bytes") < 2000
    assert line == {
        "client": "127.0.0.1",
        "user": "admin",
        "method": "PUT",
        "host": logged.server.address,
        "target": "/logged/main/a%20b",
        "status": 200,
        "received_bytes": 5,
        "protocol": "s3",
        "operation": "PutObject",
        "request_id": put.headers["x-amz-request-id"],
        "user_agent": "a test/1.0",
    }


def test_bytes_and_operations_are_those_of_the_request(logged: Logged) -> None:
    server, size = logged.server, 700_000
    server.send("PUT", "/logged/main/large", body=b"x" * size)
    asked = {
        "GetObject": server.send("GET", "/logged/main/large"),
        "HeadObject": server.send("HEAD", "/logged/main/large"),
        "ListObjectsV2": server.send("GET", "/logged?list-type=2&prefix=main%2F"),
        "-": server.send(
            "GET", "/logged/main/large", key=AccessKey("NOBODY", "no-secret")
        ),
    }

    lines = {
        name: logged.line_of(got.headers["x-amz-request-id"])
        for name, got in asked.items()
    }

    assert {name: line["operation"] for name, line in lines.items()} == {
        name: name for name in asked
    }
    assert size < lines["GetObject"]["sent_bytes"] < size + 2000
    assert lines["HeadObject"]["sent_bytes"] < 2000
    assert lines["ListObjectsV2"]["target"] == "/logged?list-type=2&prefix=main%2F"
    assert (lines["-"]["status"], lines["-"]["user"]) == (403, None)


def test_rest_is_logged_by_its_operations(logged: Logged) -> None:
    pair = base64.b64encode(f"{ADMIN.id}:{ADMIN.secret}".encode()).decode()

    got = logged.server.send_as_it_is(
        "GET", "/api/v1/repositories/logged", {"Authorization": f"Basic {pair}"}
    )

    line = logged.line_of(got.headers["x-request-id"])
    assert (line["protocol"], line["operation"]) == ("rest", "getRepository")
    assert (line["user"], line["status"]) == ("admin", 200)


def test_a_client_that_goes_is_logged(logged: Logged) -> None:
    server = logged.server
    target = "/logged/main/gone"
    server.send("PUT", target, body=b"x" * 8_000_000)
    signed = server.sign("GET", target, {"User-Agent": "goer"})
    head = [f"GET {target} HTTP/1.1", f"Host: {server.address}"]
    with connect(server) as connection:
        connection.sendall(
            write_head([*head, *(f"{name}: {value}" for name, value in signed.items())])
        )
        connection.recv(1000)

    end = monotonic() + PATIENCE_S
    found: list[dict[str, Any]] = []
    while not found and monotonic() < end:
        found = [line for line in logged.lines() if line["user_agent"] == "goer"]
        server.send_as_it_is("GET", "/api/v1/healthcheck", {})
    assert [line["status"] for line in found] == [499]
    assert found[0]["sent_bytes"] < 8_000_000


def test_what_others_say_of_a_client_is_not_believed(logged: Logged) -> None:
    got = logged.server.send(
        "GET", "/", {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6"}
    )

    line = logged.line_of(got.headers["x-amz-request-id"])
    assert line["client"] == "127.0.0.1"
    assert "6.6.6.6" not in json.dumps(line)


def test_no_line_can_look_like_two_or_steer_a_terminal(logged: Logged) -> None:
    raw = b"GET /a%0Ab\xc2\x9bx\xff?prefix=%1b HTTP/1.1\r\nHost: a\r\n"
    raw += b'User-Agent: \xc2\x9b31m\xe2\x80\xae\x7f{"\r\nConnection: close\r\n\r\n'
    with connect(logged.server) as connection:
        connection.sendall(raw)
        head = read_all(connection).partition(b"\r\n\r\n")[0].decode()
    (request_id,) = re.findall("x-amz-request-id: (.*)", head, re.IGNORECASE)

    logged.line_of(request_id.strip())
    data = logged.path.read_bytes()
    assert all(byte == 10 or 32 <= byte < 127 for byte in data)


# --- secrets --------------------------------------------------------------------------


def test_no_secret_gets_into_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys, signatures, tokens: in headers, queries and hosts, right and wrong."""
    key = AccessKey(f"KEY{CANARY}", f"secret-{CANARY}")
    monkeypatch.setattr(s3server, "ADMIN_ENVIRONMENT", s3server.environment_of(key))
    monkeypatch.setattr(s3server, "ADMIN", key)
    path = tmp_path / "access.log"
    arguments = ["--access-log", str(path), "--log-level", "DEBUG"]
    with run_server(tmp_path / "lake", *arguments) as server:
        server.create_repository("secretive")
        server.send("PUT", "/secretive/main/x", body=b"x", key=key)
        right = server.sign("GET", "/secretive/main/x", {}, key)
        wrong = server.sign(
            "GET", "/secretive/main/x", {}, AccessKey(key.id, CANARY * 2)
        )
        client = make_client(server.url, key, signature_version="s3v4")
        url = client.generate_presigned_url(
            "get_object", Params={"Bucket": "secretive", "Key": "main/x"}
        )
        presigned = url.removeprefix(server.url)
        pair = base64.b64encode(f"{key.id}:{key.secret}".encode()).decode()
        basic = {"Authorization": f"Basic {pair}"}
        bearer = {"Authorization": f"Bearer {CANARY}"}
        asked: list[tuple[str, dict[str, str]]] = [
            ("/secretive/main/x", right),
            ("/secretive/main/x", wrong),
            ("/secretive/main/x", {**right, "x-amz-security-token": CANARY}),
            (presigned, {}),
            (presigned + f"&X-Amz-Security-Token={CANARY}", {}),
            (presigned, right),
            (f"/secretive/main/x?AWSAccessKeyId={CANARY}&Signature={CANARY}", {}),
            (f"/secretive/main/x?{CANARY}", right),
            (f"/secretive/main/x?password={CANARY}", right),
            ("/api/v1/repositories/secretive", basic),
            (f"/api/v1/repositories/secretive?token={CANARY}", basic),
            ("/api/v1/repositories/secretive", bearer),
            ("/", {"Host": f"user:{CANARY}@{server.address}"}),
            (f"http://user:{CANARY}@{server.address}/secretive/main/x", right),
            ("/" + "x" * 17_000 + CANARY, right),
            ("/", {"Authorization": CANARY + "x" * 17_000}),
            ("/", {f"{CANARY} {CANARY}": "no header"}),
            ("/secretive/main/x", {"X-Lakebed-Directory-Token": CANARY}),
            ("/api/v1/repositories", {"X-Lakebed-Directory-Token": CANARY}),
        ]
        statuses: list[int] = []
        for target, headers in asked:
            lines = [f"GET {target} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            if "Host" not in headers:
                lines.append(f"Host: {server.address}")
            with connect(server) as connection:
                connection.sendall(write_head([*lines, "Connection: close"]))
                statuses.append(int(read_all(connection).split()[1]))
        assert statuses[0] == statuses[3] == statuses[9] == 200
        assert server.stop() == 0
        assert server.stderr is not None
        written = server.stderr.read() + path.read_text()

    assert written.count('"operation"') >= len(asked)
    assert CANARY not in written
    assert "c4n4ry" not in urllib.parse.unquote(written)
    for secret in (right["Authorization"].rpartition("=")[2], pair):
        assert secret not in written
    assert re.search(r"[0-9a-f]{64}", written) is None, "a signature, or a hash"


@given(
    names=st.lists(
        st.sampled_from(
            ["X-Amz-Signature", "X-Amz-Credential", "sig", "key", "", "%70"]
        )
    ),
    shown=st.lists(st.sampled_from(["prefix=a", "versionId=1", "uploads"])),
    path=st.text(alphabet="ab%/."),
)
def test_of_a_query_only_what_is_no_secret_is_shown(
    names: list[str], shown: list[str], path: str
) -> None:
    pieces = [*(f"{name}={CANARY}" for name in names), *shown]

    text = show_target(f"/{path}?{'&'.join(pieces)}")

    assert CANARY not in text
    assert text.startswith(f"/{path}?")
    for piece in shown:
        assert piece in text


# --- the file -------------------------------------------------------------------------


def test_a_moved_log_is_begun_anew_on_sighup(tmp_path: Path) -> None:
    path, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    with run_server(tmp_path / "lake", "--access-log", str(path)) as server:
        logged = Logged(server, path)
        first = server.send("GET", "/").headers["x-amz-request-id"]
        logged.line_of(first)
        path.rename(moved)
        server.process.send_signal(signal.SIGHUP)
        end = monotonic() + PATIENCE_S
        while not path.exists():
            assert monotonic() < end, "no new file is begun"
            server.send_as_it_is("GET", "/api/v1/healthcheck", {})
        second = server.send("GET", "/").headers["x-amz-request-id"]
        logged.line_of(second)
        last = server.send("GET", "/").headers["x-amz-request-id"]
        assert server.stop() == 0

    assert first in moved.read_text()
    assert second not in moved.read_text()
    assert last in path.read_text(), "the last lines are written before the end"
    assert path.stat().st_mode & 0o007 == 0


def test_a_dash_is_stdout(tmp_path: Path) -> None:
    with run_server(tmp_path / "lake", "--access-log", "-") as server:
        request_id = server.send("GET", "/").headers["x-amz-request-id"]
        assert server.process.stdout is not None
        line = json.loads(server.process.stdout.readline())

    assert line["request_id"] == request_id


def test_without_being_told_nothing_is_logged(tmp_path: Path) -> None:
    with run_server(tmp_path / "lake") as server:
        server.send("GET", "/")
        assert server.stop() == 0
        assert server.process.stdout is not None
        assert server.stderr is not None
        assert server.process.stdout.read() + server.stderr.read() == ""


def test_a_log_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError) as refused:
        AccessLog(str(tmp_path / "no" / "such.log"))

    assert "such.log': no such file or directory" in str(refused.value)


def line(number: int) -> Line:
    return Line(
        0.0, "c", None, "GET", "h", f"/{number}", 200, 0, 0, 1.0, "s3", "o", "r", "a"
    )


async def test_what_the_disk_does_not_take_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what comes after a torn line is whole again."""
    from lakebed.server.serving import access_log

    monkeypatch.setattr(access_log, "GATHER_S", 0.0)
    path = tmp_path / "log"
    written = AccessLog(str(path))
    write, calls = os.write, iter(range(100))

    def fail_once(descriptor: int, data: memoryview) -> int:
        match next(calls):
            case 0:
                return write(descriptor, data[:10])
            case 1:
                raise OSError(28, "no space left on device")
            case _:
                return write(descriptor, data)

    monkeypatch.setattr(os, "write", fail_once)
    written.add(line(1))
    await written.close()
    assert written.lost_count == 1

    again = AccessLog(str(path))
    again.add(line(2))
    await again.close()
    assert [
        json.loads(text)["target"] for text in path.read_text().splitlines()[1:]
    ] == ["/2"]


WRITERS, LINES = 4, 2000


@contextmanager
def writing_together(
    where: str, *options: str, pipe: int | None = None
) -> Generator[list[subprocess.Popen[bytes]]]:
    """Let several processes write lines to one place; wait for them at the end."""
    writers = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "support.log_writers"),
                *(where, str(number), str(LINES), *options),
            ],
            stdout=pipe,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
        )
        for number in range(WRITERS)
    ]
    yield writers
    for writer in writers:
        assert writer.communicate(timeout=60)[1] == b""
    assert [writer.returncode for writer in writers] == [0] * WRITERS


def check_lines(lines: Iterable[str]) -> None:
    """Check that each line of each writer is there, whole, in its order."""
    seen = dict.fromkeys((f"writer-{number}" for number in range(WRITERS)), 0)
    for text in lines:
        found = json.loads(text)
        assert found["target"].startswith(f"/{seen[found['user']]}/")
        seen[found["user"]] += 1
    assert set(seen.values()) == {LINES}


def read_what_all_write(*options: str) -> list[str]:
    """Return the lines of several processes that write to one pipe."""
    source, sink = os.pipe()
    with (
        ThreadPoolExecutor(1) as pool,
        os.fdopen(source) as reader,
        writing_together("-", *options, pipe=sink) as writers,
    ):
        os.close(sink)
        if options:
            # None gets through more than the pipe takes before all of them write.
            for writer in writers:
                assert writer.stderr is not None
                assert writer.stderr.readline() == b"writing\n"
        reading = pool.submit(reader.read)
        return reading.result().splitlines()


def test_lines_of_several_processes_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"user": "killed", "target": "/0')

    with writing_together(str(path)):
        pass

    first, *others = path.read_text().splitlines()
    assert first.endswith("/0")
    check_lines(others)


def test_lines_of_several_processes_are_whole_in_a_pipe_too() -> None:
    """Which takes more than 4,096 bytes in pieces, between which others come."""
    check_lines(read_what_all_write())


def test_without_the_lock_lines_in_a_pipe_are_torn() -> None:
    """The test above would find it."""
    lines = read_what_all_write("--without-lock")

    with pytest.raises((AssertionError, ValueError, KeyError)):
        check_lines(lines)


async def test_lines_that_wait_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakebed.server.serving import access_log

    monkeypatch.setattr(access_log, "LINES_MAX", 3)
    written = AccessLog(str(tmp_path / "log"))

    for number in range(5):
        written.add(line(number))
    await written.close()

    assert written.lost_count == 2
    assert len((tmp_path / "log").read_text().splitlines()) == 3
