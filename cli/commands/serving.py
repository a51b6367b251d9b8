"""`lakebed serve`: hand over to the server part, in this process's place."""

from __future__ import annotations

import os
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from ..exits import ExitCode
from ..output import say

SERVER_MODULE = "lakebed.server"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("serve")(serve)


def serve(
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Where everything is kept; made if missing"),
    ],
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where to listen, for S3 and REST [default: 127.0.0.1:8000]",
            show_default=False,
        ),
    ] = None,
    init_admin: Annotated[
        bool,
        typer.Option(
            "--init-admin",
            help="On a new directory make the user 'admin', with the key in "
            "LAKEBED_ACCESS_KEY_ID and LAKEBED_SECRET_ACCESS_KEY, or one printed once",
        ),
    ] = False,
) -> None:
    """Serve a directory over S3 and REST, until Ctrl-C or SIGTERM."""
    missing = find_missing_packages()
    if missing:
        say(
            f"error: cannot serve: {', '.join(missing)} not installed; "
            "install the server part with: pip install 'lakebed[server]'"
        )
        raise typer.Exit(ExitCode.FAILED)
    command = server_command(directory, listen=listen, init_admin=init_admin)
    sys.stdout.flush()
    # The server takes our place, so that signals and exit codes are its own.
    os.execv(command[0], command)  # noqa: S606 - our own interpreter, no shell


def server_command(
    directory: Path, *, listen: str | None, init_admin: bool
) -> list[str]:
    """Return the command line that starts a server over `directory`."""
    command = [sys.executable, "-m", SERVER_MODULE, str(directory)]
    if listen is not None:
        command += ["--listen", listen]
    if init_admin:
        command.append("--init-admin")
    return command


def find_missing_packages() -> list[str]:
    """Return the packages of the extra `server` that are not installed, by name."""
    missing: list[str] = []
    for requirement in metadata.requires("lakebed") or []:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        if name is None or not re.search(r"extra\s*==\s*['\"]server['\"]", requirement):
            continue
        try:
            metadata.version(name[0])
        except metadata.PackageNotFoundError:
            missing.append(name[0])
    return sorted(missing)
