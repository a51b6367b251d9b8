"""An object of 5 GiB, the most that S3 takes in one request: how fast, in what memory.

Takes 6 GiB of disk and a minute or two. Figures are printed: `-s` shows them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.large import (
    GIB,
    MIB,
    WORKER_BYTES_MAX,
    Noise,
    check_ranges,
    get_sha256,
    put_parts,
    put_stream,
)
from support.s3server import ServerProcess, run_server

SIZE_BYTES = 5 * GIB
PART_BYTES = 64 * MIB
RANGE_BYTES = 640 * MIB
DISK_BYTES_MIN = SIZE_BYTES + GIB

pytestmark = pytest.mark.long


@pytest.fixture
def server(lake: Path) -> Iterator[ServerProcess]:
    if shutil.disk_usage(lake.parent).free < DISK_BYTES_MIN:
        pytest.skip(f"'{lake.parent}' has less than {DISK_BYTES_MIN} bytes free")
    with run_server(lake) as running:
        yield running


@contextmanager
def timed(what: str, server: ServerProcess) -> Generator[None]:
    """Print how long the context took, and the server's peak by then."""
    start = time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    print(f"\n{what}: {seconds:.1f} s, peak {server.peak_bytes() / MIB:.0f} MiB")


def test_5_gib_in_one_stream(server: ServerProcess) -> None:
    noise = Noise(seed=5, size_bytes=SIZE_BYTES)
    target = f"/{server.create_repository('large')}/main/stream"

    with timed("PUT in one stream", server):
        answer = put_stream(server, target, noise)

    assert answer.status == 200, answer.body
    check(server, target, noise)


def test_5_gib_in_parts(server: ServerProcess) -> None:
    noise = Noise(seed=6, size_bytes=SIZE_BYTES)
    bucket = server.create_repository("large")

    with timed("PUT in parts of 64 MiB, two at a time", server):
        done = put_parts(server, bucket, "main/parts", noise, PART_BYTES)

    assert done["ETag"].endswith(f'-{SIZE_BYTES // PART_BYTES}"')
    check(server, f"/{bucket}/main/parts", noise)


def check(server: ServerProcess, target: str, noise: Noise) -> None:
    """Read it whole and in ranges, before and after a commit."""
    with timed("GET in one stream", server):
        got = get_sha256(server, target)
    assert got == (SIZE_BYTES, noise.sha256())
    server.commit("large")
    with timed(f"GET in ranges of {RANGE_BYTES // MIB} MiB", server):
        check_ranges(server, target, noise, RANGE_BYTES)
    assert server.peak_bytes() <= WORKER_BYTES_MAX
