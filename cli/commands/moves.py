"""`lakebed reset`, `undo` and `reflog`: where refs were, are and go back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..addresses import parse_object, parse_ref, parse_ref_in
from ..asking import ask
from ..consent import confirm
from ..output import Column, print_fact, print_line, print_listing
from ..text import escape, format_count, format_iso, format_time, short

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import RefLogEntry


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("reset")(reset)
    app.command("undo")(undo)
    app.command("reflog")(reflog)


def reset(
    branch: options.Staged,
    ref: options.RefBeside = None,
    hard: Annotated[
        bool, typer.Option("--hard", help="Move the branch itself to REF")
    ] = False,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Throw away what is not committed; with --hard, move the branch to REF.

    `lakebed undo` takes a --hard back; what was not committed is gone.
    """
    if hard != (ref is not None):
        raise typer.BadParameter(
            "--hard and REF go together: lakebed reset --hard REPO/BRANCH REF"
        )
    if ref is None:
        reset_staged(
            branch, yes=yes, dry_run=dry_run, as_document=as_document, server=server
        )
        return
    address = parse_ref(branch)
    target = parse_ref_in(ref, address.repository)

    async def work(lake: AsyncClient) -> tuple[str, str]:
        old = (await lake.get_branch(address.repository, address.ref)).commit_id
        if dry_run:
            return old, (await lake.get_commit(address.repository, target)).id
        await lake.hard_reset(address.repository, address.ref, target)
        made = await lake.get_branch(address.repository, address.ref)
        return old, made.commit_id

    old, new = ask(server, work)
    if dry_run:
        line = f"would move '{escape(str(address))}' from {short(old)} to {short(new)}"
    else:
        line = (
            f"branch '{escape(address.ref)}' is now at {short(new)}, not {short(old)}; "
            f"to go back: lakebed undo {escape(str(address))}"
        )
    moved = {"branch": address.ref, "old": old, "new": new, "dry_run": dry_run}
    print_fact(moved, as_document=as_document, line=line)


def reset_staged(
    branch: options.Staged,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Throw away what is not committed: all of it, or at a path."""
    address = parse_object(branch)

    async def look(lake: AsyncClient) -> int:
        count = 0
        async for change in lake.iter_uncommitted(
            address.repository, address.ref, prefix=address.path
        ):
            if address.is_prefix or change.path == address.path:
                count += 1
                if dry_run and not as_document:
                    print_line(f"would undo {change.type} {escape(change.path)}")
        return count

    async def work(lake: AsyncClient) -> None:
        is_path = not address.is_prefix
        await lake.reset_branch(
            address.repository,
            address.ref,
            path=address.path if is_path else None,
            prefix=address.path if address.path and not is_path else None,
        )

    count = ask(server, look)
    what = f"{format_count(count, 'uncommitted change')} on '{escape(str(address.at))}'"
    if not dry_run:
        if count:
            confirm(f"Throw away {what}?", yes=yes)
        ask(server, work)
    thrown = {"branch": address.ref, "path": address.path, "change_count": count}
    line = f"would throw away {what}" if dry_run else f"{what} thrown away"
    print_fact(thrown | {"dry_run": dry_run}, as_document=as_document, line=line)


def undo(
    ref: options.Branch,
    move: Annotated[
        int | None,
        typer.Option(
            "--move",
            metavar="NUMBER",
            help="Go back to before this move of the ref log, not the newest",
            show_default=False,
        ),
    ] = None,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Put a branch back where it was before its last move: a commit, merge or reset.

    A deleted branch comes back. Undoing again goes further back. To go forward again,
    take the number of the undo from `lakebed reflog` and give it with --move.
    """
    address = parse_ref(ref)

    async def look(lake: AsyncClient) -> tuple[RefLogEntry, str]:
        planned = await lake.undo(
            address.repository, address.ref, sequence=move, dry_run=True
        )
        old = await _describe(lake, address.repository, planned.old)
        new = await _describe(lake, address.repository, planned.new)
        if planned.old is None:
            return planned, f"bring back '{escape(str(address))}' at {new}"
        return planned, f"move '{escape(str(address))}' from {old} back to {new}"

    async def work(lake: AsyncClient) -> RefLogEntry:
        return await lake.undo(address.repository, address.ref, sequence=move)

    planned, what = ask(server, look)
    if dry_run:
        print_fact(planned, as_document=as_document, line=f"would {what}")
        return
    confirm(f"{what[0].upper()}{what[1:]}?", yes=yes)
    made = ask(server, work)
    was = f" (it was at {short(made.old)})" if made.old else ""
    line = f"{made.kind} '{escape(made.ref)}' is back at {short(made.new)}{was}"
    print_fact(made, as_document=as_document, line=line)


async def _describe(lake: AsyncClient, repository: str, commit_id: str | None) -> str:
    """Return a commit for people: its short id and subject."""
    from lakebed.client import ClientError

    if commit_id is None:
        return "nowhere"
    try:
        made = await lake.get_commit(repository, commit_id)
    except ClientError:
        # Its name says enough, to whoever may not read commits by their ids.
        return short(commit_id)
    return f"{short(commit_id)} ({escape(made.message.partition(chr(10))[0])})"


def reflog(
    ref: options.Ref,
    count: options.Count = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List every move of a branch or tag, newest first: when, who, from, to.

    Even of a deleted one. In a pipe: number, time, who, what, from, to, with tabs.
    """
    address = parse_ref(ref)

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_ref_log(address.repository, address.ref, limit=count),
            [
                Column("move", is_number=True),
                Column("when", width="keeps"),
                Column("who"),
                Column("what", style="bold"),
                Column("from", width="keeps"),
                Column("to", width="keeps"),
            ],
            lambda entry: (
                str(entry.sequence),
                format_time(entry.at_ms / 1000),
                entry.actor,
                entry.action,
                short(entry.old),
                short(entry.new),
            ),
            plain=lambda entry: (
                str(entry.sequence),
                format_iso(entry.at_ms / 1000),
                entry.actor,
                entry.action,
                entry.old or "-",
                entry.new or "-",
            ),
            as_document=as_document,
        )

    ask(server, work)
