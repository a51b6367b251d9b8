"""The command of a re-run: run as any recorded command is, on data that was checked first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from ..blocking.client import Client
from ..runs.capturing import Command
from ..runs.command import CommandEnd, CommandRun
from ..runs.plan import Plan
from ..runs.watching import Watch
from ..wire import Run
from .errors import RerunError
from .outcome import compare_inputs

OpenClient = Callable[[], AbstractContextManager[Client]]


class CommandAgain(CommandRun):
    """A run of a command that does another run again."""

    def __init__(
        self,
        client: Client,
        plan: Plan,
        command: Command,
        first: Run,
        *,
        watch: Watch | None = None,
    ) -> None:
        super().__init__(client, plan, command, watch=watch)
        self._first = first

    def _check_out_all(self) -> None:
        # What it means to the server is known now: before bytes move, and long before
        # anybody would wonder why another model came of it.
        check_pinned(self._first, self._client.get_run(self.id))
        super()._check_out_all()


def check_pinned(first: Run, again: Run) -> None:
    """Make sure that what `again` is declared to read is what `first` was.

    Raises:
        RerunError: it is not.
    """
    wrong = compare_inputs(_declared(first), _declared(again))
    if wrong:
        raise RerunError(
            f"cannot do run '{first.id}' again: its data is not to be had as it was: "
            f"it would have {wrong[0]}"
        )


def _declared(run: Run) -> Run:
    """Return `run` with its declared inputs only."""
    inputs = [each for each in run.inputs if each.how == "declared"]
    return msgspec.structs.replace(run, inputs=inputs)


def run_command(
    open_client: OpenClient,
    plan: Plan,
    argv: Sequence[str],
    *,
    directory: Path,
    environ: Mapping[str, str],
    options: Mapping[str, Any],
    first: Run,
) -> CommandEnd:
    """Run `argv` in `directory` as the run that does `first` again.

    Args:
        options: of how it is done, for the record.

    Raises:
        ClientError: it could not begin.
    """
    command = Command(argv=argv, directory=directory, environ=environ, options=options)
    with open_client() as client:
        return CommandAgain(client, plan, command, first).run()
