"""`lakebed mv` and `rm`: objects renamed and removed, uncommitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..addresses import ObjectAddress, parse_object
from ..asking import ask
from ..completing import complete_object
from ..consent import confirm
from ..output import print_fact, print_json, print_line
from ..text import escape, format_bytes, format_count

if TYPE_CHECKING:
    from lakebed.client import AsyncClient

BATCH = 1000
"""Paths removed with one request; the most that the server takes."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("mv")(mv)
    app.command("rm")(rm)


def mv(
    source: options.Object,
    destination: options.Object,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Everything below a prefix")
    ] = False,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Rename an object, or with -r a whole prefix at once, on one branch."""
    start, end = parse_object(source), parse_object(destination)
    if start.at != end.at:
        raise typer.BadParameter(
            "mv stays on one branch: to get across, use cp and then rm"
        )
    if not recursive and start.is_prefix:
        raise typer.BadParameter(f"'{start}' is not one object: give -r")
    if recursive:
        old = start.path if start.is_prefix else f"{start.path}/"
        new = end.path if end.is_prefix else f"{end.path}/"
    else:
        old = start.path
        name = old.rpartition("/")[2]
        new = end.path + name if end.is_prefix else end.path

    async def count(lake: AsyncClient) -> int:
        if recursive:
            held = await lake.du(start.repository, start.ref, prefix=old)
            return held.object_count
        await lake.stat_object(start.repository, start.ref, old)
        return 1

    async def work(lake: AsyncClient) -> int:
        return await lake.move_objects(
            start.repository, start.ref, old, new, recursive=recursive
        )

    moved = ask(server, count if dry_run else work)
    verb = "would move" if dry_run else "moved"
    what = format_count(moved, "object")
    line = f"{verb} {what}: {escape(old)} -> {escape(new)}"
    renamed = {"source": old, "destination": new, "object_count": moved}
    print_fact(renamed | {"dry_run": dry_run}, as_document=as_document, line=line)


def rm(
    addresses: Annotated[
        list[str],
        typer.Argument(
            metavar="REPO/BRANCH/PATH...",
            help="What to remove",
            autocompletion=complete_object,
        ),
    ],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Everything below a prefix")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="What is not there is fine")
    ] = False,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Remove objects from a branch; until the commit, `lakebed reset` brings them back."""
    wanted = [parse_object(address) for address in addresses]
    for at in wanted:
        if at.is_prefix and not recursive:
            raise typer.BadParameter(f"'{at}' is not one object: give -r")

    removed: list[dict[str, object]] = []
    for at in wanted:
        remove = _remove_below if recursive else _remove_one
        count = remove(at, server, _How(force, yes, dry_run, is_quiet=as_document))
        removed.append({"address": str(at), "object_count": count, "dry_run": dry_run})
    if as_document:
        print_json(removed)


@dataclass(frozen=True, slots=True)
class _How:
    """How to remove."""

    force: bool
    yes: bool
    dry_run: bool
    is_quiet: bool

    def tell(self, line: str) -> None:
        """Print a line of what was done, unless a document follows."""
        if not self.is_quiet:
            print_line(line)


def _remove_one(at: ObjectAddress, server: str | None, how: _How) -> int:
    async def work(lake: AsyncClient) -> None:
        if not how.force:
            await lake.stat_object(at.repository, at.ref, at.path)
        if not how.dry_run:
            await lake.delete_object(at.repository, at.ref, at.path)

    ask(server, work)
    how.tell(f"{'would remove' if how.dry_run else 'removed'} {escape(str(at))}")
    return 1


def _remove_below(at: ObjectAddress, server: str | None, how: _How) -> int:
    from lakebed.client import NotFoundError

    prefix = at.path if at.is_prefix else f"{at.path}/"

    async def measure(lake: AsyncClient) -> tuple[int, int]:
        held = await lake.du(at.repository, at.ref, prefix=prefix)
        if how.dry_run:
            async for found in lake.iter_objects(at.repository, at.ref, prefix=prefix):
                how.tell(f"would remove {escape(str(at.below(found.path)))}")
        if held.object_count == 0 and not how.force:
            raise NotFoundError(f"nothing below '{at.below(prefix)}'")
        return held.object_count, held.size_bytes

    async def work(lake: AsyncClient) -> int:
        from lakebed.client import ServerError

        removed = 0
        # From the start each time: what was removed is no longer listed. Every round
        # removes something or fails, so that it ends.
        while paths := [
            found.path
            async for found in lake.iter_objects(
                at.repository, at.ref, prefix=prefix, limit=BATCH
            )
        ]:
            errors = await lake.delete_objects(at.repository, at.ref, paths)
            if errors:
                first = errors[0]
                raise ServerError(f"cannot remove '{first.path}': {first.message}")
            removed += len(paths)
        return removed

    count, size_bytes = ask(server, measure)
    where = f"below {escape(str(at.below(prefix)))}"
    what = f"{format_count(count, 'object')} ({format_bytes(size_bytes)}) {where}"
    if how.dry_run:
        how.tell(f"would remove {what}")
        return count
    if count:
        confirm(f"Remove {what}?", yes=how.yes)
    removed = ask(server, work)
    how.tell(f"removed {format_count(removed, 'object')} {where}")
    return removed
