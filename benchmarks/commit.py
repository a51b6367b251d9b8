"""Commits at scale: 10^6 staged changes at once, then one change on 10^6 entries.

    python -m benchmarks.commit [--quick]

Guards: "commit 10^6 staged changes in <= 3.5 s, with the whole process at <= 256 MiB" and
"commit 1 change on 10^6 entries in <= 10 ms". Durable: over a directory on disk, with
every fsync. Engine only, no HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable
from functools import partial
from pathlib import Path

from lakebed.server.ids import BlobId
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.repository import (
    branches,
    commits,
    diffs,
    listings,
    objects,
    repositories,
)
from lakebed.server.repository.contracts import WriteTransaction
from lakebed.server.repository.engine import Engine
from lakebed.server.staging.store import Change
from lakebed.server.storage.local import LocalPackStorage
from lakebed.server.tree.entry import Entry, pack_entry

from .report import report

R = "bench"
BATCH = 10_000
SMALL_COMMITS = 30


def make_change(number: int) -> Change:
    """Return a staged entry with a path of 40 bytes and an id that does not compress."""
    path = b"data/part-%04d/subfolder/file-%07d.dat" % (number // 1000, number)
    digest = number.to_bytes(8, "little") * 4
    entry = Entry(path, BlobId(digest), 4096, 1_700_000_000_000 + number, digest[:16])
    return path, pack_entry(entry)


async def stage(engine: Engine, count: int) -> None:
    """Stage `count` entries, in batches."""
    branch = await branches.get_branch(engine, R, "main")
    for start in range(0, count, BATCH):
        changes = [make_change(n) for n in range(start, min(count, start + BATCH))]
        await engine.metadata.write(partial(_stage, branch.id, changes))


async def _stage(branch_id: int, changes: list[Change], tx: WriteTransaction) -> None:
    await tx.stage(branch_id, changes)


def peak_bytes() -> int:
    """Return the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def commit(engine: Engine) -> float:
    """Commit and return the seconds it took."""
    began = time.perf_counter()
    await commits.commit_branch(engine, R, "main", message="m", actor="bench")
    return time.perf_counter() - began


async def timed(work: Awaitable[object]) -> float:
    """Await `work` and return the seconds it took."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def run(directory: Path, count: int) -> None:
    """Measure everything over a new lake in `directory`."""
    storage = LocalPackStorage(directory)
    metadata = SqlMetadata.open(directory, storage)
    engine = Engine.create(metadata, storage)
    await repositories.create_repository(engine, R, actor="bench")
    await stage(engine, count)
    size = f"{count:,} entries"
    seconds = await commit(engine)
    limit_s = 3.5 * count / 1_000_000
    report("engine.commit_staged", size=size, value=seconds, unit="s", limit=limit_s)
    report(
        "engine.commit_staged_peak",
        size=size,
        value=peak_bytes() / 2**20,
        unit="MiB",
        limit=256,
    )
    # Let the purge of what was committed end, so that it does not share the CPU.
    await asyncio.gather(*engine.chores)
    small: list[float] = []
    for number in range(SMALL_COMMITS):
        path, _ = make_change(number * count // SMALL_COMMITS)
        await objects.put_object(engine, R, "main", path, b"changed %d" % number)
        small.append(await commit(engine))
    report(
        "engine.commit_one_change",
        size=size,
        value=statistics.median(small) * 1000,
        unit="ms",
        limit=10,
    )
    scope = diffs.DiffScope(limit=1000)
    old = f"main~{SMALL_COMMITS}"
    spans = [
        await timed(diffs.diff_refs(engine, R, old, "main", scope)) for _ in range(5)
    ]
    report(
        "engine.diff_refs_warm",
        size=size,
        value=min(spans) * 1000,
        unit="ms",
        limit=30,
        changes=SMALL_COMMITS,
    )
    pages = [
        await timed(
            listings.list_objects(
                engine, R, "main", after=make_change(n)[0], limit=1000
            )
        )
        for n in range(0, count, count // 20)
    ]
    report(
        "engine.list_1000_any_page",
        size=size,
        value=statistics.median(pages) * 1000,
        unit="ms",
        limit=6,
    )
    folders = [
        await timed(
            listings.list_objects(
                engine, R, "main", prefix=b"data/", delimiter=b"/", limit=300
            )
        )
        for _ in range(5)
    ]
    report(
        "engine.list_300_prefixes",
        size=size,
        value=statistics.median(folders) * 1000,
        unit="ms",
        limit=6,
    )
    await engine.close()
    metadata.close()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run: 10^4 entries"
    )
    parser.add_argument("--directory", type=Path, help="on which disk (a new folder)")
    options = parser.parse_args()
    where = tempfile.mkdtemp(prefix="lakebed-bench-", dir=options.directory)
    directory = Path(where)
    try:
        asyncio.run(run(directory / "lake", 10_000 if options.quick else 1_000_000))
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
