"""`lakebed blame`: which commit last changed each object."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..addresses import ObjectAddress, parse_object
from ..asking import ask
from ..output import Column, print_listing, say
from ..text import format_iso, format_time, short

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Blame

ROUNDS_MAX = 20
"""Requests that follow one path down its history, each a second of the server."""

FOLLOWED_MAX = 20
"""Paths that are followed further than the server does at once; of others the commit is
shown where it stopped. Whoever wants to know asks for that path alone."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("blame")(blame)


def blame(
    place: options.Place,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="All below, not just one level")
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show which commit last changed an object, or each of those below a prefix.

    What is committed counts. Of a folder it is the newest commit that changed anything
    below it. In a pipe: commit, time, author, path, subject, with tabs.
    """
    at = parse_object(place)

    async def work(lake: AsyncClient) -> None:
        followed = unfinished = 0

        async def rows() -> AsyncIterator[Blame]:
            nonlocal followed, unfinished
            async for row in _find(lake, at, recursive=recursive):
                if not row.is_found and followed < FOLLOWED_MAX:
                    followed += 1
                    row = await _follow(lake, at, row)
                unfinished += not row.is_found
                yield row

        await print_listing(
            rows(),
            [
                Column("commit", style="yellow", width="keeps"),
                Column("date", width="keeps"),
                Column("author", width="keeps"),
                Column("path", style="bold"),
                Column("subject", width="cut"),
            ],
            lambda row: (
                short(row.commit.id) + ("" if row.is_found else "^"),
                format_time(row.commit.creation_date)[:10],
                row.commit.committer,
                row.path,
                _subject(row),
            ),
            plain=lambda row: (
                row.commit.id + ("" if row.is_found else "^"),
                format_iso(row.commit.creation_date),
                row.commit.committer,
                row.path,
                _subject(row),
            ),
            as_document=as_document,
        )
        if unfinished:
            say("commits with a ^ or one before them: the search ended there")

    ask(server, work)


def _subject(row: Blame) -> str:
    return row.commit.message.partition("\n")[0]


async def _find(
    lake: AsyncClient, at: ObjectAddress, *, recursive: bool
) -> AsyncIterator[Blame]:
    """Yield the object at `at`, or what lies below it, as `ls` does."""
    from lakebed.client import NotFoundError

    missing: NotFoundError | None = None
    prefix = at.path
    if not at.is_prefix:
        try:
            async for row in lake.iter_blame(at.repository, at.ref, path=at.path):
                yield row
        except NotFoundError as error:
            if error.code != "object-not-found":
                raise
            missing = error
        prefix += "/"
    async for row in lake.iter_blame(
        at.repository, at.ref, prefix=prefix, delimiter="" if recursive else "/"
    ):
        missing = None
        yield row
    if missing is not None:
        raise missing


async def _follow(lake: AsyncClient, at: ObjectAddress, row: Blame) -> Blame:
    """Return the row with the commit that did it, further back than one answer goes."""
    from lakebed.client import PermissionDeniedError

    for _ in range(ROUNDS_MAX):
        if row.is_found:
            break
        older = lake.iter_blame(
            at.repository, row.commit.id, path=row.path, path_type=row.path_type
        )
        try:
            async for found in older:
                row = found
        except PermissionDeniedError:
            # Whoever was granted some refs only may not name commits by their ids.
            break
    return row
