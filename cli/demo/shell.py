"""Run what a user would type, and show it: the command, then what it prints.

`lakebed` commands run in this process, by the same code as in one of their own, because
starting Python a dozen times would take most of the demo's time. Everything else is
run by a shell.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..exits import CommandError, ExitCode
from ..output import print_line
from ..text import escape_lines

Run = Callable[[list[str]], int]


class StepFailedError(CommandError):
    """A command of the demo failed."""


@dataclass(frozen=True, slots=True)
class Shell:
    """Where the demo's commands run."""

    run_lakebed: Run
    folder: Path
    """The working folder; this process is in it, too."""
    environment: Mapping[str, str]

    def title(self, text: str) -> None:
        """Say what comes next."""
        print_line("")
        print_line(f"# {text}", style="bold cyan")

    def lakebed(self, command: str) -> None:
        """Show and run a `lakebed` command.

        Raises:
            StepFailedError: it failed; what it said is printed.
        """
        self.show(command)
        code = self.run_lakebed(shlex.split(command)[1:])
        if code == ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        if code != ExitCode.OK:
            raise StepFailedError(f"the demo stopped: '{command}' ended with {code}")

    def other(self, command: str, *, hidden: Sequence[str] = ()) -> str:
        """Show and run another command; return what it printed.

        `hidden` are options behind its first word that are not shown.

        Raises:
            StepFailedError: it failed.
        """
        self.show(command)
        words = shlex.split(command)
        words[1:1] = hidden
        if words[0] == "python":
            words[0] = sys.executable
        done = subprocess.run(  # noqa: S603 - commands of our own, no shell
            words,
            cwd=self.folder,
            env={**self.environment, "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        for line in escape_lines(done.stdout).splitlines():
            print_line(line)
        if done.returncode != 0:
            raise StepFailedError(
                f"the demo stopped: '{command}' ended with {done.returncode}"
            )
        return done.stdout

    def show(self, command: str) -> None:
        """Show a command as it would be typed."""
        print_line(f"$ {command}", style="bold")
