"""Capture what a command is run from, beside everything else.

It needs nothing of what speaks to the server, and begins before that is imported: git
looks at a work tree of 10,000 files meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..seeding import seed_variables
from .plan import Parts, Plan, capture


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is run."""

    argv: Sequence[str]
    directory: Path
    environ: Mapping[str, str] = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Of `lakebed run` itself, for the record."""

    def place(self, local: str) -> Path:
        """Return where the user means by `local`."""
        return self.directory / local


class Capturing:
    """What is being captured of a command; begins at once."""

    def __init__(self, plan: Plan, command: Command) -> None:
        self.environ = dict(command.environ)
        """What the command will have, but for the key of the run."""
        if plan.seed is not None:
            self.environ |= seed_variables(plan.seed)
        named = [wish.local for wish in plan.inputs]
        named += [wish.local for wish in plan.outputs]
        # Inputs and outputs are data, and no code that lies beside a commit.
        places = [command.place(local) for local in named if local is not None]
        threads = ThreadPoolExecutor(1, "lakebed-capture")
        self._captured = threads.submit(
            capture,
            plan,
            command.directory,
            command.argv,
            options=command.options,
            environ=self.environ,
            exclude=places,
        )
        threads.shutdown(wait=False)

    def result(self) -> Parts:
        """Wait for it, and return it."""
        return self._captured.result()
