"""Runs by what people call them by, and lists of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lakebed.client.wire.runs import MetricValue, ParamValue

from ..errors import InvalidValueError, RunNotFoundError
from ..repository.engine import Engine
from ..repository.paging import PAGE_LIMIT_MAX, Page, check_limit
from ..repository.resolving import get_repository
from ..runs.names import is_record_id, is_run_beginning, is_run_id
from ..runs.rows import (
    Compare,
    MetricFilter,
    ParamFilter,
    RunFilter,
    RunRow,
)
from ..runs.statuses import Status
from .callers import Caller

_METRIC = re.compile(r"(.+?)(<=|>=|<|>|=)([^<>=]+)", re.DOTALL)

CONDITIONS_MAX = 16
"""Conditions of one list on parameters and metrics."""


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in a list."""

    row: RunRow
    params: Mapping[str, ParamValue]
    metrics: Mapping[str, float | None]
    """The last value of each; None: it is no number."""


@dataclass(frozen=True, slots=True)
class ListWish:
    """Which runs somebody asks for; empty texts ask for all."""

    repository: str = ""
    experiment: str = ""
    status: str = ""
    user: str = ""
    params: Sequence[str] = ()
    """`NAME=VALUE`."""
    metrics: Sequence[str] = ()
    """`NAME<VALUE`, with `<`, `<=`, `=`, `>=` or `>`."""


async def find_readable(engine: Engine, text: str, caller: Caller) -> RunRow:
    """Return the run that `text` means, if `caller` may read it.

    Raises:
        RunNotFoundError: there is none, or it is not theirs to read: the answers are
            the same.
        InvalidValueError: several runs begin so.
    """
    try:
        run = await _find(engine, text)
    except RunNotFoundError:
        run = None
    if run is None or not caller.may_read(run.repository):
        raise RunNotFoundError(text, may_be_hidden=not caller.is_admin)
    return run


async def find_in(engine: Engine, repository: str, text: str) -> RunRow:
    """Return the run of `repository` that `text` means.

    Raises:
        RepositoryNotFoundError
        RunNotFoundError: there is none, or it is another repository's.
        InvalidValueError: several runs begin so.
    """
    await get_repository(engine, repository)
    run = await _find(engine, text)
    if run.repository != repository:
        raise RunNotFoundError(text)
    return run


async def _find(engine: Engine, text: str) -> RunRow:
    """Return a run by its id, the unique beginning of it, or the id of its record."""
    found: list[RunRow | None] = []
    if is_run_id(text):
        found = [await engine.metadata.find_run(text)]
    elif is_record_id(text):
        found = [await engine.metadata.find_run_of_record(bytes.fromhex(text))]
    elif is_run_beginning(text):
        found = [*await engine.metadata.find_runs(text, limit=2)]
    if len(found) > 1:
        raise InvalidValueError(
            "run", f"ambiguous run id '{text}': give more digits", value=text
        )
    if not found or found[0] is None:
        raise RunNotFoundError(text)
    return found[0]


async def list_runs(
    engine: Engine, wish: ListWish, caller: Caller, *, after: str, limit: int
) -> Page[ListedRun]:
    """Return a page of the runs that `caller` may read, newest first.

    `after` is the id of the last run of the page before.

    Raises:
        RepositoryNotFoundError, InvalidValueError, RunNotFoundError
    """
    check_limit(limit)
    wanted = await _read_wish(engine, wish, caller)
    before = None
    if after:
        before = (await _find(engine, after)).id
    rows = await engine.metadata.list_runs(wanted, before=before, limit=limit + 1)
    listed = await describe(engine, rows[:limit])
    return Page(tuple(listed), rows[limit - 1].name if len(rows) > limit else None)


async def describe(engine: Engine, rows: Sequence[RunRow]) -> list[ListedRun]:
    """Return `rows` with their parameters and metrics."""
    ids = [row.id for row in rows]
    params: dict[int, dict[str, ParamValue]] = {run_id: {} for run_id in ids}
    metrics: dict[int, dict[str, float | None]] = {run_id: {} for run_id in ids}
    for param in await engine.metadata.list_params(ids):
        params[param.run_id][param.name] = param.value
    for metric in await engine.metadata.list_metrics(ids):
        metrics[metric.run_id][metric.name] = metric.summary.last
    return [ListedRun(row, params[row.id], metrics[row.id]) for row in rows]


async def _read_wish(engine: Engine, wish: ListWish, caller: Caller) -> RunFilter:
    status = None
    if wish.status:
        status = Status.parse(wish.status)
        if status is None:
            words = ", ".join(each.word for each in Status)
            raise InvalidValueError(
                "status", f"no such status: '{wish.status[:20]}': use one of {words}"
            )
    if len(wish.params) + len(wish.metrics) > CONDITIONS_MAX:
        raise InvalidValueError("param", f"at most {CONDITIONS_MAX} conditions at once")
    return RunFilter(
        repository_ids=await _find_repositories(engine, wish.repository, caller),
        experiment=wish.experiment or None,
        status=status,
        user=wish.user or None,
        params=tuple(_read_param(text) for text in wish.params),
        metrics=tuple(_read_metric(text) for text in wish.metrics),
    )


async def _find_repositories(
    engine: Engine, name: str, caller: Caller
) -> tuple[int, ...] | None:
    if name:
        caller.require_read(name, None)
        return ((await get_repository(engine, name)).id,)
    if caller.is_admin:
        return None
    ids: list[int] = []
    after = ""
    while True:
        page = await engine.metadata.list_repositories(
            prefix="", after=after, limit=PAGE_LIMIT_MAX
        )
        ids += [each.id for each in page if caller.may_read(each.name)]
        if len(page) < PAGE_LIMIT_MAX:
            return tuple(ids)
        after = page[-1].name


def _read_param(text: str) -> ParamFilter:
    name, equal, value = text.partition("=")
    if not name or not equal:
        raise InvalidValueError(
            "param", f"cannot read '{text[:80]}': write NAME=VALUE", value=text
        )
    return ParamFilter(name, value)


def _read_metric(text: str) -> MetricFilter:
    match = _METRIC.fullmatch(text)
    if match is not None:
        with suppress(ValueError):
            return MetricFilter(
                match[1].strip(), Compare(match[2]), float(match[3].strip())
            )
    raise InvalidValueError(
        "metric",
        f"cannot read '{text[:80]}': write NAME>VALUE, with <, <=, =, >= or >",
        value=text,
    )


def show_number(value: float | None) -> MetricValue:
    """Return the value of a metric as JSON has it; None is no number."""
    if value is None or value != value:
        return "nan"
    if value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    return value
