"""`lakebed ls`, `cat` and `stat`: what lies at a ref."""

from __future__ import annotations

import codecs
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..addresses import ObjectAddress, parse_object, parse_repository
from ..asking import ask
from ..completing import complete_object
from ..output import (
    Column,
    is_terminal,
    print_fields,
    print_json,
    print_listing,
)
from ..text import (
    escape_lines,
    format_bytes,
    format_iso,
    format_time,
)

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import ObjectStats


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("ls")(ls)
    app.command("cat")(cat)
    app.command("stat")(stat)


def ls(
    address: Annotated[
        str,
        typer.Argument(
            metavar="REPO[/REF[/PATH]]",
            help="Where to look; nothing lists repositories, REPO its refs",
            show_default=False,
            autocompletion=complete_object,
        ),
    ] = "",
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="All below, not just one level")
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List objects: size, time, path. In a pipe: bytes, time, path, with tabs."""
    if not address:
        _list_repositories(server, as_document=as_document)
        return
    try:
        at = parse_object(address)
    except typer.BadParameter:
        _list_refs(parse_repository(address), server, as_document=as_document)
        return

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            iter_place(lake, at, recursive=recursive),
            LONG_COLUMNS,
            long_row,
            plain=long_plain,
            as_document=as_document,
        )

    ask(server, work)


async def iter_place(
    lake: AsyncClient, at: ObjectAddress, *, recursive: bool
) -> AsyncIterator[ObjectStats]:
    """Yield the object at `at`, or what lies below it.

    A path without a slash at the end may be either, as in a file system; both if both.
    """
    from lakebed.client import NotFoundError

    missing: NotFoundError | None = None
    prefix = at.path
    if not at.is_prefix:
        try:
            yield await lake.stat_object(at.repository, at.ref, at.path)
        except NotFoundError as error:
            if error.code != "object-not-found":
                raise
            missing = error
        prefix += "/"
    async for found in lake.iter_objects(
        at.repository, at.ref, prefix=prefix, delimiter="" if recursive else "/"
    ):
        missing = None
        yield found
    if missing is not None:
        raise missing


LONG_COLUMNS = (
    Column("size", is_number=True),
    Column("modified", width="keeps"),
    Column("path"),
)


def long_row(found: ObjectStats) -> tuple[str, str, str]:
    """Return size, time and path of an object, for people."""
    if found.path_type == "common_prefix":
        return "folder", "", found.path
    return format_bytes(found.size_bytes or 0), format_time(found.mtime), found.path


def long_plain(found: ObjectStats) -> tuple[str, str, str]:
    """Return bytes, time and path of an object, for programs."""
    if found.path_type == "common_prefix":
        return "-", "-", found.path
    return str(found.size_bytes), format_iso(found.mtime), found.path


def _list_repositories(server: str | None, *, as_document: bool) -> None:
    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_repositories(),
            [Column("repository", style="bold"), Column("created")],
            lambda found: (found.id, format_time(found.creation_date)),
            plain=lambda found: (found.id, format_iso(found.creation_date)),
            as_document=as_document,
        )

    ask(server, work)


def _list_refs(repository: str, server: str | None, *, as_document: bool) -> None:
    async def refs(lake: AsyncClient) -> AsyncIterator[dict[str, str]]:
        async for ref in lake.iter_branches(repository):
            yield {"kind": "branch", "id": ref.id, "commit_id": ref.commit_id}
        async for ref in lake.iter_tags(repository):
            yield {"kind": "tag", "id": ref.id, "commit_id": ref.commit_id}

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            refs(lake),
            [Column("kind"), Column("ref", style="bold"), Column("commit")],
            lambda ref: (ref["kind"], ref["id"], ref["commit_id"][:12]),
            plain=lambda ref: (ref["kind"], ref["id"], ref["commit_id"]),
            as_document=as_document,
        )

    ask(server, work)


def cat(
    addresses: options.Objects,
    start: Annotated[
        int, typer.Option("--start", min=0, help="First byte to print, from 0")
    ] = 0,
    end: Annotated[
        int | None,
        typer.Option("--end", min=1, help="Byte to stop before", show_default=False),
    ] = None,
    server: options.Server = None,
) -> None:
    """Print objects, one after the other.

    Into a pipe or file: their bytes, exactly. On a terminal control characters are
    written out, so that data cannot act on it.
    """
    if end is not None and end <= start:
        raise typer.BadParameter(f"--end {end} is not behind --start {start}")
    wanted = [_parse_path(address) for address in addresses]

    async def work(lake: AsyncClient) -> None:
        for at in wanted:
            async with lake.open_object(
                at.repository, at.ref, at.path, start=start, end=end
            ) as stream:
                await _print_bytes(aiter(stream))

    ask(server, work)


async def _print_bytes(pieces: AsyncIterator[bytes]) -> None:
    out = sys.stdout.buffer
    if not is_terminal():
        async for piece in pieces:
            out.write(piece)
        out.flush()
        return
    decoder = codecs.getincrementaldecoder("utf-8")(errors="backslashreplace")
    text = ""
    async for piece in pieces:
        text = decoder.decode(piece)
        typer.echo(escape_lines(text.replace("\r\n", "\n")), nl=False)
    rest = escape_lines(decoder.decode(b"", final=True))
    typer.echo(rest, nl=not text.endswith("\n"))


def stat(
    address: options.Object,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show what is known of an object."""
    at = _parse_path(address)

    async def work(lake: AsyncClient) -> ObjectStats:
        return await lake.stat_object(at.repository, at.ref, at.path)

    found = ask(server, work)
    if as_document:
        print_json(found)
        return
    size = found.size_bytes or 0
    human = f" ({format_bytes(size)})" if is_terminal() and size >= 1000 else ""
    fields = [
        ("path", found.path),
        ("size", f"{size}{human}"),
        (
            "modified",
            format_time(found.mtime) if is_terminal() else format_iso(found.mtime),
        ),
        ("checksum", found.checksum),
        ("content type", found.content_type or "-"),
        ("physical address", found.physical_address),
    ]
    metadata = sorted((found.metadata or {}).items())
    print_fields([*fields, *((f"meta {key}", value) for key, value in metadata)])


def _parse_path(text: str) -> ObjectAddress:
    at = parse_object(text)
    if not at.path:
        raise typer.BadParameter(f"'{text}' names no object: give REPO/REF/PATH")
    return at
