"""`lakebed runs`: what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .. import options
from ..asking import ask
from ..completing import complete_repository, complete_run
from ..consent import confirm
from ..exits import CommandError
from ..output import print_fact, print_json, print_line, print_listing, print_raw
from ..text import escape, escape_lines, format_count

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.runs.syncing import Synced
    from lakebed.client.wire.runs import Run

app = typer.Typer(
    help="List, show and delete runs; send what was not sent.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Status = Literal["running", "succeeded", "failed", "interrupted", "lost"]

RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Its id, or the beginning of it",
        autocompletion=complete_run,
    ),
]


@app.command("list")
def list_all(
    repo: Annotated[
        str | None,
        typer.Option(
            metavar="REPO",
            help="Those of one repository",
            autocompletion=complete_repository,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="EXPERIMENT", help="Those of one experiment"),
    ] = None,
    status: Annotated[
        Status | None, typer.Option(help="Those that ended so, or go on")
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="Those that somebody began")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="With such a parameter; all of several hold"
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME>VALUE",
            help="Whose last value is so: <, <=, =, >= or >; all of several hold",
        ),
    ] = None,
    count: options.Count = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List runs, the newest first, with their parameters and last metrics."""
    from ..running.rows import COLUMNS, plain, row

    async def work(lake: AsyncClient) -> int:
        found = lake.iter_runs(
            repository=repo,
            experiment=name,
            status=status,
            user=user,
            params=param or [],
            metrics=metric or [],
            limit=count,
        )
        return await print_listing(
            found, COLUMNS, row, plain=plain, as_document=as_document
        )

    ask(server, work)


@app.command()
def show(
    run: RunId, as_document: options.Json = False, server: options.Server = None
) -> None:
    """Show all that is known of a run."""

    async def work(lake: AsyncClient) -> Run:
        return await lake.get_run(run)

    found = ask(server, work)
    if as_document:
        print_json(found)
        return
    from lakebed.client.wire import Why

    from ..provenance.screen import print_facts
    from ..provenance.why import facts_of

    print_facts(facts_of(Why(subject=found.id, run=found)), all_lines=True)


@app.command()
def log(run: RunId, server: options.Server = None) -> None:
    """Print what the command of a run wrote on standard output and standard error."""

    async def work(lake: AsyncClient) -> str:
        found = await lake.get_run(run)
        return await lake.read_run_log(found.repository, found.id)

    text = ask(server, work)
    print_raw(escape_lines(text).encode())


@app.command()
def delete(
    run: RunId,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Delete a run and its record; for administrators. What it published stays."""

    async def look(lake: AsyncClient) -> Run:
        return await lake.get_run(run)

    found = ask(server, look)
    what = f"run {found.id} of '{escape(found.repository)}'"
    fact = {"id": found.id, "repository": found.repository, "dry_run": dry_run}
    if dry_run:
        print_fact(fact, as_document=as_document, line=f"would delete {what}")
        return
    confirm(f"Delete {what}, {found.status}, with its record?", yes=yes)

    async def work(lake: AsyncClient) -> None:
        await lake.delete_run(found.repository, found.id)

    ask(server, work)
    print_fact(fact, as_document=as_document, line=f"{what} deleted")


@app.command()
def sync(as_document: options.Json = False, server: options.Server = None) -> None:
    """Send what runs on this machine could not send: the server was away, or they died.

    What came too late, because the run has ended meanwhile, is put aside in its file: that
    is said once.
    """
    import asyncio

    from lakebed.client.runs.syncing import sync as send_all

    from ..running.reaching import client_of

    async def work() -> list[Synced]:
        return [each async for each in send_all(connect=client_of(server))]

    done = asyncio.run(work())
    if as_document:
        print_json([_as_fact(each) for each in done])
    else:
        for each in done:
            print_line(_describe(each))
        if not done:
            print_line("nothing waits")
    late = sum(each.is_late for each in done)
    left = sum(each.left > 0 for each in done) - late
    if left:
        raise CommandError(f"of {format_count(left, 'run')} something still waits")
    if late:
        raise CommandError(f"of {format_count(late, 'run')} something came too late")


def _as_fact(synced: Synced) -> dict[str, object]:
    return {
        "run": synced.run,
        "path": synced.path,
        "sent": synced.sent,
        "left": synced.left,
        "problem": synced.problem,
        "is_late": synced.is_late,
    }


def _describe(synced: Synced) -> str:
    line = f"run {synced.run}: {format_count(synced.sent, 'batch', 'batches')} sent"
    if synced.left:
        line += f", {synced.left:,} left"
    if synced.problem:
        line += f": {escape(synced.problem)}"
    if synced.is_late:
        line += f"; it is in '{escape(synced.path)}': remove that if it is of no use"
    return line
