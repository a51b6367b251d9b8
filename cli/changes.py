"""What differs, printed: a line a path, sizes with bars, or the lines of texts."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .output import is_terminal, print_line, terminal_width
from .text import cut_left, escape, escape_lines, format_bytes, format_count, width_of

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Diff

PATCH_BYTES_MAX = 1_000_000
"""A text larger than this is not compared line by line: finding the lines takes time
that grows with the square, and nobody reads the answer."""

CONTEXT_LINES = 3
"""Lines around a change, as in Git."""

STAT_ROWS_MAX = 1000
"""Rows that share the scale of their bars and are held in memory; further rows follow
with a scale of their own."""

BAR_WIDTH_MAX = 40

_LETTERS = {
    "added": ("A", "green"),
    "changed": ("M", "yellow"),
    "removed": ("D", "red"),
    "conflict": ("C", "magenta"),
    "prefix_changed": ("M", "yellow"),
}

_PATCH_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class Patch:
    """Where the texts are that a patch compares."""

    lake: AsyncClient
    repository: str
    before: str
    after: str
    context: int = CONTEXT_LINES


@dataclass(slots=True)
class Totals:
    """What differences add up to."""

    counts: Counter[str] = field(default_factory=Counter[str])
    bytes_before: int = 0
    bytes_after: int = 0

    def add(self, change: Diff) -> None:
        """Count `change`."""
        self.counts[change.type] += 1
        before, after = sizes_of(change)
        self.bytes_before += before or 0
        self.bytes_after += after or 0

    def __str__(self) -> str:
        parts = [
            f"{count:,} {word.replace('prefix_changed', 'changed below')}"
            for word in _LETTERS
            if (count := self.counts[word])
        ]
        moved = self.bytes_after - self.bytes_before
        sign = "-" if moved < 0 else "+"
        return (
            f"{format_count(self.counts.total(), 'object')}: {', '.join(parts)}; "
            f"{format_bytes(self.bytes_before)} -> {format_bytes(self.bytes_after)} "
            f"({sign}{format_bytes(abs(moved))})"
        )


def sizes_of(change: Diff) -> tuple[int | None, int | None]:
    """Return the size before and after; None where there was or is no object."""
    match change.type:
        case "added":
            return None, change.size_bytes
        case "removed":
            return change.size_bytes, None
        case _:
            return change.left_size_bytes, change.size_bytes


async def print_changes(
    changes: AsyncIterator[Diff],
    *,
    stat: bool = False,
    name_only: bool = False,
    patch: Patch | None = None,
) -> Totals:
    """Print `changes` as they come, and return what they add up to."""
    totals = Totals()
    rows: list[Diff] = []
    async for change in changes:
        totals.add(change)
        if name_only:
            print_line(escape(change.path))
        elif stat and is_terminal() and patch is None:
            rows.append(change)
            if len(rows) == STAT_ROWS_MAX:
                _print_bars(rows)
                rows = []
        else:
            _print_change(change, with_sizes=stat)
        if patch is not None:
            await _print_patch(patch, change)
    if rows:
        _print_bars(rows)
    if stat and totals.counts and is_terminal():
        print_line(str(totals))
    return totals


def _print_change(change: Diff, *, with_sizes: bool) -> None:
    letter, style = _LETTERS[change.type]
    cells = [letter, escape(change.path)]
    if with_sizes:
        if is_terminal():
            cells.append(f"({_describe_sizes(change)})")
        else:
            cells += ["-" if size is None else str(size) for size in sizes_of(change)]
    print_line(("  " if is_terminal() else "\t").join(cells), style=style)


def _describe_sizes(change: Diff) -> str:
    before, after = sizes_of(change)
    if before is None or after is None:
        return format_bytes(before or after or 0)
    return f"{format_bytes(before)} -> {format_bytes(after)}"


def _print_bars(rows: list[Diff]) -> None:
    """Print a row for each change: letter, path, sizes, and a bar of what was moved."""
    width = terminal_width()
    sizes = [_describe_sizes(change) for change in rows]
    size_width = max(map(len, sizes))
    paths = [escape(change.path) for change in rows]
    path_width = min(
        max(map(width_of, paths)),
        # Room for a bar of ten at least, as far as there is any.
        max(10, width - size_width - len("A    ") - 10 - 2),
    )
    room = width - path_width - size_width - len("A    ") - 2
    bar_width = max(1, min(BAR_WIDTH_MAX, room))
    moved_max = max((abs(_moved(change)) for change in rows), default=0)
    for change, size, path in zip(rows, sizes, paths, strict=True):
        letter, style = _LETTERS[change.type]
        shown = cut_left(path, path_width)
        gap = " " * (path_width - width_of(shown))
        moved = _moved(change)
        length = -(-abs(moved) * bar_width // moved_max) if moved_max else 0
        bar = ("+" if moved > 0 else "-") * length if moved else "="
        print_line(
            f"{letter}  {shown}{gap}  {size:>{size_width}}  {bar}".rstrip(),
            style=style,
        )


def _moved(change: Diff) -> int:
    before, after = sizes_of(change)
    return (after or 0) - (before or 0)


async def _print_patch(patch: Patch, change: Diff) -> None:
    old: str | None = ""
    new: str | None = ""
    if change.type != "added":
        old = await _read_text(patch, patch.before, change.path)
    if change.type != "removed":
        new = await _read_text(patch, patch.after, change.path)
    if old is None or new is None:
        print_line("   (not a small text)")
        return
    path = escape(change.path)
    lines = difflib.unified_diff(
        old.splitlines(),
        new.splitlines(),
        "/dev/null" if change.type == "added" else f"a/{path}",
        "/dev/null" if change.type == "removed" else f"b/{path}",
        lineterm="",
        n=patch.context,
    )
    for line in lines:
        print_line(escape_lines(line), style=_PATCH_STYLES.get(line[:1], ""))


async def _read_text(patch: Patch, ref: str, path: str) -> str | None:
    """Return the object as text, or None if it is large or no text."""
    async with patch.lake.open_object(patch.repository, ref, path) as stream:
        if stream.size_bytes is None or stream.size_bytes > PATCH_BYTES_MAX:
            return None
        data = await stream.read()
    try:
        return data.decode() if b"\0" not in data else None
    except UnicodeDecodeError:
        return None
