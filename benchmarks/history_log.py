"""The log of 10^5 commits: its first page, all pages, and what changed one path.

    python -m benchmarks.history_log [--quick]

Guards: "first page of the log of 10^5 commits <= 20 ms", "log of one path over 10^5
commits <= 1 s", both of one core, in CPU time of the process; and that memory does not
grow with the history. Engine only, no HTTP, caches cold where it says so.

The history is made of real trees and commits, recorded a thousand at a time in place of a
transaction each, which would take the disk an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shutil
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from lakebed.server.chunks.index import Frame
from lakebed.server.history.commit import Commit, make_commit
from lakebed.server.history.step import step_of
from lakebed.server.history.traces import Traces
from lakebed.server.ids import BlobId, Kind
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.refs.store import CommitRow
from lakebed.server.repository import blame, commits, repositories
from lakebed.server.repository.contracts import WriteTransaction
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.logs import LogFilter, list_log
from lakebed.server.repository.publishing import NewNodes
from lakebed.server.repository.resolving import get_branch, get_repository
from lakebed.server.storage.local import LocalPackStorage
from lakebed.server.tree.edit import apply_changes
from lakebed.server.tree.entry import Entry, PackedEntry, pack_entry

from .report import report

T = TypeVar("T")

R = "bench"
PATHS = 1000
"""Objects of the tree; each commit changes one, in turn."""
BATCH = 1000
ROUNDS = 5


def path_of(number: int) -> bytes:
    """Return one of the paths: three folders deep, as data often is."""
    return b"data/part-%02d/day-%03d/table.parquet" % (number % 10, number % PATHS)


def entry_of(number: int) -> PackedEntry:
    """Return what commit `number` puts at its path."""
    digest = number.to_bytes(8, "little") * 4
    entry = Entry(path_of(number), BlobId(digest), 4096 + number, number, digest[:16])
    return pack_entry(entry)


async def build(engine: Engine, count: int) -> None:
    """Make `count` commits that change one path each, after one that adds them all."""
    repository = await get_repository(engine, R)
    branch = await get_branch(engine, repository, "main")
    newest = await commits.get_commit(engine, R, "main")
    for start in range(0, count, BATCH):
        frames: list[Frame] = []
        rows: list[CommitRow] = []
        nodes = NewNodes(engine)
        for number in range(start, min(count, start + BATCH)):
            numbers = range(PATHS) if number == 0 else [number]
            changes = sorted((path_of(n), entry_of(n)) for n in numbers)
            traces = Traces()
            newest, record = _commit(
                engine, nodes, newest, f"commit {number}", changes, traces
            )
            rows.append(
                CommitRow(newest.id, record, step=step_of(newest, traces.pack()))
            )
            frames.append(Frame(Kind.COMMIT, newest.id, record))
        stored, rest = nodes.take()

        async def record_all(
            tx: WriteTransaction, rows: list[CommitRow] = rows, head: Commit = newest
        ) -> None:
            for row in rows:
                await tx.record_commit(repository.id, row)
            locked = await tx.lock_branch(branch.id)
            assert locked is not None
            await tx.move_branch(
                locked,
                head=head.id,
                floor=locked.floor,
                action="commit",
                actor="bench",
                now_ms=engine.clock(),
            )

        await engine.metadata.write(record_all, frames=(*rest, *frames), stored=stored)


def _commit(
    engine: Engine,
    nodes: NewNodes,
    parent: Commit,
    message: str,
    changes: list[tuple[bytes, PackedEntry]],
    traces: Traces,
) -> tuple[Commit, bytes]:
    tree = apply_changes(
        engine.nodes, nodes.sink, parent.tree_id, traces.follow([changes])
    ).tree
    return make_commit(
        tree_id=tree.tree_id,
        content_id=tree.content_id,
        parents=(parent,),
        committer="bench",
        message=message,
        created_ms=engine.clock(),
        metadata={},
    )


def cpu_s() -> float:
    """Return the CPU time of this process, all threads, in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def timed(work: Awaitable[T]) -> tuple[T, float]:
    """Await `work`; return what it gives and the CPU seconds it took."""
    began = cpu_s()
    result = await work
    return result, cpu_s() - began


async def measure(directory: Path, count: int) -> None:
    """Measure a history of `count` commits in a lake that is opened cold."""
    storage = LocalPackStorage(directory)
    metadata = SqlMetadata.open(directory, storage)
    engine = Engine.create(metadata, storage)
    size = f"{count:,} commits"
    scale = count / 100_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for amount in (100, 1000):
        spans: list[float] = []
        for _ in range(ROUNDS):
            page, seconds = await timed(list_log(engine, R, "main", limit=amount))
            assert len(page.items) == min(amount, count + 1)
            spans.append(seconds)
        report(
            f"history.first_page_{amount}",
            size=size,
            value=min(spans) * 1000,
            unit="ms",
            limit=20,
            cold=spans[0] * 1000,
        )

    for name, where, expected in (
        ("path", LogFilter(paths=[path_of(7)]), -(-(count - 7) // PATHS) + 1),
        ("path_unchanged", LogFilter(paths=[b"data/none"]), 0),
        ("first_parent_since", LogFilter(first_parent=True, since_ms=2**50), 0),
    ):
        page, seconds = await timed(
            list_log(engine, R, "main", limit=1000, where=where)
        )
        assert abs(len(page.items) - expected) <= 1, (name, len(page.items), expected)
        report(f"history.log_{name}", size=size, value=seconds, unit="s", limit=scale)

    item = blame.Item(path_of(count - PATHS // 2), is_prefix=False)
    found, seconds = await timed(blame.blame(engine, R, "main", only=item, limit=1))
    assert found.items[0].is_found
    report("history.blame_500_back", size=size, value=seconds, unit="s")

    async def read_all() -> int:
        after: str | None = None
        seen = 0
        while True:
            page = await list_log(engine, R, "main", after=after, limit=1000)
            seen += len(page.items)
            after = page.next_after
            if after is None:
                return seen

    seen, seconds = await timed(read_all())
    assert seen == count + 1
    report("history.all_pages", size=size, value=seconds, unit="s")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    report("history.memory_growth", size=size, value=grown / 1024, unit="MiB", limit=64)
    await engine.close()
    metadata.close()


async def prepare(directory: Path, count: int) -> None:
    """Build the history in a lake of its own."""
    storage = LocalPackStorage(directory)
    metadata = SqlMetadata.open(directory, storage)
    engine = Engine.create(metadata, storage)
    await repositories.create_repository(engine, R, actor="bench")
    began = time.perf_counter()
    await build(engine, count)
    seconds = time.perf_counter() - began
    report("history.build", size=f"{count:,} commits", value=seconds, unit="s")
    await engine.close()
    metadata.close()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run: 3,000 commits"
    )
    parser.add_argument("--directory", type=Path, help="on which disk (a new folder)")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="lakebed-bench-", dir=options.directory))
    count = 3000 if options.quick else 100_000
    try:
        asyncio.run(prepare(directory / "lake", count))
        asyncio.run(measure(directory / "lake", count))
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
