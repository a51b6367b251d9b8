"""A run as its record has it, put together from its rows; that of a sealed one is read."""

from __future__ import annotations

from ..errors import CorruptDataError
from ..ids import CommitId, Kind
from ..repository.engine import Engine
from ..runs.grading import Evidence, grade_run
from ..runs.record import (
    Edge,
    KeptFile,
    Metric,
    Missing,
    RunRecord,
    decode_record,
    hash_record,
)
from ..runs.rows import EdgeRow, RunRow
from .drafts import Draft


async def read_record(engine: Engine, run: RunRow) -> bytes:
    """Return the canonical bytes of a sealed run.

    Raises:
        CorruptDataError: they are not there, or not what their id says.
    """
    assert run.record is not None
    (data,) = await engine.chunks.read(Kind.RUN, (run.record,))
    if hash_record(data) != run.record:
        raise CorruptDataError(f"record of run '{run.name}' is damaged")
    return data


async def load_record(engine: Engine, run: RunRow) -> RunRecord:
    """Return the record of a sealed run.

    Raises:
        CorruptDataError: it is not there, or damaged.
    """
    return decode_record(await read_record(engine, run))


async def assemble(engine: Engine, run: RunRow, draft: Draft) -> RunRecord:
    """Return the record that `run` would have, from its rows: points are not in it yet."""
    rows = engine.metadata
    params = await rows.list_params([run.id])
    metrics = await rows.list_metrics([run.id])
    files = await rows.list_files(run.id)
    return RunRecord(
        id=run.name,
        repository=run.repository,
        experiment=run.experiment,
        status=run.status,
        user=run.user,
        host=run.host,
        started_ms=run.started_ms,
        ended_ms=run.started_ms if run.ended_ms is None else run.ended_ms,
        exit_code=run.exit_code,
        parent=run.parent,
        rerun_of=run.rerun_of,
        grade="",
        parts=draft.parts,
        params={each.name: each.value for each in params},
        metrics=tuple(Metric(each.name, each.summary) for each in metrics),
        inputs=tuple(edge_of(each) for each in await rows.list_inputs(run.id)),
        outputs=tuple(edge_of(each) for each in await rows.list_outputs(run.id)),
        files=tuple(
            KeptFile(each.name, each.blob_id, each.size_bytes) for each in files
        ),
        missing=tuple(Missing(each.what, each.reason) for each in draft.missing),
    )


def edge_of(row: EdgeRow) -> Edge:
    """Return an edge as the record has it."""
    return Edge(
        row.repository,
        row.ref,
        CommitId(row.commit),
        row.artifact.path,
        row.artifact.is_prefix,
        row.artifact.identity,
        row.artifact.size_bytes,
        row.how,
        row.local,
    )


def gather_evidence(record: RunRecord) -> Evidence:
    """Return what the grade of a run rests on."""
    return Evidence(
        record.parts,
        frozenset(each.name for each in record.files),
        len(record.inputs),
        len(record.outputs) + len(record.deleted),
        record.missing,
    )


def grade(record: RunRecord) -> str:
    """Return the grade of a run."""
    return grade_run(gather_evidence(record))[0]
