"""`lakebed cp`: files in, objects out, objects across."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..addresses import ObjectAddress, parse_location
from ..asking import ask
from ..output import print_json
from ..transfer.options import JOBS, CopyOptions
from .commits import parse_pairs

if TYPE_CHECKING:
    from lakebed.client import AsyncClient

JOBS_MAX = 32
"""As many as a client has connections."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("cp")(cp)


def cp(
    source: options.Location,
    destination: options.Location,
    recursive: Annotated[
        bool,
        typer.Option("--recursive", "-r", help="Everything below a folder or prefix"),
    ] = False,
    content_type: Annotated[
        str | None,
        typer.Option(help="Of what is uploaded; else by its name", show_default=False),
    ] = None,
    meta: Annotated[
        list[str] | None,
        typer.Option(
            "--meta",
            metavar="KEY=VALUE",
            help="Metadata of what is uploaded; may be repeated",
            show_default=False,
        ),
    ] = None,
    no_clobber: Annotated[
        bool, typer.Option("--no-clobber", "-n", help="Keep what is there already")
    ] = False,
    jobs: Annotated[
        int,
        typer.Option("--jobs", "-j", min=1, max=JOBS_MAX, help="Requests at once"),
    ] = JOBS,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Copy objects and files. Between refs of a repository no bytes are moved.

    With -r, what is there already with the same content is passed over, so that a copy
    that was interrupted goes on where it stopped when it is run again.
    """
    start, end = parse_location(source), parse_location(destination)
    wanted = CopyOptions(
        recursive=recursive,
        content_type=content_type,
        metadata=parse_pairs(meta or [], "--meta"),
        no_clobber=no_clobber,
        dry_run=dry_run,
        jobs=jobs,
        into_folder=destination.endswith("/"),
        is_quiet=as_document,
    )
    if as_document and end is None:
        raise typer.BadParameter("--json and the object cannot both go to stdout")
    if not isinstance(start, ObjectAddress) and not isinstance(end, ObjectAddress):
        raise typer.BadParameter(
            "neither side is remote: give one as lakebed://REPO/REF/PATH"
        )
    if recursive and (start is None or end is None):
        raise typer.BadParameter("-r goes with a folder or prefix, not with '-'")

    async def work(lake: AsyncClient) -> None:
        from ..transfer import across, down, up

        match start, end:
            case ObjectAddress(), ObjectAddress():
                await across.copy(lake, start, end, wanted)
            case ObjectAddress(), None:
                await down.copy_to_stdout(lake, start)
            case ObjectAddress(), Path():
                await down.copy(lake, start, end, wanted)
            case None, ObjectAddress():
                await up.copy_from_stdin(lake, end, wanted)
            case Path(), ObjectAddress():
                await up.copy(lake, start, end, wanted)
            case _:
                raise AssertionError("refused above")

    ask(server, work)
    if as_document:
        named = {"source": source, "destination": destination, "dry_run": dry_run}
        print_json(named | asdict(wanted.report))
