"""From runs to the bodies that are sent of them: one function a shape."""

from __future__ import annotations

import msgspec
from lakebed.client.wire import runs as wire
from lakebed.client.wire.run_parts import PARTS

from ..auth.secrets import AccessKey
from ..provenance.details import RunDetails
from ..provenance.finding import ListedRun, show_number
from ..repository.paths import show_path
from ..runs.points import Points, Summary
from ..runs.record import Edge
from ..runs.rows import FileRow, RunRow, VerdictRow, WorkBranchRow
from ..runs.statuses import kind_of

_differences = msgspec.json.Decoder(list[wire.Difference])


def show_run_summary(run: ListedRun) -> wire.RunSummary:
    """Return the body of a run in a list."""
    row = run.row
    return wire.RunSummary(
        id=row.name,
        repository=row.repository,
        experiment=row.experiment,
        status=row.status.word,
        user=row.user,
        host=row.host,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms if row.is_sealed else None,
        exit_code=row.exit_code,
        grade=_show_grade(row),
        command=row.command,
        rerun_of=row.rerun_of,
        params=dict(run.params),
        metrics={name: show_number(value) for name, value in run.metrics.items()},
    )


def show_run(details: RunDetails) -> wire.Run:
    """Return the body of a run."""
    row, record = details.row, details.record
    parts = {name: dict(record.parts.get(name, {})) for name in PARTS}
    return wire.Run(
        id=row.name,
        repository=row.repository,
        experiment=row.experiment,
        status=row.status.word,
        user=row.user,
        host=row.host,
        started_ms=row.started_ms,
        heard_ms=row.heard_ms,
        ended_ms=row.ended_ms if row.is_sealed else None,
        exit_code=row.exit_code,
        parent=row.parent,
        rerun_of=row.rerun_of,
        record=None if row.record is None else row.record.hex(),
        grade=_show_grade(row),
        reasons=details.reasons,
        code=parts["code"],
        configuration=parts["configuration"],
        environment=parts["environment"],
        hardware=parts["hardware"],
        seeds=parts["seeds"],
        params=dict(record.params),
        metrics=[show_metric(each.name, each.summary) for each in record.metrics],
        inputs=[show_input(edge) for edge in record.inputs],
        outputs=[
            *(show_output(edge) for edge in record.outputs),
            *(show_wish(wish) for wish in details.wishes),
        ],
        deleted=[
            wire.RunDeletion(
                repository=each.repository,
                branch=each.branch,
                path=show_path(each.path),
                commit=each.commit.hex(),
            )
            for each in record.deleted
        ],
        files=[
            wire.KeptFile(
                name=each.name, blob_id=each.blob_id.hex(), size_bytes=each.size_bytes
            )
            for each in record.files
        ],
        missing=[
            wire.Missing(what=each.what, reason=each.reason) for each in record.missing
        ],
        verdicts=[show_verdict(each) for each in details.verdicts],
        work_branches=[
            show_work_branch(each)
            for each in details.work_branches
            if each.work_branch is not None
        ],
    )


def _show_grade(row: RunRow) -> wire.Grade | None:
    match row.grade:
        case "A" | "B" | "C" | "D":
            return row.grade
        case _:
            return None


def show_start(details: RunDetails, key: AccessKey) -> wire.RunStart:
    """Return the body of a run that has begun, with its key."""
    return wire.RunStart(
        run=show_run(details), access_key_id=key.id, secret_access_key=key.secret
    )


def show_metric(name: str, short: Summary) -> wire.MetricSummary:
    """Return the body of a metric in short."""
    return wire.MetricSummary(
        name=name,
        last=show_number(short.last),
        last_step=short.last_step,
        min=show_number(short.min),
        max=show_number(short.max),
        count=short.count,
    )


def show_points(name: str, points: Points) -> wire.MetricPoints:
    """Return the body of the points of a metric."""
    return wire.MetricPoints(
        name=name,
        values=[show_number(value) for value in points.values],
        steps=list(points.steps),
        times_ms=list(points.times_ms),
    )


def show_input(edge: Edge) -> wire.RunInput:
    """Return the body of what a run read."""
    return wire.RunInput(
        repository=edge.repository,
        ref=edge.ref,
        commit=edge.commit.hex(),
        path=show_path(edge.path),
        kind=kind_of(edge.is_prefix),
        identity=edge.identity.hex(),
        size_bytes=edge.size_bytes,
        how=edge.how.word,
        local=edge.local,
    )


def show_output(edge: Edge) -> wire.RunOutput:
    """Return the body of what a run published."""
    return wire.RunOutput(
        repository=edge.repository,
        branch=edge.ref,
        path=show_path(edge.path),
        kind=kind_of(edge.is_prefix),
        commit=edge.commit.hex(),
        identity=edge.identity.hex(),
        size_bytes=edge.size_bytes,
        how=edge.how.word,
        local=edge.local,
    )


def show_wish(wish: wire.OutputWish) -> wire.RunOutput:
    """Return the body of an output to come."""
    is_prefix = not wish.path or wish.path.endswith("/")
    return wire.RunOutput(
        repository=wish.repository,
        branch=wish.branch,
        path=wish.path,
        kind=kind_of(is_prefix),
        local=wish.local,
    )


def show_kept_file(file: FileRow) -> wire.KeptFile:
    """Return the body of a file that was kept with a run."""
    return wire.KeptFile(
        name=file.name, blob_id=file.blob_id.hex(), size_bytes=file.size_bytes
    )


def show_verdict(row: VerdictRow) -> wire.Verdict:
    """Return the body of what a re-run came to."""
    return wire.Verdict(
        rerun=row.rerun,
        is_identical=row.is_identical,
        compared=row.compared,
        differences=_differences.decode(row.differences),
        user=row.user,
        at_ms=row.at_ms,
    )


def show_work_branch(row: WorkBranchRow) -> wire.WorkBranch:
    """Return the body of a hidden branch of a run."""
    assert row.work_branch is not None
    return wire.WorkBranch(
        repository=row.repository, branch=row.branch, work_branch=row.work_branch
    )
