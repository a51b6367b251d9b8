"""A run on a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..output import print_fields
from ..text import format_bytes, format_time, short
from .rows import format_value

if TYPE_CHECKING:
    from lakebed.client.wire.runs import Run


def print_run(run: Run) -> None:
    """Print all that is known of `run`."""
    fields = [
        ("run", run.id),
        ("repository", run.repository),
        ("experiment", run.experiment),
        ("status", run.status),
        ("command", " ".join(map(str, run.code.get("argv", [])))),
        ("user", run.user),
        ("host", run.host),
        ("began", format_time(run.started_ms / 1000)),
        ("ended", "" if run.ended_ms is None else format_time(run.ended_ms / 1000)),
        ("exit code", "" if run.exit_code is None else str(run.exit_code)),
        ("parent", run.parent or ""),
        ("rerun of", run.rerun_of or ""),
        ("record", run.record or ""),
        ("grade", run.grade or ""),
    ]
    fields += [("reason", f"{each.grade}: {each.text}") for each in run.reasons]
    fields += [
        ("param", f"{name}={format_value(value)}") for name, value in run.params.items()
    ]
    for metric in run.metrics:
        last = format_value(metric.last)
        fields.append(
            (
                "metric",
                f"{metric.name}={last} at {metric.last_step} of {metric.count:,}",
            )
        )
    for read in run.inputs:
        address = f"lakebed://{read.repository}/{read.ref}/{read.path}"
        fields.append(("input", f"{address} at {short(read.commit)}, {read.how}"))
    for written in run.outputs:
        address = f"lakebed://{written.repository}/{written.branch}/{written.path}"
        where = f" in {short(written.commit)}" if written.commit else ""
        fields.append(("output", f"{address}{where}"))
    fields += [
        ("kept", f"{kept.name}, {format_bytes(kept.size_bytes)}") for kept in run.files
    ]
    fields += [("missing", f"{each.what}: {each.reason}") for each in run.missing]
    fields += [
        ("not published", f"{each.repository}/{each.work_branch} for {each.branch}")
        for each in run.work_branches
    ]
    print_fields([(name, value) for name, value in fields if value])
