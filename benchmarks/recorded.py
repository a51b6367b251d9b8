"""Sealed runs, recorded many at a time: with their records and rows, without a recorder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from lakebed.client.wire import ParamValue
from lakebed.server.chunks.index import Frame
from lakebed.server.ids import CommitId, Kind
from lakebed.server.repository.contracts import WriteTransaction
from lakebed.server.repository.engine import Engine
from lakebed.server.runs.names import make_run_id
from lakebed.server.runs.points import Points, encode_points, summarise
from lakebed.server.runs.record import (
    Edge,
    Metric,
    RunRecord,
    encode_record,
    hash_record,
)
from lakebed.server.runs.rows import Artifact, NewRun
from lakebed.server.runs.statuses import How, Status

BATCH = 500
"""Runs of one transaction."""


@dataclass(frozen=True)
class Place:
    """What a run reads or writes: an artifact at a commit."""

    artifact: Artifact
    commit: CommitId
    repository: str
    ref: str = "main"
    how: How = How.DECLARED

    def edge(self) -> Edge:
        """Return what a record has of it."""
        made = self.artifact
        return Edge(
            self.repository,
            self.ref,
            self.commit,
            made.path,
            made.is_prefix,
            made.identity,
            made.size_bytes,
            self.how,
        )


@dataclass(frozen=True)
class Made:
    """A run that has ended."""

    repository: str
    repository_id: int
    experiment: str = "e"
    command: str = "python train.py"
    inputs: Sequence[Place] = ()
    outputs: Sequence[Place] = ()
    params: Mapping[str, ParamValue] = field(default_factory=dict[str, ParamValue])
    metrics: Mapping[str, Points] = field(default_factory=dict[str, Points])
    started_ms: int = 1_750_000_000_000
    name: str = field(default_factory=make_run_id)
    rerun_of: str | None = None
    """Name of the run that it did again."""


async def seal_all(engine: Engine, runs: Iterator[Made]) -> int:
    """Record `runs`, in order; return how many there were."""
    count = 0
    while some := list(islice(runs, BATCH)):
        count += len(some)
        await _seal_some(engine, some)
    return count


async def seal_one(engine: Engine, run: Made) -> str:
    """Record a run; return its name."""
    await seal_all(engine, iter([run]))
    return run.name


async def _seal_some(engine: Engine, runs: Sequence[Made]) -> None:
    records = [encode_record(_record_of(run)) for run in runs]

    async def action(tx: WriteTransaction) -> None:
        for run, record in zip(runs, records, strict=True):
            await _seal(tx, run, record)

    frames = [Frame(Kind.RUN, hash_record(record), record) for record in records]
    await engine.metadata.write(action, frames=frames)


async def _seal(tx: WriteTransaction, run: Made, record: bytes) -> None:
    first = None if run.rerun_of is None else await tx.find_run(run.rerun_of)
    row = await tx.create_run(
        NewRun(
            name=run.name,
            repository_id=run.repository_id,
            experiment=run.experiment,
            user_id=0,
            user="me",
            host="box",
            command=run.command,
            parent_id=None,
            rerun_of_id=None if first is None else first.id,
            started_ms=run.started_ms,
            heard_ms=run.started_ms,
            lost_after_s=300,
            draft=b"{}",
        )
    )
    await tx.set_params(row.id, run.params)
    for name, points in run.metrics.items():
        await tx.add_points(row.id, name, encode_points(points), summarise(points))
    for place in run.inputs:
        await tx.add_input(
            row.id, place.artifact, place.commit, place.ref, how=place.how
        )
    await tx.end_run(row.id, b"{}", ended_ms=run.started_ms + 1, exit_code=0)
    await tx.seal_run(row.id, hash_record(record), status=Status.SUCCEEDED, grade="A")
    for place in run.outputs:
        await tx.add_output(
            row.id, place.artifact, place.commit, place.ref, how=place.how
        )


def _record_of(run: Made) -> RunRecord:
    return RunRecord(
        id=run.name,
        repository=run.repository,
        experiment=run.experiment,
        status=Status.SUCCEEDED,
        user="me",
        host="box",
        started_ms=run.started_ms,
        ended_ms=run.started_ms + 1,
        exit_code=0,
        parent=None,
        rerun_of=run.rerun_of,
        grade="A",
        parts={"code": {"kind": "none", "argv": ["python", "train.py"]}},
        params=run.params,
        metrics=tuple(
            Metric(name, summarise(points)) for name, points in run.metrics.items()
        ),
        inputs=tuple(place.edge() for place in run.inputs),
        outputs=tuple(place.edge() for place in run.outputs),
    )
