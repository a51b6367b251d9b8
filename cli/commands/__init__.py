"""The commands, one module a subject; each parses, asks the server, and prints."""

from __future__ import annotations

import typer

from . import (
    blaming,
    branches,
    commits,
    compare,
    comparing,
    completion,
    copying,
    demo,
    finding,
    grants,
    history,
    keys,
    lineage,
    looking,
    maintaining,
    merging,
    models,
    moves,
    proving,
    removing,
    repositories,
    rerunning,
    running,
    runs,
    serving,
    signing_in,
    tags,
    users,
    why,
)


def register(app: typer.Typer) -> None:
    """Add every command to `app`."""
    app.add_typer(repositories.app, name="repo")
    app.add_typer(branches.app, name="branch")
    app.add_typer(tags.app, name="tag")
    app.add_typer(runs.app, name="runs")
    app.add_typer(users.app, name="user")
    app.add_typer(keys.app, name="key")
    app.add_typer(grants.app, name="grant")
    app.add_typer(maintaining.app, name="admin")
    app.add_typer(models.app, name="model")
    for module in (
        demo,
        serving,
        signing_in,
        completion,
        looking,
        proving,
        finding,
        copying,
        removing,
        commits,
        history,
        comparing,
        blaming,
        merging,
        moves,
        running,
        why,
        rerunning,
        compare,
        lineage,
    ):
        module.register(app)
