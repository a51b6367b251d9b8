"""What a copy shall do, and what it comes to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import typer

from ..addresses import ObjectAddress
from ..exits import CommandError
from ..output import print_line, say
from ..text import escape, format_bytes, format_count
from .options import CopyOptions

if TYPE_CHECKING:
    from lakebed.client.wire import ObjectStats

T = TypeVar("T")

NOT_COMMITTED = ", not committed"
"""What is said of an object that was written to a branch."""

FAILURES_TOLD_MAX = 100
"""Failures that are told by name; a thousand lines would hide the first ones."""


@dataclass(slots=True)
class Tally:
    """What a copy did."""

    copied: int = 0
    copied_bytes: int = 0
    unchanged: int = 0
    kept: int = 0

    def add(self, size_bytes: int) -> None:
        """Count one copied object."""
        self.copied += 1
        self.copied_bytes += size_bytes

    def tell(self, verb: str, options: CopyOptions) -> None:
        """Tell what was done."""
        report = options.report
        report.object_count, report.size_bytes = self.copied, self.copied_bytes
        report.unchanged_count, report.kept_count = self.unchanged, self.kept
        copied = format_count(self.copied, "object")
        parts = [f"{verb} {copied}, {format_bytes(self.copied_bytes)}"]
        if self.unchanged:
            parts.append(f"{self.unchanged:,} unchanged")
        if self.kept:
            parts.append(f"{self.kept:,} kept as they were")
        _tell("; ".join(parts), options)


def destination_of(end: ObjectAddress, name: str) -> ObjectAddress:
    """Return where a single object called `name` goes: a prefix takes it by name."""
    return end.below(end.path + name) if end.is_prefix else end


def folder_prefix(at: ObjectAddress) -> str:
    """Return the prefix that a recursive copy from or to `at` means."""
    return at.path if at.is_prefix else f"{at.path}/"


def require_recursive(options: CopyOptions, what: str) -> None:
    """Refuse to copy `what`, a folder or prefix, without -r.

    Raises:
        typer.BadParameter: -r was not given.
    """
    if not options.recursive:
        raise typer.BadParameter(f"'{escape(what)}' is not one object: give -r")


def tell_dry_run(options: CopyOptions, source: object, destination: object) -> None:
    """Say what would be copied where."""
    options.report.object_count += 1
    line = f"would copy {escape(str(source))} to {escape(str(destination))}"
    _tell(line, options)


def tell_written(
    options: CopyOptions, target: object, size_bytes: int, *, note: str = ""
) -> None:
    """Say that a single object or file is there now."""
    options.report.object_count += 1
    options.report.size_bytes += size_bytes
    _tell(f"{escape(str(target))} written, {format_bytes(size_bytes)}{note}", options)


def tell_kept(options: CopyOptions, target: object) -> None:
    """Say that a single object or file is what it was."""
    options.report.kept_count += 1
    _tell(f"{escape(str(target))} kept as it was", options)


def _tell(line: str, options: CopyOptions) -> None:
    if not options.is_quiet:
        print_line(line)


def tell_skipped(path: object, reason: str) -> None:
    """Say that something was not copied, and why."""
    say(f"skipped '{escape(str(path))}': {reason}")


class Failures:
    """What could not be copied, told at the end; all the rest is."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self.count = 0

    def add(self, what: object, reason: str) -> None:
        """Take note that `what` was not copied."""
        self.count += 1
        if self.count <= FAILURES_TOLD_MAX:
            self._told.append(f"'{escape(str(what))}': {escape(reason)}")

    def add_error(self, what: object, error: OSError) -> None:
        """Take note of a file that could not be read or written."""
        self.add(what, (error.strerror or str(error)).lower())

    def settle(self) -> None:
        """Return if there are none.

        Raises:
            CommandError: there are; it says how many, each has been told.
        """
        if not self.count:
            return
        for line in self._told:
            say(f"failed {line}")
        if self.count > len(self._told):
            say(f"... and {self.count - len(self._told):,} more")
        raise CommandError(
            f"{format_count(self.count, 'file')} could not be copied; the same command "
            "tries again what is not there"
        )


async def batches(items: AsyncIterable[T], count: int) -> AsyncGenerator[list[T]]:
    """Yield `items`, `count` at a time."""
    batch: list[T] = []
    async for item in items:
        batch.append(item)
        if len(batch) == count:
            yield batch
            batch = []
    if batch:
        yield batch


async def pair(
    items: AsyncIterable[T],
    there: AsyncIterator[ObjectStats],
    path_of: Callable[[T], str],
) -> AsyncGenerator[tuple[T, ObjectStats | None]]:
    """Yield `items` with what is at their paths, as `path_of` says; both are in order.

    Neither is held: a folder of any size and a branch of any size are walked side by
    side. What has no path is passed on.
    """
    old = await anext(there, None)
    async for item in items:
        path = path_of(item).encode()
        while old is not None and old.path.encode() < path:
            old = await anext(there, None)
        is_there = old is not None and old.path.encode() == path
        yield item, old if is_there else None
