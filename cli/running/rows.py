"""Runs as rows of a table, for people and for programs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..output import Column
from ..text import format_iso, format_time, short

if TYPE_CHECKING:
    from lakebed.client.wire.runs import MetricValue, ParamValue, RunSummary

COLUMNS = [
    Column("run", width="keeps"),
    Column("status", width="keeps"),
    Column("began", width="keeps"),
    Column("took", is_number=True),
    Column("experiment", style="bold"),
    Column("params"),
    Column("metrics"),
    Column("grade", width="keeps"),
]
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def row(run: RunSummary) -> list[str]:
    """Return the cells of `run` for people."""
    return [
        short(run.id),
        run.status,
        format_time(run.started_ms / 1000),
        format_span(run),
        run.experiment,
        _pairs(run.params),
        _pairs(run.metrics),
        run.grade or "-",
    ]


def plain(run: RunSummary) -> list[str]:
    """Return the cells of `run` for programs; the columns are a promise."""
    return [
        run.id,
        run.status,
        format_iso(run.started_ms / 1000),
        format_iso(run.ended_ms / 1000) if run.ended_ms is not None else "-",
        run.repository,
        run.experiment or "-",
        run.grade or "-",
        "-" if run.exit_code is None else str(run.exit_code),
        run.command,
    ]


def format_span(run: RunSummary) -> str:
    """Return how long `run` took, or goes on by now."""
    end_ms = run.ended_ms if run.ended_ms is not None else time.time() * 1000
    seconds = max(end_ms - run.started_ms, 0) / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h" if seconds < _DAY else f"{seconds / _DAY:.1f} d"


def format_value(value: ParamValue | MetricValue) -> str:
    """Return the value of a parameter or metric in few characters."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.6g}"
        case _:
            return str(value)


def _pairs(values: dict[str, ParamValue] | dict[str, MetricValue]) -> str:
    return " ".join(f"{name}={format_value(value)}" for name, value in values.items())
