"""`lakebed diff`: what is different between two refs, or not committed yet."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..addresses import RefAddress, parse_ref, parse_ref_in
from .. import options
from ..asking import ask
from ..exits import ExitCode
from ..output import is_terminal, print_line, print_listing
from ..text import escape, escape_lines, format_bytes, format_count

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Diff

PATCH_BYTES_MAX = 1_000_000
"""A text larger than this is not compared line by line: finding the lines takes time
that grows with the square, and nobody reads the answer."""

CONTEXT_LINES = 3
"""Lines around a change, as in Git."""

_LETTERS = {
    "added": ("A", "green"),
    "changed": ("M", "yellow"),
    "removed": ("D", "red"),
    "conflict": ("C", "magenta"),
    "prefix_changed": ("M", "yellow"),
}

_PATCH_STYLES = {"+": "green", "-": "red", "@": "cyan"}


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
        ),
    ],
    right: Annotated[
        str | None,
        typer.Argument(
            metavar="[B]",
            help="Ref to compare with: REF or REPO/REF",
            show_default=False,
        ),
    ] = None,
    prefix: Annotated[str, typer.Option(help="Only paths that begin so")] = "",
    stat: Annotated[
        bool, typer.Option("--stat", help="Add sizes, and a line that sums up")
    ] = False,
    patch: Annotated[
        bool, typer.Option("--patch", "-p", help="Show changed lines of small texts")
    ] = False,
    context: Annotated[
        int | None,
        typer.Option(
            "--unified",
            "-U",
            min=0,
            help="Lines around each change, 3 if not said; implies --patch",
            show_default=False,
        ),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 6 if there are differences")
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show which objects differ between two refs; A added, M changed, D removed.

    In a pipe: letter, path, and with --stat the size, with tabs.
    """
    address, other, mode = _parse_sides(left, right)

    def changes(lake: AsyncClient) -> AsyncIterator[Diff]:
        if other is None:
            return lake.iter_uncommitted(address.repository, address.ref, prefix=prefix)
        return lake.iter_diff(
            address.repository, address.ref, other, mode=mode, prefix=prefix
        )

    async def work(lake: AsyncClient) -> int:
        if as_document:
            return await print_listing(
                changes(lake), [], lambda _: (), as_document=True
            )
        counts: Counter[str] = Counter()
        sides = (
            await _sides(lake, address, other, mode)
            if patch or context is not None
            else None
        )
        async for change in changes(lake):
            counts[change.type] += 1
            print_change(change, with_size=stat)
            if sides is not None:
                before, after = sides
                await _print_patch(
                    lake,
                    address.repository,
                    before,
                    after,
                    change,
                    context=CONTEXT_LINES if context is None else context,
                )
        if stat and counts:
            print_line(_sum_up(counts))
        return counts.total()

    count = ask(server, work)
    if exit_code and count:
        raise typer.Exit(ExitCode.DIFFERENT)


def as_change_json(change: Diff) -> object:
    """Return `change` as JSON values, with every field."""
    from ..output import as_json

    return as_json(change)


def print_change(change: Diff, *, with_size: bool = False) -> None:
    """Print a line for a changed path."""
    letter, style = _LETTERS[change.type]
    cells = [letter, escape(change.path)]
    if with_size and change.size_bytes is not None:
        people = format_bytes(change.size_bytes)
        cells.append(f"({people})" if is_terminal() else str(change.size_bytes))
    print_line(("  " if is_terminal() else "\t").join(cells), style=style)


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
        return address.ref, other
    base = await lake.find_merge_base(address.repository, other, address.ref)
    return base.base_commit_id, other


async def _print_patch(
    lake: AsyncClient,
    repository: str,
    before: str,
    after: str,
    change: Diff,
    *,
    context: int,
) -> None:
    old: str | None = ""
    new: str | None = ""
    if change.type != "added":
        old = await _read_text(lake, repository, before, change.path)
    if change.type != "removed":
        new = await _read_text(lake, repository, after, change.path)
    if old is None or new is None:
        print_line("   (not a small text)")
        return
    path = escape(change.path)
    lines = difflib.unified_diff(
        old.splitlines(),
        new.splitlines(),
        f"a/{path}",
        f"b/{path}",
        lineterm="",
        n=context,
    )
    for line in lines:
        print_line(escape_lines(line), style=_PATCH_STYLES.get(line[:1], ""))


async def _read_text(
    lake: AsyncClient, repository: str, ref: str, path: str
) -> str | None:
    """Return the object as text, or None if it is large or no text."""
    async with lake.open_object(repository, ref, path) as stream:
        if stream.size_bytes is None or stream.size_bytes > PATCH_BYTES_MAX:
            return None
        data = await stream.read()
    try:
        return data.decode() if b"\0" not in data else None
    except UnicodeDecodeError:
        return None


def _sum_up(counts: Counter[str]) -> str:
    parts = [
        f"{count} {word.replace('prefix_changed', 'changed below')}"
        for word in _LETTERS
        if (count := counts[word])
    ]
    return f"{format_count(counts.total(), 'object')}: {', '.join(parts)}"
