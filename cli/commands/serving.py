"""`lakebed serve`: hand over to the server part, in this process's place."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
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
        list[str] | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where to listen, for S3 and REST [default: 127.0.0.1:8000]",
            show_default=False,
        ),
    ] = None,
    s3_listen: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST:PORT",
            help="A place for S3 alone; '--listen' speaks REST only then",
        ),
    ] = None,
    flat_s3: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST:PORT=REF",
            help="A place for S3 where a bucket is a repository at REF",
        ),
    ] = None,
    s3_domain: Annotated[
        list[str] | None,
        typer.Option(metavar="DOMAIN", help="Hosts 'BUCKET.DOMAIN' name a bucket"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="NUMBER",
            help="Processes that serve [default: as many as there are cores]",
            show_default=False,
        ),
    ] = None,
    tls_cert: Annotated[
        str | None, typer.Option(metavar="FILE", help="Certificate and its chain, PEM")
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="Key of the certificate, PEM")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(help="Region of S3 signatures, beside us-east-1"),
    ] = None,
    access_log: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A line for each request; '-' is stdout"),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Figures for Prometheus, on loopback"),
    ] = None,
    expose_metrics: Annotated[
        bool,
        typer.Option(
            "--expose-metrics", help="Let others than this machine read the figures"
        ),
    ] = False,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=NUMBER", help="Set a limit; docs/serving.md has all"
        ),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR"),
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
    command = server_command(
        directory,
        {
            "--listen": listen,
            "--s3-listen": s3_listen,
            "--flat-s3": flat_s3,
            "--s3-domain": s3_domain,
            "--workers": None if workers is None else str(workers),
            "--tls-cert": tls_cert,
            "--tls-key": tls_key,
            "--region": region,
            "--access-log": access_log,
            "--metrics": metrics,
            "--expose-metrics": expose_metrics,
            "--limit": limit,
            "--log-level": log_level,
            "--init-admin": init_admin,
        },
    )
    sys.stdout.flush()
    # The server takes our place, so that signals and exit codes are its own.
    os.execv(command[0], command)  # noqa: S606 - our own interpreter, no shell


def server_command(
    directory: Path, options: Mapping[str, str | Sequence[str] | bool | None]
) -> list[str]:
    """Return the command line that starts a server over `directory`.

    Args:
        directory: where everything is kept.
        options: by name: a value, values, whether a flag is set; None is left out.
    """
    command = [sys.executable, "-m", SERVER_MODULE, str(directory)]
    for name, value in options.items():
        match value:
            case None | False:
                pass
            case True:
                command.append(name)
            case str():
                # Together, so that a value that begins with a hyphen is one.
                command.append(f"{name}={value}")
            case _:
                command += [f"{name}={one}" for one in value]
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
