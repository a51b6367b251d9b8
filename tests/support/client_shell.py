"""Runs the commands of clients that are programs, after the page's lines of shell."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from support.commands import Result

COMMAND_S_MAX = 60.0
"""Programs that cannot reach a server try for minutes; none of the tests takes that long."""
_SCRIPT = '{settings}\nexec "$@"\n'


class CommandFailedError(Exception):
    """A program ended with an exit code other than 0."""


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell in which a reader has pasted `settings`."""

    settings: str
    folder: Path
    """The working directory."""
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def run(self, *words: str) -> Result:
        """Run a program; return what it gave.

        Raises:
            CommandFailedError: it failed.
        """
        # The programs lie beside the interpreter, in the environment of the clients.
        programs = str(Path(sys.executable).parent)
        path = os.pathsep.join((programs, os.environ["PATH"]))
        ended = subprocess.run(
            ["bash", "-euc", _SCRIPT.format(settings=self.settings), "--", *words],
            cwd=self.folder,
            env={**os.environ, "PATH": path, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_S_MAX,
            check=False,
        )
        result = Result(ended.returncode, ended.stdout, ended.stderr.decode())
        if result.code:
            raise CommandFailedError(f"{words} ended with {result}")
        return result
