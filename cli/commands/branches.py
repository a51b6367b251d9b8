"""`lakebed branch`: branches."""

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
from ..text import escape, format_count, format_time, short
from .moves import reset_staged

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Commit, Ref

app = typer.Typer(
    help="Create, list, show, delete and reset branches.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

COUNT_MAX = 1000
"""Uncommitted changes that we count one by one before we say "more than"."""


@app.command()
def create(
    branch: options.Branch,
    source: options.RefBeside = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Create a branch at REF, or at the head of the repository's default branch.

    It costs nothing, however much it holds.
    """
    address = parse_ref(branch)
    start = parse_ref_in(source, address.repository) if source is not None else None

    async def work(lake: AsyncClient) -> tuple[Ref, str]:
        begin = start
        if begin is None:
            begin = (await lake.get_repository(address.repository)).default_branch
        made = await lake.create_branch(address.repository, address.ref, source=begin)
        return made, begin

    made, begin = ask(server, work)
    line = (
        f"branch '{escape(made.id)}' created at '{escape(begin)}' "
        f"({short(made.commit_id)})"
    )
    print_fact(made, as_document=as_document, line=line)


@app.command("list")
def list_all(
    repository: options.Repository,
    prefix: options.Prefix = "",
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List the branches of a repository."""
    name = parse_repository(repository)

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_branches(name, prefix=prefix),
            [Column("branch", style="bold"), Column("commit")],
            lambda found: (found.id, short(found.commit_id)),
            plain=lambda found: (found.id, found.commit_id),
            as_document=as_document,
        )

    ask(server, work)


@app.command()
def show(
    branch: options.Branch,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show where a branch is, and how much on it is not committed."""
    address = parse_ref(branch)

    async def work(lake: AsyncClient) -> tuple[Ref, Commit, int]:
        found = await lake.get_branch(address.repository, address.ref)
        commit = await lake.get_commit(address.repository, address.ref)
        changes = lake.iter_uncommitted(
            address.repository, address.ref, limit=COUNT_MAX
        )
        return found, commit, len([change async for change in changes])

    found, commit, count = ask(server, work)
    if as_document:
        # Counted up to a limit; the diff has them all.
        counted = {"uncommitted": count, "uncommitted_is_more": count == COUNT_MAX}
        print_json({"id": found.id, "commit_id": found.commit_id, **counted})
        return
    more = " or more" if count == COUNT_MAX else ""
    fields = [
        ("branch", found.id),
        ("commit", commit.id),
        ("message", commit.message.partition("\n")[0]),
        ("committer", commit.committer),
        ("date", format_time(commit.creation_date)),
        ("uncommitted", format_count(count, "change") + more),
    ]
    print_fields(fields)


@app.command()
def delete(
    branch: options.Branch,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Delete a branch. `lakebed undo` brings back what is committed."""
    address = parse_ref(branch)

    async def look(lake: AsyncClient) -> tuple[Ref, bool]:
        found = await lake.get_branch(address.repository, address.ref)
        changes = lake.iter_uncommitted(address.repository, address.ref, limit=1)
        return found, [change async for change in changes] != []

    async def work(lake: AsyncClient) -> None:
        await lake.delete_branch(address.repository, address.ref)

    found, is_dirty = ask(server, look)
    what = f"branch '{escape(str(address))}' at {short(found.commit_id)}"
    if is_dirty:
        what += " with uncommitted changes"
    if not dry_run:
        if is_dirty:
            confirm(f"Delete {what}?", yes=yes)
        ask(server, work)
    deleted = {
        "id": found.id,
        "commit_id": found.commit_id,
        "had_uncommitted": is_dirty,
        "dry_run": dry_run,
    }
    line = f"would delete {what}" if dry_run else f"deleted {what}"
    print_fact(deleted, as_document=as_document, line=line)


app.command("reset")(reset_staged)
