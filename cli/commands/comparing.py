"""`lakebed diff`: what is different between two refs, or not committed yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .. import options
from ..addresses import RefAddress, parse_ref, parse_ref_in
from ..asking import ask
from ..changes import CONTEXT_LINES, Patch, print_changes
from ..completing import complete_ref
from ..exits import ExitCode
from ..output import print_document

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Diff


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("diff")(diff)


def diff(
    left: Annotated[
        str,
        typer.Argument(
            metavar="REPO/A",
            help="Ref to compare from; alone: the uncommitted changes of that branch. "
            "REPO/A..B and REPO/A...B mean what they mean to Git",
            autocompletion=complete_ref,
        ),
    ],
    right: options.RefBeside = None,
    prefix: Annotated[
        str, typer.Option("--prefix", help="Only paths that begin so")
    ] = "",
    stat: options.Stat = False,
    name_only: options.NameOnly = False,
    patch: options.ShowPatch = False,
    context: options.Unified = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 6 if there are differences")
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show which objects differ between two refs; A added, M changed, D removed.

    In a pipe: letter, path, and with --stat the sizes before and after, with tabs.
    """
    address, other, mode = _parse_sides(left, right)

    def changes(lake: AsyncClient) -> AsyncIterator[Diff]:
        if other is None:
            return lake.iter_uncommitted(
                address.repository, address.ref, prefix=prefix, with_left_size=True
            )
        return lake.iter_diff(
            address.repository,
            address.ref,
            other,
            mode=mode,
            prefix=prefix,
            with_left_size=True,
        )

    async def work(lake: AsyncClient) -> int:
        if as_document:
            return await print_document(changes(lake))
        sides: Patch | None = None
        if patch or context is not None:
            before, after = await _sides(lake, address, other, mode)
            lines = CONTEXT_LINES if context is None else context
            sides = Patch(lake, address.repository, before, after, lines)
        totals = await print_changes(
            changes(lake), stat=stat, name_only=name_only, patch=sides
        )
        return totals.counts.total()

    count = ask(server, work)
    if exit_code and count:
        raise typer.Exit(ExitCode.DIFFERENT)


def _parse_sides(
    left: str, right: str | None
) -> tuple[RefAddress, str | None, Literal["two_dot", "three_dot"]]:
    """Return the ref to compare from, the ref to compare with, and how."""
    for dots in ("...", ".."):
        # No ref name holds two dots, so that these can be nothing else.
        first, found, second = left.partition(dots)
        if found:
            if right is not None or not second:
                raise typer.BadParameter(f"'{left}' is not A{dots}B")
            address = parse_ref(first)
            other = parse_ref_in(second, address.repository)
            return address, other, "three_dot" if dots == "..." else "two_dot"
    address = parse_ref(left)
    if right is None:
        return address, None, "two_dot"
    return address, parse_ref_in(right, address.repository), "two_dot"


async def _sides(
    lake: AsyncClient,
    address: RefAddress,
    other: str | None,
    mode: Literal["two_dot", "three_dot"],
) -> tuple[str, str]:
    """Return the refs whose objects a patch compares."""
    if other is None:
        # `BRANCH@` is its head without what is uncommitted.
        return f"{address.ref}@", address.ref
    if mode == "two_dot":
        return committed(address.ref), committed(other)
    base = await lake.find_merge_base(address.repository, other, address.ref)
    return base.base_commit_id, committed(other)


def committed(ref: str) -> str:
    """Return an expression for what is committed at `ref`, which is what a diff sees."""
    return f"{ref.rstrip('@$')}~0"
