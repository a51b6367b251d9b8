"""How a run is done again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .verifying import Tolerances

EnvironmentChoice = Literal["recreate", "current"]
Tell = Callable[[str], None]
"""Takes a sentence on what is being done, for whoever waits."""


def tell_nobody(text: str) -> None:
    """Take a sentence, and do nothing with it."""
    del text


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunOptions:
    """How a run is done again."""

    folder: Path
    """New or empty: where all of it goes."""
    verify: bool = False
    environment: EnvironmentChoice = "recreate"
    """`recreate`: the recorded one is made again. `current`: the one that is here."""
    code_from: Path | str | None = None
    """A Git repository that is asked before the recorded remote."""
    tolerances: Tolerances = field(default_factory=Tolerances)
    pip_options: Sequence[str] = ()
    """For whatever installs the environment: `--index-url URL`, `--find-links DIR`."""
    tell: Tell = tell_nobody
