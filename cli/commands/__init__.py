"""The commands, one module a subject; each parses, asks the server, and prints."""

from __future__ import annotations

import typer

from . import (
    branches,
    commits,
    comparing,
    copying,
    demo,
    looking,
    merging,
    moves,
    removing,
    repositories,
    serving,
    tags,
)


def register(app: typer.Typer) -> None:
    """Add every command to `app`."""
    app.add_typer(repositories.app, name="repo")
    app.add_typer(branches.app, name="branch")
    app.add_typer(tags.app, name="tag")
    for module in (
        demo,
        serving,
        looking,
        copying,
        removing,
        commits,
        comparing,
        merging,
        moves,
    ):
        module.register(app)
