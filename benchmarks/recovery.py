"""From the start of a server to its first answer, over a lake whose server was killed.

    python -m benchmarks.recovery [--quick]

Guards "ready <= 2 s after kill -9 with 10^6 objects": half of them committed, half
staged, in many packs that nobody sealed, with a write-ahead log over its limit. Beside
it the start over an empty directory, which is Python's and ours alone.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from lakebed.server.chunks.index import Frame
from lakebed.server.ids import BlobId, Kind, hash_chunk
from lakebed.server.metadata import checkpoint
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.repository import branches, commits, repositories
from lakebed.server.repository.contracts import WriteTransaction
from lakebed.server.repository.engine import Engine
from lakebed.server.staging.store import Change
from lakebed.server.storage.local import LocalPackStorage
from lakebed.server.storage.store import new_pack_name
from lakebed.server.tree.entry import Entry, pack_entry

from .report import report

R = "bench"
READY_S_MAX = 2.0
UNSEALED_PACKS = 100
"""As of a hundred writers that died: one crash leaves one."""
STAGED_AT_ONCE = 5000
ROUNDS = 3


async def fill(directory: Path, count: int) -> None:
    """Make a lake of `count` objects, and die in the middle of it."""
    # The log grows as if readers had kept it from being folded.
    checkpoint.WAL_BYTES_MAX = 2**40
    storage = LocalPackStorage(directory)
    metadata = SqlMetadata.open(directory, storage)
    engine = Engine.create(metadata, storage)
    await repositories.create_repository(engine, R, actor="bench")
    branch = await branches.get_branch(engine, R, "main")
    data = b"the bytes of every object"
    frame = Frame(Kind.CHUNK, hash_chunk(data), data)
    for start in range(0, count, STAGED_AT_ONCE):
        changes = [entry_of(n, frame) for n in range(start, start + STAGED_AT_ONCE)]

        async def stage(tx: WriteTransaction, some: list[Change] = changes) -> None:
            await tx.stage(branch.id, some)

        await metadata.write(stage, frames=[frame])
        if start + STAGED_AT_ONCE == count // 2:
            await commits.commit_branch(engine, R, "main", message="b", actor="bench")
    registry = sqlite3.connect(directory / "lakebed.db")
    for number in range(UNSEALED_PACKS):
        name = new_pack_name()
        registry.execute(
            "INSERT INTO pack (name, state, created_ms) VALUES (?, 'writing', 0)",
            (name,),
        )
        file = storage.create(name)
        file.append([b"torn in its header" if number % 2 else b""])
        file.close()
    registry.commit()
    os.kill(os.getpid(), signal.SIGKILL)


def entry_of(number: int, frame: Frame) -> Change:
    """Return the change that stages object `number`."""
    path = b"data/train/part-%05d/image-%09d.jpg" % (number // 1000, number)
    size = len(frame.data)
    return path, pack_entry(Entry(path, BlobId(frame.id), size, number, bytes(16)))


@dataclass(frozen=True, slots=True)
class Start:
    """How long a start took, until the first answer."""

    ready_s: float
    cpu_s: float
    """Of the server; on a machine that does other things too it says more."""


def start_server(directory: Path) -> Start:
    """Start a server over `directory`, and kill it when it has answered."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "lakebed.server", str(directory)]
    started_s = time.monotonic()
    with subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.search(r"http://(\S+)", line)
        assert address is not None, line
        connection = http.client.HTTPConnection(address[1], timeout=30)
        connection.request("GET", "/api/v1/healthcheck")
        assert connection.getresponse().status == HTTPStatus.NO_CONTENT
        ready_s = time.monotonic() - started_s
        connection.close()
        process.kill()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Start(ready_s, cpu_s)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    count = 20_000 if given.quick else 1_000_000
    if given.fill is not None:
        asyncio.run(fill(given.fill, count))
    directory = Path(tempfile.mkdtemp(prefix="lakebed-bench-"))
    try:
        fresh = [start_server(directory / f"empty-{n}") for n in range(ROUNDS)]
        lake = directory / "lake"
        command = [sys.executable, "-m", "benchmarks.recovery", "--fill", str(lake)]
        subprocess.run([*command, *["--quick"] * given.quick], check=False)
        wal_bytes = (lake / "lakebed.db-wal").stat().st_size
        started = start_server(lake)
        report(
            "recovery.ready",
            size=f"{count} objects, {UNSEALED_PACKS} packs left open",
            value=started.ready_s,
            unit="s",
            limit=READY_S_MAX,
            peer=min(one.ready_s for one in fresh),
            cpu_s=started.cpu_s,
            peer_cpu_s=min(one.cpu_s for one in fresh),
            again_s=start_server(lake).ready_s,
            wal_mib=wal_bytes / 2**20,
        )
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
