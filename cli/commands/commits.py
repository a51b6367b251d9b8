"""`lakebed commit`, `log` and `show`: making commits, and looking back at them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ..addresses import parse_ref
from .. import options
from ..asking import ask
from ..output import print_fact, print_json, print_line, print_listing
from ..text import escape, escape_lines, format_time, short
from .comparing import as_change_json, print_change

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Commit, Diff


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("commit")(commit)
    app.command("log")(log)
    app.command("show")(show)


def commit(
    branch: Annotated[str, typer.Argument(metavar="REPO/BRANCH", help="The branch")],
    message: Annotated[str, typer.Option("--message", "-m", help="What changed, why")],
    meta: Annotated[
        list[str] | None,
        typer.Option(
            "--meta",
            metavar="KEY=VALUE",
            help="Metadata to keep with it; may be repeated",
            show_default=False,
        ),
    ] = None,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Even if nothing changed")
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Keep the uncommitted changes of a branch as one commit."""
    address = parse_ref(branch)
    metadata = parse_pairs(meta or [], "--meta")

    async def work(lake: AsyncClient) -> Commit:
        return await lake.commit(
            address.repository,
            address.ref,
            message,
            metadata=metadata,
            allow_empty=allow_empty,
        )

    made = ask(server, work)
    print_fact(made, as_document=as_document, line=headline(str(address), made))


def headline(where: str, made: Commit) -> str:
    """Return the line that tells of a new commit, as Git does."""
    subject = made.message.partition("\n")[0]
    return f"[{escape(where)} {short(made.id)}] {escape(subject)}"


def parse_pairs(texts: list[str], option: str) -> dict[str, str]:
    """Return the KEY=VALUE pairs of a repeated option.

    Raises:
        typer.BadParameter: one has no `=`, or no key.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{option} '{text}' is not KEY=VALUE")
        pairs[key] = value
    return pairs


def log(
    ref: Annotated[str, typer.Argument(metavar="REPO/REF", help="Where to begin")],
    path: Annotated[
        str,
        typer.Argument(
            metavar="[PATH]",
            help="Only commits that changed this object, or something below it",
            show_default=False,
        ),
    ] = "",
    count: Annotated[
        int | None, typer.Option("-n", min=1, help="Show this many", show_default=False)
    ] = None,
    oneline: Annotated[
        bool, typer.Option("--oneline", help="One line a commit")
    ] = False,
    first_parent: Annotated[
        bool, typer.Option("--first-parent", help="Do not follow merged branches")
    ] = False,
    since: Annotated[
        datetime | None,
        typer.Option(help="Only commits made since then", show_default=False),
    ] = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show the commits that led to a ref, newest first."""
    address = parse_ref(ref)
    is_prefix = path.endswith("/")

    def commits(lake: AsyncClient) -> AsyncIterator[Commit]:
        return lake.iter_log(
            address.repository,
            address.ref,
            paths=[path] if path and not is_prefix else [],
            prefixes=[path if is_prefix else f"{path}/"] if path else [],
            first_parent=first_parent,
            since=since.astimezone() if since is not None else None,
            limit=count,
        )

    async def work(lake: AsyncClient) -> None:
        if as_document:
            await print_listing(commits(lake), [], lambda _: (), as_document=True)
            return
        is_first = True
        async for made in commits(lake):
            if oneline:
                subject = made.message.partition("\n")[0]
                print_line(f"{short(made.id)} {escape(subject)}")
                continue
            if not is_first:
                print_line("")
            is_first = False
            _print_commit(made)

    ask(server, work)


def show(
    ref: Annotated[
        str, typer.Argument(metavar="REPO/REF", help="A commit, by any name")
    ],
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show a commit, and what it changed against its first parent."""
    address = parse_ref(ref)

    async def changes(lake: AsyncClient, made: Commit) -> AsyncIterator[Diff]:
        from lakebed.client import PermissionDeniedError

        if not made.parents:
            return
        sides = made.parents[0], made.id
        try:
            async for change in lake.iter_diff(address.repository, *sides):
                yield change
        except PermissionDeniedError:
            # Whoever was granted some refs only may not name commits by their ids.
            name = address.ref.rstrip("@$")
            sides = f"{name}^1", f"{name}^0"
            async for change in lake.iter_diff(address.repository, *sides):
                yield change

    async def work(lake: AsyncClient) -> None:
        made = await lake.get_commit(address.repository, address.ref)
        if as_document:
            listed = [as_change_json(change) async for change in changes(lake, made)]
            print_json({"commit": made, "changes": listed})
            return
        _print_commit(made)
        is_first = True
        async for change in changes(lake, made):
            if is_first:
                print_line("")
            is_first = False
            print_change(change)

    ask(server, work)


def _print_commit(made: Commit) -> None:
    print_line(f"commit {made.id}", style="yellow")
    if len(made.parents) > 1:
        print_line("Merge:  " + " ".join(short(parent) for parent in made.parents))
    print_line(f"Author: {escape(made.committer)}")
    print_line(f"Date:   {format_time(made.creation_date)}")
    for key, value in sorted(made.metadata.items()):
        print_line(f"Meta:   {escape(key)}={escape(value)}")
    print_line("")
    for line in escape_lines(made.message).splitlines() or [""]:
        print_line(f"    {line}".rstrip())
