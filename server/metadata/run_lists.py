"""Lists of runs by condition: which index is walked, and what is asked of each row.

A list goes from the newest run down. A condition on a parameter or a metric is met by
few runs or by many: if by few, its index gives them all, and they are sorted; if by many,
the runs are walked from the newest, and a page is full soon. Counting stops at
`FEW_MAX`, so that finding out costs little.
"""

from __future__ import annotations

from heapq import nlargest

from ..runs.rows import Compare, MetricFilter, ParamFilter, RunFilter, RunRow
from ..runs.statuses import Status
from .database import Row, Session
from .refs import NAMED

RUN = (
    "run.id, run.name, run.repository_id, repository.name, experiment, status, user_id, "
    "user_name, host, command, "
    "(SELECT parent.name FROM run AS parent WHERE parent.id = run.parent_id), "
    "(SELECT first.name FROM run AS first WHERE first.id = run.rerun_of_id), "
    "started_ms, heard_ms, lost_after_s, ended_ms, exit_code, grade, log_sequence, log_bytes, record "
    "FROM run JOIN repository ON repository.id = run.repository_id"
)

_Condition = tuple[str, str, list[object]]
"""A table, what its rows must fulfil, and the values of that."""

FEW_MAX = 20_000
"""Runs that meet a condition and are sorted: 5 ms. At 10^6 runs as many more than that
are every fiftieth, so that a page of 100 is full after 5,000 rows."""


def run_of(row: Row) -> RunRow:
    """Return the run in the columns `RUN`."""
    return RunRow(row[0], row[1], row[2], row[3], row[4], Status(row[5]), *row[6:])


def list_run_ids(
    session: Session, wanted: RunFilter, *, before: int | None, limit: int
) -> list[int]:
    """Return ids of up to `limit` runs below `before`, newest first."""
    last = 2**62 if before is None else before
    repositories = wanted.repository_ids
    if repositories is None:
        if wanted == RunFilter():
            rows = session.rows(
                "SELECT run.id FROM run JOIN repository ON repository.id = "
                f"run.repository_id WHERE run.id < ? AND {NAMED} "
                "ORDER BY run.id DESC LIMIT ?",
                (last, limit),
            )
            return [row[0] for row in rows]
        rows = session.rows(f"SELECT id FROM repository WHERE {NAMED}")
        repositories = tuple(row[0] for row in rows)
    found: list[int] = []
    for repository_id in repositories:
        found += _list_in(session, wanted, repository_id, last, limit)
    return nlargest(limit, found)


def _list_in(
    session: Session, wanted: RunFilter, repository_id: int, last: int, limit: int
) -> list[int]:
    """Return ids of the newest runs of one repository."""
    conditions = [
        *(_of_param(each) for each in wanted.params),
        *(_of_metric(each) for each in wanted.metrics),
    ]
    counts = [
        (_count(session, repository_id, condition), place)
        for place, condition in enumerate(conditions)
    ]
    few, place = min(counts, default=(FEW_MAX, -1))
    if few == 0:
        return []
    values: list[object] = [repository_id]
    sql = "SELECT run.id FROM run WHERE run.repository_id = ?"
    if few < FEW_MAX:
        table, where, bound = conditions.pop(place)
        # A cross join, which is run from the left: by the values, not by all runs.
        sql = (
            f"SELECT run.id FROM (SELECT run_id FROM {table} INDEXED BY {table}_by_value "
            f"WHERE repository_id = ? AND {where}) AS met CROSS JOIN run "
            "ON run.id = met.run_id WHERE true"
        )
        values += bound
    for column, value in (
        ("experiment", wanted.experiment),
        ("status", None if wanted.status is None else int(wanted.status)),
        ("user_name", wanted.user),
        ("parent_id", wanted.parent),
        ("rerun_of_id", wanted.rerun_of),
    ):
        if value is not None:
            sql += f" AND run.{column} = ?"
            values.append(value)
    for table, where, bound in conditions:
        sql += f" AND EXISTS (SELECT 1 FROM {table} WHERE run_id = run.id AND {where})"
        values += bound
    sql += " AND run.id < ? ORDER BY run.id DESC LIMIT ?"
    return [row[0] for row in session.rows(sql, (*values, last, limit))]


def _count(session: Session, repository_id: int, condition: _Condition) -> int:
    table, where, bound = condition
    row = session.row(
        f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE repository_id = ? "
        f"AND {where} LIMIT {FEW_MAX})",
        (repository_id, *bound),
    )
    return 0 if row is None else int(row[0])


def _of_param(wanted: ParamFilter) -> _Condition:
    """Return the condition: the text as it is, or the number that it says."""
    text = wanted.value
    if text in ("null", "None"):
        return (
            "run_param",
            "name = ? AND (value IS NULL OR value = ?)",
            [
                wanted.name,
                text,
            ],
        )
    try:
        number = float(text)
    except ValueError:
        number = None
    if number is None or number != number:
        return "run_param", "name = ? AND value = ?", [wanted.name, text]
    return "run_param", "name = ? AND value IN (?, ?)", [wanted.name, text, number]


_COMPARED = {
    Compare.BELOW: "<",
    Compare.AT_MOST: "<=",
    Compare.EQUAL: "=",
    Compare.AT_LEAST: ">=",
    Compare.ABOVE: ">",
}


def _of_metric(wanted: MetricFilter) -> _Condition:
    return (
        "run_metric",
        f"name = ? AND last {_COMPARED[wanted.compare]} ?",
        [wanted.name, wanted.value],
    )
