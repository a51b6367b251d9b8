"""Over HTTP: what is damaged is an error or a broken connection, never a 200 with other bytes."""

from __future__ import annotations

import base64
import http.client
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lakebed.server.ids import Kind, hash_chunk

from support.engines import make_directory
from support.injuries import Lake, flip
from support.s3server import ADMIN, ServerProcess, run_server

SMALL = b"small " * 2000
HEALTHY = random.Random(1).randbytes(1_500_000)
LARGE = random.Random(2).randbytes(12_000_000)
"""Long enough that its head is sent before its last chunk is read."""
NEW = random.Random(3).randbytes(900_000)


@pytest.fixture
def directory() -> Iterator[Path]:
    path = make_directory()
    yield path / "lake"
    shutil.rmtree(path)


def fill(server: ServerProcess) -> None:
    server.create_repository("repo")
    for name, body in (
        ("small", SMALL),
        ("healthy", HEALTHY),
        ("large", LARGE),
        ("new", NEW),
    ):
        assert server.send("PUT", f"/repo/main/{name}", body=body).status == 200
    server.commit("repo")


def damage(directory: Path) -> None:
    """Flip a bit of the small object, one of the last chunk of the large one, and of NEW."""
    lake = Lake(directory)
    chunks = {frame.id: frame for frame in lake.frames(Kind.CHUNK)}
    flip(lake, chunks[hash_chunk(SMALL)])
    flip(lake, chunks[hash_chunk(NEW)])
    flip(lake, next(one for one in chunks.values() if LARGE.endswith(lake.plain(one))))


def rest_target(path: str) -> str:
    return f"/api/v1/repositories/repo/refs/main/objects?path={path}"


def read(server: ServerProcess, target: str, *, rest: bool) -> tuple[int, bytes] | None:
    """Return status and body, None if the connection broke before the body's end."""
    try:
        if rest:
            pair = base64.b64encode(f"{ADMIN.id}:{ADMIN.secret}".encode()).decode()
            answer = server.send_as_it_is(
                "GET", target, {"Authorization": f"Basic {pair}"}
            )
        else:
            answer = server.send("GET", target)
    except (http.client.IncompleteRead, ConnectionError):
        return None
    return answer.status, answer.body


def test_no_success_has_other_bytes_and_a_new_upload_heals(directory: Path) -> None:
    with run_server(directory) as server:
        fill(server)
        assert server.stop() == 0
    damage(directory)

    with run_server(directory, "--metrics", "127.0.0.1:0") as server:
        for rest in (False, True):
            for name, body in (("small", SMALL), ("large", LARGE), ("new", NEW)):
                target = rest_target(name) if rest else f"/repo/main/{name}"
                got = read(server, target, rest=rest)
                assert got is None or got[0] == 500, (name, got and got[0])
                assert got is not None or len(body) > 1_000_000, "no head was sent"
            target = rest_target("healthy") if rest else "/repo/main/healthy"
            assert read(server, target, rest=rest) == (200, HEALTHY)
        # A range before the damage is whole.
        ranged = server.send("GET", "/repo/main/large", {"Range": "bytes=0-99999"})
        assert (ranged.status, ranged.body) == (206, LARGE[:100_000])

        # The read has marked it: the same bytes are stored anew.
        assert server.send("PUT", "/repo/main/again", body=NEW).status == 200
        assert read(server, "/repo/main/new", rest=False) == (200, NEW)
        assert server.stop() == 0
        assert server.stderr is not None
        assert server.stderr.read().count('"stored bytes are damaged"') == 3
