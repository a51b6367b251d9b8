"""Hundreds of slow readers and writers at one time: the server's memory stays flat."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.large import MIB, WORKER_BYTES_MAX, Noise, put_stream
from support.s3raw import signed_head
from support.s3server import ServerProcess, run_server

pytestmark = pytest.mark.long

ROUNDS = 3
GROWTH_BYTES_MAX = 64 * MIB
"""What three rounds may differ in: a leak of the bodies of one round is 380 MiB."""
STEP_BYTES = 16 * 1024
READ = Noise(seed=7, size_bytes=8 * MIB)
SMALL_BYTES, LARGE_BYTES = 250_000, 3 * MIB
LIMIT_S = 300.0


@dataclass(frozen=True)
class Crowd:
    """How many clients of each kind there are, and the memory that they may take."""

    readers: int
    small_writers: int
    large_writers: int
    """Of them 16 are taken in at a time, and the others wait: `streams_max`."""
    peak_bytes_max: int = WORKER_BYTES_MAX

    def written(self, number: int) -> Iterator[tuple[str, Noise]]:
        """Yield what the writers write in a round."""
        for n in range(self.small_writers):
            yield f"small/{n}", Noise(1000 * number + n, SMALL_BYTES)
        for n in range(self.large_writers):
            yield f"large/{n}", Noise(1000 * number + 500 + n, LARGE_BYTES)


CROWDS = {
    "readers": Crowd(300, 0, 0),
    "writers": Crowd(0, 120, 120),
    # All of them in the middle of their requests at once: beyond what a worker is meant
    # for, and still bounded.
    "all": Crowd(250, 120, 120, peak_bytes_max=304 * MIB),
}


@pytest.mark.parametrize("crowd", CROWDS.values(), ids=CROWDS)
def test_hundreds_of_slow_clients_take_no_more_memory_in_each_round(
    lake: Path, crowd: Crowd
) -> None:
    with run_server(lake) as server:
        bucket = server.create_repository("slow")
        assert put_stream(server, f"/{bucket}/main/read", READ).status == 200
        peaks: list[int] = []
        for number in range(ROUNDS):
            asyncio.run(run_round(server, bucket, number, crowd))
            peaks.append(server.peak_bytes())

        print("\npeaks", [f"{peak / MIB:.0f} MiB" for peak in peaks])
        assert peaks[-1] <= crowd.peak_bytes_max
        assert peaks[-1] - peaks[0] <= GROWTH_BYTES_MAX
        for key, noise in crowd.written(ROUNDS - 1):
            answer = server.send("GET", f"/{bucket}/main/{key}")
            assert hashlib.sha256(answer.body).hexdigest() == noise.sha256()


async def run_round(
    server: ServerProcess, bucket: str, number: int, crowd: Crowd
) -> None:
    """Have all clients in the middle of their requests at one time, then go on."""
    writers = list(crowd.written(number))
    middle = asyncio.Barrier(crowd.readers + len(writers))
    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
        for _ in range(crowd.readers):
            group.create_task(read_slowly(server, f"/{bucket}/main/read", middle))
        for key, noise in writers:
            group.create_task(
                write_slowly(server, f"/{bucket}/main/{key}", noise, middle)
            )


async def read_slowly(
    server: ServerProcess, target: str, middle: asyncio.Barrier
) -> None:
    digest = hashlib.sha256()
    async with connect(server) as (reader, writer):
        writer.write(signed_head(server.address, "GET", target))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await middle.wait()
        while data := await reader.read(STEP_BYTES):
            digest.update(data)
    assert digest.hexdigest() == READ.sha256()


async def write_slowly(
    server: ServerProcess, target: str, noise: Noise, middle: asyncio.Barrier
) -> None:
    async with connect(server) as (reader, writer):
        writer.write(signed_head(server.address, "PUT", target, noise.size_bytes))
        for number, piece in enumerate(noise.iter_pieces()):
            for at in range(0, len(piece), STEP_BYTES):
                writer.write(piece[at : at + STEP_BYTES])
                await writer.drain()
                if number == 0 and at == 0:
                    await middle.wait()
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200"), answer


@asynccontextmanager
async def connect(
    server: ServerProcess,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = server.address.split(":")
    # The buffer of a connection: what the client has not asked for is not read either.
    reader, writer = await asyncio.open_connection(host, int(port), limit=STEP_BYTES)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()
