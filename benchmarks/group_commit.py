"""Small durable writes of waiting clients, and the reads beside them.

Guards: 32 waiting coroutines stage more than 8,000 changes a second, each of them durable
(fsync) before it is answered; a read at a branch is one statement of 10-20 µs; a scan of
10^6 staged rows in pages of 16,384 takes a second. The peer of a write is an fsync of 4
KiB by itself: what durability would cost without sharing it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from lakebed.server.chunks.index import Frame
from lakebed.server.ids import CommitId, Kind, hash_chunk
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.refs.store import Branch
from lakebed.server.repository.contracts import WriteTransaction
from lakebed.server.storage.local import LocalPackStorage
from lakebed.server.tree.entry import PackedEntry

from .report import report

_CLIENTS = 32
_ENTRY = PackedEntry(bytes(66))
_PAGE_ROWS = 16_384


def main() -> None:
    """Run the benchmark; `--quick` with a tenth of the rows."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true")
    quick = arguments.parse_args().quick
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        fsyncs_per_s = _measure_fsync(Path(folder) / "alone")
        uvloop.run(_measure(Path(folder) / "lake", fsyncs_per_s, quick=quick))


async def _measure(directory: Path, fsyncs_per_s: float, *, quick: bool) -> None:
    scale = 10 if quick else 1
    metadata = SqlMetadata.open(directory, LocalPackStorage(directory))
    try:
        branch = await metadata.write(_make_branch)
        for payload_bytes, limit in [(0, 8000.0), (4096, None)]:
            count = 40_000 // scale
            groups = metadata.counters.groups
            per_s = await _writes_per_s(metadata, branch, count, payload_bytes)
            report(
                "metadata.write",
                size=f"{count} of {payload_bytes} bytes, {_CLIENTS} clients",
                value=per_s,
                unit="1/s",
                limit=limit,
                peer=fsyncs_per_s,
                group=count / (metadata.counters.groups - groups),
            )
        await _measure_reads(metadata, 20_000 // scale)
        await _measure_scan(metadata, 1_000_000 // scale)
    finally:
        metadata.close()


async def _writes_per_s(
    metadata: SqlMetadata, branch: Branch, count: int, payload_bytes: int
) -> float:
    numbers = iter(range(count))
    paths = [b"data/part/%08d" % number for number in range(count)]

    async def client() -> None:
        for number in numbers:
            data = os.urandom(payload_bytes)
            await metadata.write(
                _staging(branch, paths[number]),
                frames=[Frame(Kind.CHUNK, hash_chunk(data), data)] if data else (),
            )

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(_CLIENTS)))
    return count / (time.perf_counter() - started)


async def _measure_reads(metadata: SqlMetadata, count: int) -> None:
    started = time.perf_counter()
    for number in range(count):
        await metadata.read_path("lake", "main", b"data/part/%08d" % number)
    seconds = time.perf_counter() - started
    report(
        "metadata.read_path", size=f"{count}", value=seconds / count * 1e6, unit="µs"
    )


async def _measure_scan(metadata: SqlMetadata, rows: int) -> None:
    branch = await metadata.write(_make_other_branch)
    for first in range(0, rows, 50_000):
        changes = [
            (b"some/dir/of/data/%02d/file-%08d" % (n // 50_000, n), _ENTRY)
            for n in range(first, min(rows, first + 50_000))
        ]
        await metadata.write(_staging_all(branch, changes))
    seen, start = 0, b""
    started = time.perf_counter()
    while True:
        page = metadata.scan_staged_blocking(
            branch.id,
            epoch_min=1,
            epoch_max=1,
            start=start,
            after=bool(start),
            stop=None,
            limit=_PAGE_ROWS,
        )
        seen += len(page)
        if len(page) < _PAGE_ROWS:
            break
        start = page[-1][0]
    assert seen == rows
    report(
        "metadata.scan_staged",
        size=f"{rows} rows",
        value=time.perf_counter() - started,
        unit="s",
        limit=rows / 1e6,
    )


def _measure_fsync(path: Path) -> float:
    """Return how many appends of 4 KiB, each made durable, fit into a second."""
    count = 200
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        started = time.perf_counter()
        for _ in range(count):
            os.write(fd, bytes(4096))
            os.fdatasync(fd)
        return count / (time.perf_counter() - started)
    finally:
        os.close(fd)


def _staging(
    branch: Branch, path: bytes
) -> Callable[[WriteTransaction], Awaitable[None]]:
    return _staging_all(branch, [(path, _ENTRY)])


def _staging_all(
    branch: Branch, changes: list[tuple[bytes, PackedEntry]]
) -> Callable[[WriteTransaction], Awaitable[None]]:
    return lambda tx: tx.stage(branch.id, changes)


async def _make_branch(tx: WriteTransaction) -> Branch:
    repository = await tx.create_repository(
        name="lake",
        storage_namespace="local://bench",
        default_branch="main",
        read_only=False,
        created_ms=0,
    )
    return await tx.create_branch(
        repository.id, "main", CommitId(bytes(32)), hidden=False, actor="b", now_ms=0
    )


async def _make_other_branch(tx: WriteTransaction) -> Branch:
    repository = await tx.find_repository("lake")
    assert repository is not None
    return await tx.create_branch(
        repository.id, "bulk", CommitId(bytes(32)), hidden=False, actor="b", now_ms=0
    )


if __name__ == "__main__":
    main()
