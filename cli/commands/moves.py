"""`lakebed reset`, `undo` and `reflog`: where refs were, are and go back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..addresses import parse_object, parse_ref, parse_ref_in
from .. import options
from ..asking import ask
from ..consent import confirm
from ..output import Column, print_fact, print_line, print_listing
from ..text import escape, format_count, format_iso, format_time, short

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Ref, RefLogEntry


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("reset")(reset)
    app.command("undo")(undo)
    app.command("reflog")(reflog)


StagedArgument = Annotated[
    str,
    typer.Argument(
        metavar="REPO/BRANCH[/PATH]",
        help="The branch; with a path only that object, with a / at the end all below",
    ),
]


def reset(
    branch: StagedArgument,
    ref: Annotated[
        str | None,
        typer.Argument(
            metavar="[REF]",
            help="With --hard: where the branch shall point",
            show_default=False,
        ),
    ] = None,
    hard: Annotated[
        bool, typer.Option("--hard", help="Move the branch itself to REF")
    ] = False,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    server: options.Server = None,
) -> None:
    """Throw away what is not committed; with --hard, move the branch to another commit.

    `lakebed undo` takes a --hard back; what was not committed is gone.
    """
    if hard != (ref is not None):
        raise typer.BadParameter(
            "--hard and REF go together: lakebed reset --hard REPO/BRANCH REF"
        )
    if ref is None:
        reset_staged(branch, yes=yes, dry_run=dry_run, server=server)
        return
    address = parse_ref(branch)
    target = parse_ref_in(ref, address.repository)

    async def look(lake: AsyncClient) -> tuple[str, str]:
        found = await lake.get_branch(address.repository, address.ref)
        return found.commit_id, (await lake.get_commit(address.repository, target)).id

    async def work(lake: AsyncClient) -> Ref:
        await lake.hard_reset(address.repository, address.ref, target)
        return await lake.get_branch(address.repository, address.ref)

    if dry_run:
        old, new = ask(server, look)
        what = f"'{escape(str(address))}' from {short(old)} to {short(new)}"
        print_line(f"would move {what}")
        return
    made = ask(server, work)
    print_line(
        f"branch '{escape(made.id)}' is now at {short(made.commit_id)}; "
        f"to go back: lakebed undo {escape(str(address))}"
    )


def reset_staged(
    branch: StagedArgument,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
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
                if dry_run:
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
    if dry_run:
        return
    what = f"{format_count(count, 'uncommitted change')} on '{escape(str(address.at))}'"
    if count:
        confirm(f"Throw away {what}?", yes=yes)
    ask(server, work)
    print_line(f"{what} thrown away")


def undo(
    ref: Annotated[
        str, typer.Argument(metavar="REPO/BRANCH", help="A branch, even a deleted one")
    ],
    move: Annotated[
        int | None,
        typer.Option(
            "--move",
            metavar="NUMBER",
            help="Go back to before this move of the ref log, not the newest",
            show_default=False,
        ),
    ] = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Put a branch back where it was before its last move: a commit, merge or reset.

    Undoing again goes further back. To go forward again, take the number of the undo
    from `lakebed reflog` and give it with --move.
    """
    address = parse_ref(ref)

    async def work(lake: AsyncClient) -> RefLogEntry:
        return await lake.undo(address.repository, address.ref, sequence=move)

    made = ask(server, work)
    where = "gone again" if made.new is None else f"back at {short(made.new)}"
    was = f" (it was at {short(made.old)})" if made.old else ""
    line = f"{made.kind} '{escape(made.ref)}' is {where}{was}"
    print_fact(made, as_document=as_document, line=line)


def reflog(
    ref: Annotated[
        str,
        typer.Argument(metavar="REPO/REF", help="A branch or tag, even a deleted one"),
    ],
    count: Annotated[
        int | None,
        typer.Option("-n", min=1, help="Show this many", show_default=False),
    ] = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List every move of a branch or tag, newest first: when, who, from, to."""
    address = parse_ref(ref)

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_ref_log(address.repository, address.ref, limit=count),
            [
                Column("move", is_number=True),
                Column("when"),
                Column("who"),
                Column("what", style="bold"),
                Column("from"),
                Column("to"),
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
