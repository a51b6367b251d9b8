"""Ask before something is lost, where there is somebody to ask."""

from __future__ import annotations

import sys

import typer


def confirm(question: str, *, yes: bool) -> None:
    """Return if a person agrees, or if there is none to ask.

    Raises:
        typer.Abort: the person does not.
    """
    if yes or not sys.stdin.isatty() or not sys.stderr.isatty():
        return
    typer.confirm(question, abort=True, err=True)
