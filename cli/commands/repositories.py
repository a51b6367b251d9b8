"""`lakebed repo`: repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..addresses import parse_repository
from ..asking import ask
from ..consent import confirm
from ..output import (
    Column,
    print_fact,
    print_fields,
    print_json,
    print_listing,
)
from ..text import escape, format_bytes, format_count, format_iso, format_time

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Du, Repository

app = typer.Typer(
    help="Create, list, show and delete repositories.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def create(
    name: options.Repository,
    default_branch: Annotated[
        str, typer.Option("--default-branch", "-b", help="Its first branch")
    ] = "main",
    sample_data: Annotated[
        bool, typer.Option("--sample-data", help="Fill it with a small real dataset")
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Create a repository, with one empty commit on its first branch."""
    name = parse_repository(name)

    async def work(lake: AsyncClient) -> Repository:
        return await lake.create_repository(
            name, default_branch=default_branch, sample_data=sample_data
        )

    # The first thing that anyone does with a new directory.
    made = ask(server, work, create_directory=True)
    line = f"repository '{escape(made.id)}' created, on branch '{made.default_branch}'"
    print_fact(made, as_document=as_document, line=line)


@app.command("list")
def list_all(
    prefix: Annotated[str, typer.Argument(help="How their names begin")] = "",
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List repositories."""

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_repositories(prefix=prefix),
            [Column("repository", style="bold"), Column("branch"), Column("created")],
            lambda found: (
                found.id,
                found.default_branch,
                format_time(found.creation_date),
            ),
            plain=lambda found: (
                found.id,
                found.default_branch,
                format_iso(found.creation_date),
            ),
            as_document=as_document,
        )

    ask(server, work)


@app.command()
def show(
    name: options.Repository,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show what is known of a repository."""
    name = parse_repository(name)

    async def work(lake: AsyncClient) -> Repository:
        return await lake.get_repository(name)

    found = ask(server, work)
    if as_document:
        print_json(found)
        return
    fields = [
        ("repository", found.id),
        ("default branch", found.default_branch),
        ("created", format_time(found.creation_date)),
        ("storage namespace", found.storage_namespace),
        ("read only", "yes" if found.read_only else "no"),
    ]
    print_fields(fields)


@app.command()
def delete(
    name: options.Repository,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Also if it is read-only")
    ] = False,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Delete a repository and its whole history, for good."""
    name = parse_repository(name)

    async def measure(lake: AsyncClient) -> Du:
        found = await lake.get_repository(name)
        return await lake.du(name, found.default_branch)

    async def work(lake: AsyncClient) -> None:
        await lake.delete_repository(name, force=force)

    what = f"repository '{escape(name)}' with all its branches and tags"
    if not yes or dry_run:
        held = ask(server, measure)
        size = (
            f" ({format_count(held.object_count, 'object')}, "
            f"{format_bytes(held.size_bytes)} on its default branch)"
        )
        what += size
    if not dry_run:
        confirm(f"Delete {what}?", yes=yes)
        ask(server, work)
    line = f"would delete {what}" if dry_run else f"deleted {what}"
    deleted = {"id": name, "dry_run": dry_run}
    print_fact(deleted, as_document=as_document, line=line)
