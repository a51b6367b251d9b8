"""`lakebed tag`: tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from .. import options
from ..addresses import parse_ref, parse_ref_in, parse_repository
from ..asking import ask
from ..consent import confirm
from ..output import (
    Column,
    print_fact,
    print_fields,
    print_json,
    print_listing,
)
from ..text import escape, format_time, short

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Commit, Ref

app = typer.Typer(
    help="Create, list, show and delete tags.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def create(
    tag: options.Tag,
    ref: options.RefBeside = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Give a commit a name that never moves: that of REF, or of the default branch."""
    address = parse_ref(tag)
    wanted = parse_ref_in(ref, address.repository) if ref is not None else None

    async def work(lake: AsyncClient) -> tuple[Ref, str]:
        at = wanted
        if at is None:
            at = (await lake.get_repository(address.repository)).default_branch
        return await lake.create_tag(address.repository, address.ref, ref=at), at

    made, at = ask(server, work)
    line = (
        f"tag '{escape(made.id)}' created at '{escape(at)}' ({short(made.commit_id)})"
    )
    print_fact(made, as_document=as_document, line=line)


@app.command("list")
def list_all(
    repository: options.Repository,
    prefix: options.Prefix = "",
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List the tags of a repository."""
    name = parse_repository(repository)

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_tags(name, prefix=prefix),
            [Column("tag", style="bold"), Column("commit")],
            lambda found: (found.id, short(found.commit_id)),
            plain=lambda found: (found.id, found.commit_id),
            as_document=as_document,
        )

    ask(server, work)


@app.command()
def show(
    tag: options.Tag, as_document: options.Json = False, server: options.Server = None
) -> None:
    """Show the commit that a tag names."""
    address = parse_ref(tag)

    async def work(lake: AsyncClient) -> tuple[Ref, Commit]:
        found = await lake.get_tag(address.repository, address.ref)
        return found, await lake.get_commit(address.repository, found.id)

    found, commit = ask(server, work)
    if as_document:
        print_json(found)
        return
    fields = [
        ("tag", found.id),
        ("commit", found.commit_id),
        ("message", commit.message.partition("\n")[0]),
        ("committer", commit.committer),
        ("date", format_time(commit.creation_date)),
    ]
    print_fields(fields)


@app.command()
def delete(
    tag: options.Tag,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Delete a tag; its commit stays, and `lakebed reflog` has its id."""
    address = parse_ref(tag)

    async def look(lake: AsyncClient) -> Ref:
        return await lake.get_tag(address.repository, address.ref)

    async def work(lake: AsyncClient) -> None:
        await lake.delete_tag(address.repository, address.ref)

    found = ask(server, look)
    what = f"tag '{escape(str(address))}' of {short(found.commit_id)}"
    if not dry_run:
        confirm(f"Delete {what}?", yes=yes)
        ask(server, work)
    deleted = {"id": found.id, "commit_id": found.commit_id, "dry_run": dry_run}
    line = f"would delete {what}" if dry_run else f"deleted {what}"
    print_fact(deleted, as_document=as_document, line=line)
