"""What refs mean to a run that does another one again: the commits that the first one read.

By the ref as it was written, be it a branch that has moved, a tag that was made anew, or
`main~2`; also when it is gone. A ref that the first run read at several commits has none
here, and what the first run did not read is read as any run does, at the same point of
the ref log (`beginning.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from ..ids import CommitId
from ..repository.engine import Engine
from ..runs.rows import RunRow

Pins = Mapping[tuple[int, str], CommitId]
"""By repository id and ref."""

NO_PINS: Pins = {}

_KEPT_MAX = 256
"""Runs whose pins a process keeps: those that go on at one time, many times over."""

# By the names of runs, which are random, so that one store is as good as another.
_of_first: OrderedDict[str, Pins] = OrderedDict()
_of_run: OrderedDict[str, Pins] = OrderedDict()


async def find_pins_of(engine: Engine, run: str) -> Pins:
    """Return what refs mean to the run called `run`; to most, nothing of their own."""
    pins = _of_run.get(run)
    if pins is None:
        row = await engine.metadata.find_run(run)
        first = None if row is None else row.rerun_of
        pins = await find_pins(engine, first)
        if first is None or first in _of_first:
            _keep(_of_run, run, pins)
    return pins


async def find_pins(engine: Engine, first: str | None) -> Pins:
    """Return what refs mean to a run that does the run called `first` again."""
    if first is None:
        return NO_PINS
    pins = _of_first.get(first)
    if pins is None:
        run = await engine.metadata.find_run(first)
        pins = NO_PINS if run is None else await _read(engine, run)
        if run is not None and run.is_sealed:  # from then on they never change
            _keep(_of_first, first, pins)
    return pins


def _keep(kept: OrderedDict[str, Pins], name: str, pins: Pins) -> None:
    kept[name] = pins
    if len(kept) > _KEPT_MAX:
        kept.popitem(last=False)


async def _read(engine: Engine, run: RunRow) -> Pins:
    commits: dict[tuple[int, str], set[CommitId]] = {}
    for each in await engine.metadata.list_inputs(run.id):
        key = (each.artifact.repository_id, each.ref)
        commits.setdefault(key, set()).add(each.commit)
    return {key: next(iter(each)) for key, each in commits.items() if len(each) == 1}
