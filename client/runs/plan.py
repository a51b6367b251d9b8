"""What a run is begun with."""

from __future__ import annotations

import dataclasses
import operator
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import InvalidRequestError
from ..wire.run_parts import Seeds
from ..wire.runs import InputWish, Missing, OutputWish, ParamValue, RunCreation
from .addresses import Inputs, Outputs, input_wishes, output_wishes
from .loggable import clean_params, clean_what_can_be, plain_document, plain_text

if TYPE_CHECKING:
    from ..capture import CapturedRun

LOST_AFTER_S = 300
"""A laptop that sleeps for a meeting is not lost; a killed run is told of in 5 minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is begun with; what is not said is found out."""

    experiment: str = ""
    repository: str | None = None
    params: Mapping[str, ParamValue] = field(default_factory=dict[str, ParamValue])
    inputs: Sequence[InputWish] = ()
    outputs: Sequence[OutputWish] = ()
    config: Sequence[Path] = ()
    seed: int | None = None
    parent: str | None = None
    rerun_of: str | None = None
    lost_after_s: int = LOST_AFTER_S
    missing: Sequence[Missing] = ()
    """What of all this could not be recorded."""

    def within(self, parent: str, repository: str) -> Plan:
        """Return the plan of a child of the run `parent`, in its repository if in none."""
        if not (self.repository or self.outputs or self.inputs):
            return dataclasses.replace(self, parent=parent, repository=repository)
        return dataclasses.replace(self, parent=parent)

    def choose_repository(self) -> str:
        """Return which repository the run belongs to.

        Raises:
            InvalidRequestError: nothing says it.
        """
        if self.repository is not None:
            return self.repository
        if self.outputs:
            return self.outputs[0].repository
        if self.inputs:
            return self.inputs[0].repository
        raise InvalidRequestError(
            "cannot begin a run: name its repository, or an input or output"
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """What of a record is there before the run begins."""

    captured: CapturedRun | None
    missing: tuple[Missing, ...] = ()

    def as_fields(self) -> dict[str, dict[str, Any]]:
        """Return the parts by name, as `RunCreation` and `RunBatch` take them."""
        if self.captured is None:
            return {}
        return {
            name: plain_document(msgspec.to_builtins(getattr(self.captured, name)))
            for name in ("code", "configuration", "environment", "hardware")
        }


def capture_here(plan: Plan) -> Parts:
    """Return what is recorded of this process; what cannot be had is named as missing."""
    return capture(plan, Path.cwd(), sys.orig_argv, in_process=True)


def capture(
    plan: Plan,
    directory: Path,
    argv: Sequence[str],
    *,
    options: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    in_process: bool = False,
    exclude: Sequence[Path] = (),
) -> Parts:
    """Return what is recorded of `argv`, run in `directory`."""
    from ..capture import capture_run

    try:
        captured = capture_run(
            directory,
            argv,
            config_files=plan.config,
            options=options,
            environ=environ,
            in_process=in_process,
            exclude=exclude,
        )
    except Exception as error:  # noqa: BLE001 - no training fails for its record
        reason = f"{type(error).__name__}: {error}"
        return Parts(None, (Missing(what="code", reason=reason),))
    params, refused = clean_what_can_be(captured.params, "configuration.params")
    return Parts(
        dataclasses.replace(captured, params=params), (*captured.missing, *refused)
    )


def make_creation(
    plan: Plan, parts: Parts | None, *, seeds: Seeds | None = None
) -> RunCreation:
    """Return the request that begins the run; what has no `parts` yet follows later."""
    captured = parts.captured if parts is not None else None
    fields = parts.as_fields() if parts is not None else {}
    return RunCreation(
        experiment=plan.experiment,
        parent=plan.parent,
        rerun_of=plan.rerun_of,
        started_ms=time.time_ns() // 1_000_000,
        host=platform.node(),
        code=fields.get("code", {}),
        configuration=fields.get("configuration", {}),
        environment=fields.get("environment", {}),
        hardware=fields.get("hardware", {}),
        seeds=msgspec.to_builtins(seeds) if seeds is not None else {},
        params={
            **(captured.params if captured is not None else {}),
            **clean_params(plan.params),
        },
        inputs=list(plan.inputs),
        outputs=list(plan.outputs),
        lost_after_s=plan.lost_after_s,
    )


def make_plan(
    experiment: str,
    *,
    repository: str | None,
    params: Mapping[str, object] | None,
    inputs: Inputs,
    outputs: Outputs | None,
    config: Sequence[str | Path],
    seed: int | None,
    lost_after_s: int,
) -> Plan:
    """Return the plan of a run from what programs give.

    Raises:
        InvalidRequestError: an address is none, or a parameter cannot be one.
        TypeError: the name of a parameter is no text, or `experiment` is a function.
    """
    if callable(experiment):
        raise TypeError(
            "a run is no decorator yet: write '@run()', or '@run(repository=...)'"
        )
    return Plan(
        experiment=plain_text(experiment),
        repository=repository,
        params=clean_params(params) if params else {},
        inputs=input_wishes(inputs),
        outputs=output_wishes(outputs) if outputs else [],
        config=[Path(file) for file in config],
        seed=seed,
        lost_after_s=operator.index(lost_after_s),
    )
