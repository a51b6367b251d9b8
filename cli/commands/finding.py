"""`lakebed find` and `du`: objects by what they are like, and what they add up to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..addresses import ObjectAddress, parse_object
from ..asking import ask
from ..completing import complete_object
from ..output import (
    Column,
    print_document,
    print_json,
    print_line,
    print_listing,
    print_raw,
)
from ..text import escape, format_bytes
from ..times import parse_moment
from .looking import LONG_COLUMNS, iter_place, long_plain, long_row

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Du, Measured, ObjectStats

Test = Callable[["ObjectStats"], bool]

MEASURED_AT_ONCE = 1000
"""Folders whose sizes are asked for in one request: as many as it takes."""

_SIZE = re.compile(r"([+-]?)(\d{1,18})(?:\.(\d{1,3}))?([kKMGTP]?)(i?)B?", re.ASCII)
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("find")(find)
    app.command("du")(du)


def find(
    place: options.Place,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Its last part matches: '*.csv'; of several, one does",
            show_default=False,
        ),
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Its whole path matches; * goes over / too; of several, one does",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[+-]N[kMGT]",
            help="More than (+), less than (-) or exactly so many bytes; all hold",
            show_default=False,
        ),
    ] = None,
    newer: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Changed since: 2026-11-01, 3d, '2 weeks ago', yesterday",
            show_default=False,
        ),
    ] = None,
    older: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Not changed since", show_default=False),
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="GLOB",
            help="Its content type matches: 'image/*'; of several, one does",
            show_default=False,
        ),
    ] = None,
    nul: Annotated[
        bool, typer.Option("-0", help="Paths as they are, a NUL behind each")
    ] = False,
    long: Annotated[
        bool, typer.Option("--long", "-l", help="Size, time and path, as ls has them")
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Find objects by name, path, size, age or type: their paths, one a line.

    Paths are as they stand below REPO/REF; control characters are written out unless
    -0 is given.
    """
    at = parse_object(place)
    tests = [
        *_match_any(name, lambda found: found.path.rpartition("/")[2]),
        *_match_any(path, lambda found: found.path),
        *_match_any(type_, lambda found: found.content_type or ""),
        *(_parse_size(text) for text in size or ()),
        *_compare_ages(newer, older),
    ]

    async def found(lake: AsyncClient) -> AsyncIterator[ObjectStats]:
        async for one in iter_place(lake, at, recursive=True):
            if all(test(one) for test in tests):
                yield one

    async def work(lake: AsyncClient) -> None:
        if as_document:
            await print_document(found(lake))
        elif long:
            await print_listing(
                found(lake), LONG_COLUMNS, long_row, plain=long_plain, as_document=False
            )
        else:
            async for one in found(lake):
                if nul:
                    print_raw(one.path.encode() + b"\0")
                else:
                    print_line(escape(one.path))

    ask(server, work)


def _match_any(
    globs: list[str] | None, part: Callable[[ObjectStats], str]
) -> list[Test]:
    if not globs:
        return []
    return [lambda found: any(fnmatchcase(part(found), glob) for glob in globs)]


def _parse_size(text: str) -> Test:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise typer.BadParameter(
            f"--size '{escape(text)}' is no size: write +1M, -500k or 0"
        )
    sign, whole, part, unit, binary = match.groups()
    factor = (1024 if binary else 1000) ** _POWERS[unit]
    wanted = int(float(f"{whole}.{part}") * factor) if part else int(whole) * factor
    match sign:
        case "+":
            return lambda found: (found.size_bytes or 0) > wanted
        case "-":
            return lambda found: (found.size_bytes or 0) < wanted
        case _:
            return lambda found: (found.size_bytes or 0) == wanted


def _compare_ages(newer: str | None, older: str | None) -> list[Test]:
    tests: list[Test] = []
    if newer is not None:
        since = parse_moment(newer, "--newer").timestamp()
        tests.append(lambda found: found.mtime >= since)
    if older is not None:
        until = parse_moment(older, "--older").timestamp()
        tests.append(lambda found: found.mtime < until)
    return tests


def du(
    addresses: Annotated[
        list[str],
        typer.Argument(
            metavar="REPO/REF[/PREFIX]...",
            help="Where to count",
            autocompletion=complete_object,
        ),
    ],
    depth: Annotated[
        int,
        typer.Option(
            "--depth", "-d", min=0, help="Folders below, so many levels, each counted"
        ),
    ] = 0,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Count objects and bytes below a prefix, at once, however many there are.

    In a pipe: bytes, objects, prefix, with tabs.
    """
    wanted = [parse_object(address) for address in addresses]

    async def measured(
        lake: AsyncClient,
    ) -> AsyncIterator[tuple[ObjectAddress, Du]]:
        for at in wanted:
            async for row in _measure(lake, at, depth):
                yield row

    async def work(lake: AsyncClient) -> None:
        if as_document:
            print_json([held async for _, held in measured(lake)])
            return
        await print_listing(
            measured(lake),
            [
                Column("size", is_number=True),
                Column("objects", is_number=True),
                Column("where"),
            ],
            lambda row: (
                format_bytes(row[1].size_bytes),
                f"{row[1].object_count:,}",
                str(row[0]),
            ),
            plain=lambda row: (
                str(row[1].size_bytes),
                str(row[1].object_count),
                str(row[0]),
            ),
            as_document=False,
        )

    ask(server, work)


async def _measure(
    lake: AsyncClient, at: ObjectAddress, depth: int
) -> AsyncIterator[tuple[ObjectAddress, Du]]:
    """Yield what lies below `at`, the folders in it first, as `du` does."""
    if depth > 0:
        prefix = at.path if at.is_prefix else f"{at.path}/"
        folders: list[ObjectAddress] = []
        async for found in lake.iter_objects(
            at.repository, at.ref, prefix=prefix, delimiter="/"
        ):
            if found.path_type == "common_prefix":
                folders.append(at.below(found.path))
            if len(folders) == MEASURED_AT_ONCE:
                async for row in _measure_all(lake, folders, depth - 1):
                    yield row
                folders = []
        async for row in _measure_all(lake, folders, depth - 1):
            yield row
    yield at, await lake.du(at.repository, at.ref, prefix=at.path)


async def _measure_all(
    lake: AsyncClient, folders: list[ObjectAddress], depth: int
) -> AsyncIterator[tuple[ObjectAddress, Du]]:
    if depth > 0:
        for folder in folders:
            async for row in _measure(lake, folder, depth):
                yield row
        return
    if not folders:
        return
    found = await lake.measure_many(
        folders[0].repository, [(at.ref, at.path) for at in folders]
    )
    for folder, held in zip(folders, found, strict=True):
        yield folder, _read_measure(held)


def _read_measure(held: Measured) -> Du:
    from lakebed.client import NotFoundError
    from lakebed.client.wire import Du

    if held.object_count is None or held.size_bytes is None:
        # The ref went, or the right to read it, since its folders were listed.
        raise NotFoundError(held.message or "not found", code=held.code or "")
    return Du(
        prefix=held.prefix, object_count=held.object_count, size_bytes=held.size_bytes
    )
