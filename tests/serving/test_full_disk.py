"""A full disk refuses writes, by name, and nothing else; freed, it takes them again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.s3server import ServerProcess, run_server

MIB = 1024 * 1024
DISK_MIB = 96
BALLAST_MIB = 40
"""More than three times the reserve: what must be free before bytes are taken again."""
LOOKS_MAX = 400


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    where = tmp_path / "disk"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(where)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("cannot mount a small disk: needs root")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def put(server: ServerProcess, repository: str, name: str, body: bytes) -> int:
    return server.send("PUT", f"/{repository}/main/{name}", body=body).status


def verify(lake: Path) -> int:
    command = [sys.executable, "-m", "lakebed.cli", "-S", str(lake), "admin", "verify"]
    return subprocess.run(command, check=False).returncode


def test_a_full_disk_loses_nothing_and_recovers(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(os.urandom(BALLAST_MIB * MIB))
    acknowledged: dict[str, bytes] = {}
    with run_server(small_disk / "lake") as server:
        repository = server.create_repository("full")
        refused = 0
        for number in range(4 * DISK_MIB):
            body = os.urandom(MIB // 2)
            status = put(server, repository, str(number), body)
            if status == 200:
                acknowledged[str(number)] = body
            else:
                assert status in (500, 503, 507), status
                refused += 1
            if refused == 20:
                break
        assert refused == 20, "the disk never was full: the test checks nothing"
        assert len(acknowledged) > 20

        # Reads and deletes go on.
        for name, body in acknowledged.items():
            got = server.send("GET", f"/{repository}/main/{name}")
            assert (got.status, got.body) == (200, body)
        gone = acknowledged.popitem()[0]
        assert server.send("DELETE", f"/{repository}/main/{gone}").status == 204
        assert server.send("GET", f"/{repository}/main/{gone}").status == 404

        ballast.unlink()
        # A server looks once a second whether there is room again.
        answers = (
            put(server, repository, "after", b"x" * MIB) for _ in range(LOOKS_MAX)
        )
        assert next((status for status in answers if status == 200), None) == 200
        acknowledged["after"] = b"x" * MIB
        commit = server.commit(repository)
        assert server.stop() == 0

    assert verify(small_disk / "lake") == 0
    with run_server(small_disk / "lake") as server:
        for name, body in acknowledged.items():
            got = server.send("GET", f"/{repository}/{commit}/{name}")
            assert (got.status, got.body) == (200, body)
        assert server.send("GET", f"/{repository}/main/{gone}").status == 404
