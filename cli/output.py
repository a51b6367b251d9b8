"""Print facts: JSON if asked, a table on a terminal, plain lines into a pipe.

What is printed here goes to standard output and is for programs as much as for people:
JSON fields and the columns of plain lines are promises. Everything else is said on
standard error, by `say`. Text that comes from data is escaped on its way.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import typer

from .text import escape

if TYPE_CHECKING:
    from lakebed.client.wire import Body
    from rich.console import Console

T = TypeVar("T")

TABLE_ROWS_MAX = 1000
"""Rows that a table measures before it is drawn; more follow as further tables."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a listing."""

    title: str
    is_number: bool = False
    style: str = ""
    width: Literal["wraps", "keeps", "cut"] = "wraps"
    """What becomes of it where there is no room: a name that is cut off is no name."""


def is_terminal() -> bool:
    """Tell whether standard output is for people."""
    return sys.stdout.isatty()


def make_console(*, err: bool = False) -> Console:
    """Return a console for the terminal; it minds NO_COLOR."""
    from rich.console import Console

    return Console(stderr=err, highlight=False, markup=False, emoji=False)


def say(text: str) -> None:
    """Tell a person something, on standard error; `text` is escaped by the caller."""
    typer.echo(text, err=True)


def has_colour() -> bool:
    """Tell whether standard output shows colours: https://no-color.org."""
    return (
        is_terminal()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )


def terminal_width() -> int:
    """Return how many columns the terminal has; what is printed stays within them."""
    return shutil.get_terminal_size().columns


def paint(text: str, style: str) -> str:
    """Return `text` in a colour, `bold`, or both with a space between.

    Not through rich: a log or diff may have a million lines.
    """
    if not has_colour():
        return text
    words = style.split()
    colours = [word for word in words if word != "bold"]
    return typer.style(text, fg=colours[0] if colours else None, bold="bold" in words)


_LANE_COLOURS = ("red", "green", "yellow", "blue", "magenta", "cyan")


def paint_lanes(lanes: str) -> str:
    """Return a line of a graph with each of its columns in a colour."""
    if not has_colour():
        return lanes
    return "".join(
        cell
        if cell in " *"
        else paint(cell, _LANE_COLOURS[(at + 1) // 2 % len(_LANE_COLOURS)])
        for at, cell in enumerate(lanes)
    )


def print_line(text: str, *, style: str = "") -> None:
    """Print one line of facts; `text` is escaped by the caller, `style` as in `paint`."""
    typer.echo(paint(text, style) if style else text)


def print_raw(data: bytes) -> None:
    """Print bytes as they are: for programs that asked for them."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def as_json(fact: object) -> object:
    """Return `fact` as plain JSON values, every field there, none left out."""
    import msgspec

    if isinstance(fact, msgspec.Struct):
        fields = {field: getattr(fact, field) for field in fact.__struct_fields__}
        return {name: as_json(value) for name, value in fields.items()}
    if isinstance(fact, dict):
        return {str(key): as_json(value) for key, value in fact.items()}  # pyright: ignore
    if isinstance(fact, list | tuple):
        return [as_json(item) for item in fact]  # pyright: ignore
    return fact


def print_json(fact: object) -> None:
    """Print `fact` as one JSON document."""
    typer.echo(_dumps(fact, indent=2))


def print_fact(fact: Body | dict[str, Any], *, as_document: bool, line: str) -> None:
    """Print one fact: as JSON, or as `line`, which is escaped by the caller."""
    if as_document:
        print_json(fact)
    else:
        print_line(line)


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Print named values one below the other; in a pipe with a tab between."""
    width = max((len(name) for name, _ in fields), default=0)
    for name, value in fields:
        gap = " " * (width - len(name) + 2) if is_terminal() else "\t"
        typer.echo(f"{name}{gap}{escape(value)}")


async def print_listing(
    facts: AsyncIterator[T],
    columns: Sequence[Column],
    row: Callable[[T], Sequence[str]],
    *,
    as_document: bool,
    plain: Callable[[T], Sequence[str]] | None = None,
) -> int:
    """Print `facts` as they come; return how many there were.

    `row` gives the cells for people, `plain` those for programs if they differ.
    """
    if as_document:
        return await print_document(facts)
    count = 0
    if not is_terminal():
        to_cells = plain or row
        async for fact in facts:
            typer.echo("\t".join(escape(cell) for cell in to_cells(fact)))
            count += 1
        return count
    rows: list[Sequence[str]] = []
    async for fact in facts:
        rows.append(row(fact))
        count += 1
        if len(rows) == TABLE_ROWS_MAX:
            _print_table(columns, rows)
            rows = []
    if rows:
        _print_table(columns, rows)
    return count


async def print_document(facts: AsyncIterator[T]) -> int:
    """Print `facts` as one JSON array; return how many there were."""
    # Written as it comes: a listing may be longer than memory.
    count = 0
    async for fact in facts:
        typer.echo("[\n  " if count == 0 else ",\n  ", nl=False)
        typer.echo(_dumps(fact), nl=False)
        count += 1
    typer.echo("\n]" if count else "[]")
    return count


def _dumps(fact: object, *, indent: int | None = None) -> str:
    # Escaping all but ASCII keeps control characters in data off the terminal too.
    return json.dumps(as_json(fact), indent=indent, ensure_ascii=True)


def _print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.is_number else "left",
            style=column.style,
            overflow="ellipsis" if column.width == "cut" else "fold",
            no_wrap=column.is_number or column.width != "wraps",
        )
    for cells in rows:
        table.add_row(*(Text(escape(cell)) for cell in cells))
    make_console().print(table)
