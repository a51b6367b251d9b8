"""Do a run again: in a folder of its own, as a recorded run, and compare what came of it.

    find the run -> its code, environment, configuration -> run the command as
    `lakebed run` does, with `rerun_of` -> what it read, what it wrote -> a verdict

1. Nothing is needed but the server and, for the code, its Git remote (or a clone).
2. The command gets the data of the first run: the server gives a run with `rerun_of` the
   commits that the first one read, whatever has moved since, and what it read is compared.
3. Nothing is published where the first run published.
4. What could not be done is one sentence; the folder stays, for whoever looks into it.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from ..async_client import AsyncClient
from ..errors import ClientError
from ..runs.command import CommandEnd
from ..runs.plan import Plan
from ..wire import ParamValue, Run
from .command import OpenClient, run_command
from .finding import find_run
from .folder import Prepared, check_folder, prepare_folder
from .options import RerunOptions
from .outcome import RerunOutcome, compare_inputs, compare_surroundings
from .verifying import check_verifiable, verify_run

T = TypeVar("T")

Work = Callable[[AsyncClient], Awaitable[T]]


class Ask(Protocol):
    """Runs some work with a client of the server, and returns what comes of it."""

    def __call__(self, work: Work[T]) -> T:
        """Run `work`."""
        ...


@dataclass(frozen=True, slots=True)
class _Ready:
    first: Run
    prepared: Prepared


def run_again(
    ask: Ask, open_client: OpenClient, subject: str, options: RerunOptions
) -> RerunOutcome:
    """Do `subject` again, a run or what came of one; return what that came to.

    What is in the folder of `options` stays there.

    Args:
        open_client: gives a client of the same server, in a `with` statement.

    Raises:
        RerunError: it cannot be done again, or not be compared.
        NotFoundError: there is no such run, or an input is not there any more.
    """
    check_folder(options.folder)

    async def prepare(lake: AsyncClient) -> _Ready:
        first = await find_run(lake, subject)
        if options.verify:
            check_verifiable(first)
        prepared = await prepare_folder(lake, first, options, os.environ)
        return _Ready(first, prepared)

    ready = ask(prepare)
    prepared = ready.prepared
    options.tell("the command")
    plan = plan_of(ready.first, prepared)
    end = run_command(
        open_client,
        plan,
        prepared.argv,
        directory=prepared.directory,
        environ=prepared.environ,
        options={"params": plan.params, "environment": options.environment},
        first=ready.first,
    )

    async def conclude(lake: AsyncClient) -> RerunOutcome:
        return await _conclude(lake, ready, end, options)

    return ask(conclude)


def plan_of(first: Run, prepared: Prepared) -> Plan:
    """Return what the run that does `first` again is begun with.

    Of the parameters those are given on that were said beside the command. Those of
    configuration files, and those that it logs, are found again, or are not there.
    """
    said = first.configuration.get("options", {}).get("params")
    return Plan(
        experiment=first.experiment,
        repository=first.repository,
        params=cast("dict[str, ParamValue]", said) if isinstance(said, dict) else {},
        inputs=prepared.inputs,
        outputs=prepared.outputs,
        config=prepared.config,
        seed=prepared.seed,
        rerun_of=first.id,
    )


async def _conclude(
    lake: AsyncClient, ready: _Ready, end: CommandEnd, options: RerunOptions
) -> RerunOutcome:
    first, again = ready.first, await lake.get_run(end.run)
    problems = [] if end.problem is None else [str(end.problem)]
    notes = [
        *problems,
        *compare_inputs(first, again),
        *ready.prepared.notes,
        *compare_surroundings(first, again),
    ]
    verdict = None
    if options.verify and again.status == "succeeded":
        options.tell("what came of it")
        verdict = await verify_run(
            lake,
            first,
            again,
            folder=options.folder / "outputs",
            tolerances=options.tolerances,
        )
        try:
            await lake.add_verdict(first.repository, first.id, verdict)
        except ClientError as error:
            # What was found out is worth more than where it is kept.
            notes.append(f"the verdict is not kept with the first run: {error}")
    return RerunOutcome(
        run=first.id,
        rerun=again.id,
        status=again.status,
        exit_code=again.exit_code,
        verdict=verdict,
        # What restoring has noted may be found a second time.
        notes=list(dict.fromkeys(notes)),
        folder=str(options.folder),
    )
