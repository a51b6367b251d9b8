"""The commands, one module a subject; each parses, asks the server, and prints.

A command line asks for one of them: the others are not imported, which takes longer than
most of what is asked.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer

GROUPS = {
    "repo": "repositories",
    "branch": "branches",
    "tag": "tags",
    "runs": "runs",
    "user": "users",
    "key": "keys",
    "grant": "grants",
    "admin": "maintaining",
    "model": "models",
}
"""By name, the module whose `app` has its commands."""

COMMANDS = {
    "demo": "demo",
    "serve": "serving",
    "login": "signing_in",
    "logout": "signing_in",
    "whoami": "signing_in",
    "completion": "completion",
    "ls": "looking",
    "cat": "looking",
    "stat": "looking",
    "prove": "proving",
    "find": "finding",
    "du": "finding",
    "cp": "copying",
    "mv": "removing",
    "rm": "removing",
    "commit": "commits",
    "log": "history",
    "show": "history",
    "diff": "comparing",
    "blame": "blaming",
    "merge": "merging",
    "cherry-pick": "merging",
    "revert": "merging",
    "reset": "moves",
    "undo": "moves",
    "reflog": "moves",
    "run": "running",
    "why": "why",
    "rerun": "rerunning",
    "compare": "compare",
    "lineage": "lineage",
}
"""By name, the module that registers it, with others of its subject."""


def register(app: typer.Typer, name: str | None = None) -> None:
    """Add to `app` the command `name`, with others of its subject; None: every command."""
    names = {*GROUPS, *COMMANDS} if name is None else {name}
    for group, module in GROUPS.items():
        if group in names:
            app.add_typer(_load(module).app, name=group)
    modules = (module for command, module in COMMANDS.items() if command in names)
    for module in dict.fromkeys(modules):
        _load(module).register(app)


def _load(module: str) -> Any:
    return import_module(f".{module}", __package__)
