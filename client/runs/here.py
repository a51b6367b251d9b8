"""Runs of the lake that the environment or the profile names: `lakebed.client.run(...)`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..connecting import default_lake
from . import current
from .addresses import Inputs, Outputs
from .plan import LOST_AFTER_S, make_plan
from .recording import Recording
from .run import Run
from .variables import RUN_VARIABLE, find_attached


def run(
    experiment: str = "",
    *,
    repository: str | None = None,
    params: Mapping[str, object] | None = None,
    inputs: Inputs = (),
    outputs: Outputs | None = None,
    config: Sequence[str | Path] = (),
    seed: int | None = None,
    lost_after_s: int = LOST_AFTER_S,
) -> Run:
    """Return a run to record, as `connect().run(...)` does.

    The lake is the one that `connect()` finds, opened once for the process.

    Raises:
        InvalidRequestError: an address is none.
    """
    plan = make_plan(
        experiment,
        repository=repository,
        params=params,
        inputs=inputs,
        outputs=outputs,
        config=config,
        seed=seed,
        lost_after_s=lost_after_s,
    )
    return Run(default_lake(), plan)


def current_run() -> Recording | None:
    """Return the run that is going on, the innermost of several; None: there is none.

    In a process that `lakebed run` started, and that began none itself, it is that run.
    """
    found = current.current_run()
    if found is not None or RUN_VARIABLE not in os.environ:
        return found
    if find_attached(default_lake().server) is None:
        return None
    return run().start()
