"""Runs of the lake that the environment or the profile names: `lakebed.client.run(...)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..connecting import default_lake
from .addresses import Inputs, Outputs
from .plan import LOST_AFTER_S, make_plan
from .run import Run


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
