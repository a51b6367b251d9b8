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
"""Runs whose pins a process keeps: those that are done again at one time, many times over."""
_kept: OrderedDict[str, Pins] = OrderedDict()
"""By the name of the first run: names are random, so that one store is as good as another."""


async def find_pins(engine: Engine, first: str | None) -> Pins:
    """Return what refs mean to a run that does the run called `first` again."""
    if first is None:
        return NO_PINS
    pins = _kept.get(first)
    if pins is None:
        run = await engine.metadata.find_run(first)
        pins = NO_PINS if run is None else await _read(engine, run)
        if run is not None and run.is_sealed:  # from then on they never change
            _kept[first] = pins
            if len(_kept) > _KEPT_MAX:
                _kept.popitem(last=False)
    return pins


async def _read(engine: Engine, run: RunRow) -> Pins:
    commits: dict[tuple[int, str], set[CommitId]] = {}
    for each in await engine.metadata.list_inputs(run.id):
        key = (each.artifact.repository_id, each.ref)
        commits.setdefault(key, set()).add(each.commit)
    return {key: next(iter(each)) for key, each in commits.items() if len(each) == 1}
