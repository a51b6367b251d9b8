"""10^5 sealed runs with 10^6 points: lists by parameter and metric, why, lineage, points.

    python -m benchmarks.provenance [--quick | --full]

Guards, in CPU time of the process, caches cold where it says so: a page of `runs list` by a
parameter or a metric <= 50 ms; `why` <= 100 ms; lineage of a file that a tenth of all runs
read, or that lies in folders that they read, <= 200 ms; points come in at >= 20,000/s, by
batches of 1,000. `--full` makes 10^6 runs and 10^7 points. Operations, no HTTP.

The runs have real records, commits and rows, recorded 500 at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lakebed.client import wire
from lakebed.server.history.commit import Commit
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.provenance import adding, beginning, finding, lineage, subjects, why
from lakebed.server.provenance.contents import find_contents
from lakebed.server.provenance.lineage_nodes import Graph
from lakebed.server.refs.store import Repository
from lakebed.server.repository import commits, objects, repositories
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.resolving import get_repository
from lakebed.server.runs.points import Points
from lakebed.server.runs.rows import Artifact, RunScope
from lakebed.server.runs.statuses import How
from lakebed.server.storage.local import LocalPackStorage

from .history_log import timed
from .recorded import Made, Place, seal_all
from .report import report

R = "bench"
VERSIONS = 200
"""Commits of the data; runs read one of them each."""
FILES = 100
"""Of the folder that each run reads; each commit changes one."""
POINTS = 10
"""Of each run, over its metrics."""
ROUNDS = 5


class Owner:
    """Whoever owns the directory: may all."""

    name = "bench"
    user_id = 0
    is_admin = True
    run: RunScope | None = None

    def require_read(self, repository: str, ref: str | None) -> None:
        """See `Caller`."""

    def require_write(self, repository: str, ref: str) -> None:
        """See `Caller`."""

    def may_read(self, repository: str) -> bool:
        """See `Caller`."""
        return bool(repository)

    def administers(self, repository: str) -> bool:
        """See `Caller`."""
        return bool(repository)


OWNER = Owner()


def path_of(number: int) -> bytes:
    """Return a path of the folder that runs read."""
    return b"data/day-%03d.csv" % number


async def make_versions(engine: Engine) -> list[Commit]:
    """Commit the data, and then a change of one file each time."""
    made: list[Commit] = []
    for version in range(VERSIONS):
        for number in range(FILES) if version == 0 else [version % (FILES - 1) + 1]:
            body = b"%d of %d" % (number, version)
            await objects.put_object(engine, R, "main", path_of(number), body)
        made.append(
            await commits.commit_branch(engine, R, "main", message="v", actor="me")
        )
    return made


async def make_runs(
    engine: Engine, where: Repository, versions: list[Commit], count: int
) -> Iterator[Made]:
    """Return `count` runs: each reads the folder, one file, and writes a model."""
    chance = random.Random(1)
    folders: list[Place] = []
    for commit in versions:
        contents = await find_contents(engine, commit.tree_id, b"data/")
        made = Artifact(where.id, b"data/", True, contents.identity, 1)
        folders.append(Place(made, commit.id, R))
    # The first file never changes: every tenth run reads it as well.
    head = await objects.stat_object(engine, R, "main", path_of(0))
    file = Artifact(where.id, path_of(0), False, head.entry.blob_id, 1)

    def iter_runs() -> Iterator[Made]:
        for number in range(count):
            version = chance.randrange(VERSIONS)
            inputs = [folders[version]]
            if number % 10 == 0:
                inputs.append(Place(file, versions[version].id, R, how=How.OBSERVED))
            identity = number.to_bytes(4, "big") * 8
            model = Artifact(where.id, b"models/m.bin", False, identity, 1)
            loss = [chance.random() for _ in range(POINTS // 2)]
            steps = list(range(POINTS // 2))
            points = Points(steps, steps, loss)
            yield Made(
                R,
                where.id,
                f"experiment-{number % 50}",
                inputs=inputs,
                outputs=[Place(model, versions[version].id, R)],
                params={
                    "rate": chance.choice([0.1, 0.01, 0.001]),
                    "depth": chance.randrange(2, 12),
                    "optimizer": chance.choice(["adam", "sgd"]),
                    "seed": number,
                },
                metrics={"loss": points, "auc": points},
            )

    return iter_runs()


async def measure_lists(engine: Engine, size: str) -> None:
    """Ask for a page of runs by what they are."""
    wishes = {
        "all": finding.ListWish(),
        "param": finding.ListWish(repository=R, params=["depth=7"]),
        "two_params": finding.ListWish(
            repository=R, params=["depth=7", "optimizer=adam"]
        ),
        "one_of_all": finding.ListWish(repository=R, params=["seed=77"]),
        "metric": finding.ListWish(repository=R, metrics=["auc>0.999"]),
        "param_metric": finding.ListWish(
            repository=R, params=["rate=0.1"], metrics=["loss<0.5"]
        ),
        "nothing": finding.ListWish(
            repository=R, params=["depth=7"], metrics=["auc>2"]
        ),
        "experiment": finding.ListWish(repository=R, experiment="experiment-7"),
    }
    for name, wish in wishes.items():
        spans: list[float] = []
        found = 0
        for _ in range(ROUNDS):
            listing = finding.list_runs(engine, wish, OWNER, after="", limit=100)
            page, seconds = await timed(listing)
            found = len(page.items)
            spans.append(seconds)
        report(
            f"provenance.list_{name}",
            size=size,
            value=1000 * min(spans),
            unit="ms",
            limit=50,
            cold=1000 * spans[0],
            found=found,
        )


async def measure_why(engine: Engine, size: str) -> None:
    """Ask what produced a file, and for a run."""
    page = await finding.list_runs(
        engine, finding.ListWish(params=["seed=77"]), OWNER, after="", limit=1
    )
    name = page.items[0].row.name
    for what, subject in (
        ("run", name),
        ("beginning", name[:10]),
        ("output", "file:" + ((77).to_bytes(4, "big") * 8).hex()),
    ):
        spans = [
            (await timed(why.find_origin(engine, subject, OWNER)))[1]
            for _ in range(ROUNDS)
        ]
        report(
            f"provenance.why_{what}",
            size=size,
            value=1000 * min(spans),
            unit="ms",
            limit=100,
            cold=1000 * spans[0],
        )


async def measure_lineage(engine: Engine, size: str) -> None:
    """Follow a file down that very many runs read, one in folders, and a model up."""
    for what, subject, is_up in (
        ("popular_file", f"lakebed://{R}/main/{path_of(0).decode()}", False),
        ("file_in_folders", f"lakebed://{R}/main/{path_of(7).decode()}", False),
        ("model", "file:" + ((77).to_bytes(4, "big") * 8).hex(), True),
    ):
        spans: list[float] = []
        graph = Graph()
        for _ in range(ROUNDS):
            found = await subjects.find_subject(engine, subject, OWNER)
            assert isinstance(found, subjects.Found)
            graph, seconds = await timed(
                lineage.trace(
                    engine,
                    [found.artifact],
                    is_up=is_up,
                    depth_max=100,
                    nodes_max=wire.AMOUNT_MAX,
                    is_shown=lambda repository, _: bool(repository),
                    commit_id=found.commit_id,
                )
            )
            spans.append(seconds)
        report(
            f"provenance.lineage_{what}",
            size=size,
            value=1000 * min(spans),
            unit="ms",
            limit=200,
            cold=1000 * spans[0],
            nodes=len(graph.nodes),
        )


async def measure_points(engine: Engine, size: str, batches: int) -> None:
    """Log points in batches of a thousand, each durable before the next is sent."""

    def make_key() -> beginning.SealedKey:
        return beginning.SealedKey("BENCH", b"sealed")

    run = await beginning.begin_run(
        engine, R, wire.RunCreation(), OWNER, make_key=make_key
    )
    columns = list(range(1000))
    values: list[wire.MetricValue] = [number / 7 for number in columns]
    began = time.perf_counter()
    for sequence in range(1, batches + 1):
        point = wire.MetricPoints(
            name="loss", values=values, steps=columns, times_ms=columns
        )
        batch = wire.RunBatch(writer="w", sequence=sequence, metrics=[point])
        await adding.append_batch(engine, run, batch, OWNER)
    seconds = time.perf_counter() - began
    report(
        "provenance.points",
        size=f"{batches * 1000:,} points, 1,000 a batch; {size}",
        value=batches * 1000 / seconds,
        unit="points/s",
        limit=20_000,
    )


async def prepare(directory: Path, count: int) -> None:
    """Make the lake."""
    storage = LocalPackStorage(directory)
    metadata = SqlMetadata.open(directory, storage)
    engine = Engine.create(metadata, storage)
    await repositories.create_repository(engine, R, actor="bench")
    where = await get_repository(engine, R)
    versions = await make_versions(engine)
    began = time.perf_counter()
    await seal_all(engine, await make_runs(engine, where, versions, count))
    seconds = time.perf_counter() - began
    report("provenance.build", size=f"{count:,} runs", value=seconds, unit="s")
    await engine.close()
    metadata.close()


async def measure(directory: Path, count: int) -> None:
    """Measure a lake that is opened cold."""
    storage = LocalPackStorage(directory)
    metadata = SqlMetadata.open(directory, storage)
    engine = Engine.create(metadata, storage)
    size = f"{count:,} sealed runs, {count * POINTS:,} points"
    await measure_lists(engine, size)
    await measure_why(engine, size)
    await measure_lineage(engine, size)
    await measure_points(engine, size, batches=200)
    await engine.close()
    metadata.close()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run: 2,000 runs")
    parser.add_argument("--full", action="store_true", help="10^6 runs")
    parser.add_argument("--directory", type=Path, help="on which disk (a new folder)")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="lakebed-bench-", dir=options.directory))
    count = 2000 if options.quick else 1_000_000 if options.full else 100_000
    try:
        asyncio.run(prepare(directory / "lake", count))
        asyncio.run(measure(directory / "lake", count))
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
