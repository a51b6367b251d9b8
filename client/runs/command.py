"""A run of a command: what `lakebed run` does, and `lakebed rerun` again.

    begin, and capture beside it -> inputs as files -> the command -> outputs -> the end

1. The code is captured before anything is written and before the command starts: a
   command may change what it is run from.
2. The command is never held up, or ended, because the server is away.
3. How the command ended is how the run ended; what we could not do is said, and makes a
   run that would have succeeded fail. The recorded exit code is the command's in any case.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from .. import wire
from ..blocking.client import Client
from ..capture import mask_argv
from ..errors import ClientError
from ..seeding import seeds_of_variables
from ..wire.run_parts import Code
from .capturing import Capturing, Command
from .live import LiveRun
from .log_lines import LogLines
from .outcome import INTERRUPTED, EndStatus, Outcome
from .output_log import OutputLog, find_secrets
from .plan import Parts, Plan, make_creation
from .process import CommandNotStartedError, Ended, run_process
from .variables import environment_of, find_attached
from .watching import Watch


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """What came of it."""

    run: str
    exit_code: int
    """Of the command; if that was 0 and something else failed, not 0."""
    result: wire.Run | None
    """None: the server does not know yet that it has ended."""
    problem: Exception | None = None
    """What failed beside the command."""
    is_line_open: bool = False
    """Whether what was shown last, on a terminal, may stand in a line without an end."""
    is_held_back: bool = False
    """Whether the command was interrupted and ended well all the same: as nobody can tell
    whether what it wrote is whole, nothing is published."""


class CommandRun(LiveRun):
    """A run of a command."""

    is_of_this_process = False

    def __init__(
        self,
        client: Client,
        plan: Plan,
        command: Command,
        *,
        capturing: Capturing | None = None,
        watch: Watch | None = None,
        keeps_on_interrupt: bool = False,
    ) -> None:
        """Prepare to run `command`.

        Args:
            client: who begins the run.
            plan: what it is begun with.
            command: what is run.
            capturing: what is being captured of it already.
            watch: is told of what is moved.
            keeps_on_interrupt: a command that was interrupted and ends well has succeeded.
        """
        super().__init__(plan, client.server)
        self._keeps_on_interrupt = keeps_on_interrupt
        self._client = client
        self._command = command
        self._watch = watch
        self._capturing = capturing or Capturing(plan, command)
        self._is_line_open = False

    def run(self) -> CommandEnd:
        """Run the command, and return what came of it.

        Raises:
            ClientError: the run could not begin; the command was not started.
        """
        self._start()
        outcome, problem = self._execute()
        try:
            self._finish(outcome, message="")
        except KeyboardInterrupt:
            problem = problem or KeyboardInterrupt()
            self._over("interrupted")
        except (ClientError, OSError) as error:
            problem = problem or error
        code = 1 if outcome.exit_code is None else outcome.exit_code
        is_held_back = code == 0 and outcome.status == "interrupted"
        if is_held_back or (outcome.status, outcome.exit_code) == ("interrupted", None):
            code = INTERRUPTED
        if code == 0 and problem is not None:
            code = 1
        failure = problem if isinstance(problem, Exception) else None
        is_open = self._is_line_open or outcome.status == "interrupted"
        return CommandEnd(self.id, code, self.result, failure, is_open, is_held_back)

    def _start(self) -> None:
        command, plan = self._command, self._plan
        outer = find_attached(self._server)
        if outer is not None and plan.parent is None:
            plan = replace(plan, parent=outer.run)
        self._plan = plan
        creation = make_creation(
            plan, None, seeds=seeds_of_variables(self._capturing.environ)
        )
        # Lists show the command from the start; the rest of the part comes with it again.
        code = Code(
            kind="none",
            argv=mask_argv(command.argv),
            directory=str(command.directory),
        )
        creation = msgspec.structs.replace(creation, code=msgspec.to_builtins(code))
        started = self._client.begin_run(plan.choose_repository(), creation)
        self._begin(started, self._client.get_url())
        self._add_parts(self._capturing.result())

    def _place(self, local: str) -> Path:
        return self._command.place(local)

    def _add_parts(self, parts: Parts) -> None:
        recorder = self._running
        for name, part in parts.as_fields().items():
            recorder.pending.set_part(name, part)
        if parts.captured is not None:
            said = self._plan.params
            found = parts.captured.params
            recorder.pending.add_params(
                {name: value for name, value in found.items() if name not in said}
            )
        self._keep_parts(parts)

    def _execute(self) -> tuple[Outcome, BaseException | None]:
        """Check inputs out and run the command; return how it ended, and what failed."""
        try:
            self._check_out_all()
            ended = self._run_process()
        except KeyboardInterrupt as error:
            return Outcome("interrupted", None, "stopped before it began"), error
        except CommandNotStartedError as error:
            return Outcome("failed", error.exit_code, str(error)), error
        except (ClientError, OSError) as error:
            return Outcome("failed", None, str(error)), error
        return _outcome_of(ended, self._keeps_on_interrupt), None

    def _check_out_all(self) -> None:
        for wish in self._plan.inputs:
            if wish.local is None:
                continue
            self._check_out(wish, self._place(wish.local))

    def _run_process(self) -> Ended:
        recorder, command = self._running, self._command
        environ = environment_of(self._known).apply(self._capturing.environ)
        log = OutputLog(recorder.log_text, find_secrets(environ))
        try:
            with LogLines(log.take_line) as lines:
                return run_process(
                    command.argv,
                    directory=command.directory,
                    environ=environ | lines.variables(self.id),
                    take=log.take,
                    lines=lines,
                )
        finally:
            log.finish()
            self._is_line_open = log.is_line_open

    def _look_up(self) -> wire.Run | None:
        with suppress(ClientError, RuntimeError):
            return self._client.get_run(self.id)
        return None


def _outcome_of(ended: Ended, keeps_on_interrupt: bool) -> Outcome:
    if ended.exit_code == 0:
        is_whole = keeps_on_interrupt or not ended.was_stopped
        return Outcome("succeeded" if is_whole else "interrupted", 0)
    reason = ""
    if ended.signal is not None:
        reason = f"the command was ended by {_name_signal(ended.signal)}"
    status: EndStatus = "failed"
    if ended.was_stopped or ended.signal == signal.SIGINT:
        status = "interrupted"
    return Outcome(status, ended.exit_code, reason)


def _name_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
