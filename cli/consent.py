"""Ask before something is lost, where there is somebody to ask."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask for confirmation")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and do nothing")
]


def confirm(question: str, *, yes: bool) -> None:
    """Return if a person agrees, or if there is none to ask.

    Raises:
        typer.Abort: the person does not.
    """
    if yes or not sys.stdin.isatty() or not sys.stderr.isatty():
        return
    typer.confirm(question, abort=True, err=True)
