"""`lakebed merge`, `revert` and `cherry-pick`: changes brought over and taken back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..addresses import RefAddress, parse_ref, parse_ref_in
from ..asking import ask
from ..exits import ExitCode
from ..output import (
    Column,
    print_fact,
    print_json,
    print_line,
    print_listing,
    say,
)
from ..text import escape, format_bytes, format_count, short
from .commits import headline

if TYPE_CHECKING:
    from lakebed.client import AsyncClient, MergeConflictError
    from lakebed.client.wire import Commit, Conflict, ConflictSide, Resolution

RESOLUTIONS: dict[str, Resolution] = {
    "source": "source",
    "destination": "destination",
    "base": "base",
    "delete": "delete",
}

CONFLICTS_SHOWN_MAX = 20
"""Conflicts that a screen has room for; --json has all that the server sent."""


class Strategy(StrEnum):
    """Who wins a conflict."""

    SOURCE_WINS = "source-wins"
    DEST_WINS = "dest-wins"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("merge")(merge)
    app.command("cherry-pick")(cherry_pick)
    app.command("revert")(revert)


def merge(
    source: options.Ref,
    destination: options.BranchBeside,
    message: options.NewMessage = None,
    strategy: Annotated[
        Strategy | None,
        typer.Option(help="Who wins every conflict", show_default=False),
    ] = None,
    resolve: Annotated[
        list[str] | None,
        typer.Option(
            "--resolve",
            metavar="PATH=SIDE",
            help="Take one side of one conflict: source, destination, base or delete; "
            "may be repeated",
            show_default=False,
        ),
    ] = None,
    squash: Annotated[
        bool, typer.Option("--squash", help="One commit, without the source as parent")
    ] = False,
    only_conflicts: Annotated[
        bool,
        typer.Option(
            "--conflicts",
            help="List every path that would conflict, and merge nothing",
        ),
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Merge a ref into a branch. Only paths that both changed can conflict.

    Conflicts are listed, and nothing is done: choose a side with --resolve for single
    paths, or --strategy for all that are left. Exit code 4. --conflicts lists them all
    before; in a pipe: path, then bytes and checksum on both sides, with tabs.
    """
    address = parse_ref(source)
    into = parse_ref_in(destination, address.repository)
    if only_conflicts:
        _list_conflicts(server, address, into, as_document=as_document)
        return
    resolutions = _parse_resolutions(resolve or [])

    async def work(lake: AsyncClient) -> Commit:
        reference = await lake.merge(
            address.repository,
            address.ref,
            into,
            message=message,
            strategy=strategy.value if strategy is not None else None,
            resolutions=resolutions or None,
            squash=squash,
        )
        # By the name first, which needs no right to name commits by their ids.
        made = await lake.get_commit(address.repository, into)
        if made.id != reference:
            made = await lake.get_commit(address.repository, reference)
        return made

    _make_commit(server, work, address, into, can_choose=True, as_document=as_document)


def cherry_pick(
    commit: options.Ref,
    branch: options.BranchBeside,
    parent: Annotated[
        int | None,
        typer.Option(
            "--mainline",
            help="Of a merge: its parent to compare with, from 1",
            show_default=False,
        ),
    ] = None,
    message: options.NewMessage = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Make on a branch what one commit changed, as a new commit."""
    address = parse_ref(commit)
    into = parse_ref_in(branch, address.repository)

    async def work(lake: AsyncClient) -> Commit:
        return await lake.cherry_pick(
            address.repository,
            into,
            address.ref,
            parent_number=parent,
            message=message,
        )

    _make_commit(server, work, address, into, as_document=as_document)


def revert(
    branch: options.Branch,
    commit: options.RefBeside = None,
    parent: Annotated[
        int, typer.Option("--mainline", help="Of a merge: its parent to keep, from 1")
    ] = 0,
    message: options.NewMessage = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Take back what one commit changed, with a new commit; without REF, the newest."""
    address = parse_ref(branch)
    target = parse_ref_in(commit, address.repository) if commit else address.ref

    async def work(lake: AsyncClient) -> Commit:
        await lake.revert(
            address.repository,
            address.ref,
            target,
            parent_number=parent,
            message=message,
        )
        return await lake.get_commit(address.repository, address.ref)

    source = RefAddress(address.repository, target)
    _make_commit(server, work, source, address.ref, as_document=as_document)


def _list_conflicts(
    server: str | None, source: RefAddress, into: str, *, as_document: bool
) -> None:
    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_conflicts(source.repository, source.ref, into),
            [Column("path"), Column("source"), Column("destination")],
            lambda found: (found.path, _side(found.source), _side(found.destination)),
            plain=lambda found: (
                found.path,
                *_plain_side(found.source),
                *_plain_side(found.destination),
            ),
            as_document=as_document,
        )

    if ask(server, work):
        raise typer.Exit(ExitCode.CONFLICT)


def _make_commit(
    server: str | None,
    work: Callable[[AsyncClient], Awaitable[Commit]],
    source: RefAddress,
    into: str,
    *,
    can_choose: bool = False,
    as_document: bool,
) -> None:
    """Run `work` and tell of its commit, or of the conflicts that stopped it."""
    from lakebed.client import MergeConflictError

    try:
        made = ask(server, work)
    except MergeConflictError as error:
        _print_conflicts(
            error, source, into, can_choose=can_choose, as_document=as_document
        )
        raise typer.Exit(ExitCode.CONFLICT) from None
    line = headline(f"{source.repository}/{into}", made)
    print_fact(made, as_document=as_document, line=line)


def _parse_resolutions(texts: list[str]) -> dict[str, Resolution]:
    resolutions: dict[str, Resolution] = {}
    for text in texts:
        # The last `=`: a path may have one, a side has none.
        path, _, side = text.rpartition("=")
        if not path or side not in RESOLUTIONS:
            sides = ", ".join(RESOLUTIONS)
            raise typer.BadParameter(
                f"--resolve '{text}' is not PATH=SIDE with a side of {sides}"
            )
        if path in resolutions:
            raise typer.BadParameter(f"--resolve names '{path}' twice: take one side")
        resolutions[path] = RESOLUTIONS[side]
    return resolutions


def _print_conflicts(
    error: MergeConflictError,
    source: RefAddress,
    into: str,
    *,
    can_choose: bool,
    as_document: bool,
) -> None:
    conflicts = error.conflicts
    count = max(len(conflicts), _count(error))
    if as_document:
        print_json({"conflict_count": count, "conflicts": conflicts})
        return
    for conflict in conflicts[:CONFLICTS_SHOWN_MAX]:
        print_line(f"C  {_describe(conflict)}", style="magenta")
    if count > CONFLICTS_SHOWN_MAX:
        hint = "; --conflicts lists them all" if can_choose else ""
        print_line(f"   and {count - CONFLICTS_SHOWN_MAX:,} more{hint}")
    where = f"'{escape(source.ref)}' and '{escape(into)}'"
    example = escape(conflicts[0].path) if conflicts else "PATH"
    way_out = (
        f"choose with --resolve '{example}=source' (or =destination, =base, =delete), "
        "or for all with --strategy source-wins or dest-wins"
        if can_choose
        else "make the change by hand, or merge the branch"
    )
    say(
        f"error: {where} changed {format_count(count, 'path')} differently and nothing "
        f"was done; {way_out}"
    )


def _count(error: MergeConflictError) -> int:
    count = error.fields.get("conflict_count")
    return count if isinstance(count, int) else 0


def _describe(conflict: Conflict) -> str:
    sides = (
        f"source {_side(conflict.source)}, destination {_side(conflict.destination)}"
    )
    return f"{escape(conflict.path)}  ({sides})"


def _side(side: ConflictSide | None) -> str:
    if side is None:
        return "removed it"
    return f"has {format_bytes(side.size_bytes)} {short(side.checksum)}"


def _plain_side(side: ConflictSide | None) -> tuple[str, str]:
    return ("-", "-") if side is None else (str(side.size_bytes), side.checksum)
