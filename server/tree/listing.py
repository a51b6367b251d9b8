"""List the rows of a version page by page, rolled up at a delimiter or not.

With a delimiter, a common prefix is listed once and the cursor seeks behind it: a page
of N prefixes reads at most N * height nodes, however much lies below them.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from .cursor import RowCursor
from .entry import PackedEntry
from .lookup import after_prefix


class Listed(Struct, frozen=True, gc=False):
    """One line of a listing: an entry, or a common prefix of several."""

    path: bytes
    """The entry's path, or the common prefix with the delimiter at its end."""
    packed: PackedEntry | None
    """None for a common prefix."""

    @property
    def is_common_prefix(self) -> bool:
        """Whether this stands for all paths that start with `path`."""
        return self.packed is None


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a listing, in ascending byte order."""

    items: list[Listed]
    is_truncated: bool
    """Whether more follows; then it goes on with `after` = the last item's path."""


def list_page(
    rows: RowCursor,
    *,
    prefix: bytes = b"",
    after: bytes = b"",
    delimiter: bytes = b"",
    limit: int,
) -> Page:
    """Return the next `limit` lines of a listing.

    Args:
        rows: the rows to list; left anywhere.
        prefix: only paths that start with it.
        after: only what comes behind it. If it is a common prefix, that one and all
            below it are behind us.
        delimiter: roll paths up at its first place behind `prefix`; empty for never.
        limit: the most lines to return; at 0 the page is empty and not truncated.
    """
    if limit <= 0:
        return Page([], is_truncated=False)
    items: list[Listed] = []
    end = after_prefix(prefix)
    start = _start(prefix, after, delimiter)
    while start is not None and (end is None or start < end):
        rows.seek(start)
        start = None
        # Where rows are rolled up, the next one seldom is of use: ask for few, then more.
        wanted = 1 if delimiter else limit + 1
        # One more than is missing, to know whether anything follows.
        while batch := rows.take(min(wanted, limit + 1 - len(items))):
            wanted *= 2
            rolled_up: bytes | None = None
            for path, packed in batch:
                if not path.startswith(prefix):
                    return Page(items, is_truncated=False)
                if len(items) == limit:
                    return Page(items, is_truncated=True)
                cut = path.find(delimiter, len(prefix)) if delimiter else -1
                if cut >= 0:
                    rolled_up = path[: cut + len(delimiter)]
                    items.append(Listed(rolled_up, None))
                    break
                items.append(Listed(path, packed))
            if rolled_up is not None:
                start = after_prefix(rolled_up)
                break
    return Page(items, is_truncated=False)


def _start(prefix: bytes, after: bytes, delimiter: bytes) -> bytes | None:
    """Return the first path that can be listed, None if there cannot be one."""
    if after < prefix:
        return prefix
    if delimiter and after.endswith(delimiter):
        cut = after.find(delimiter, len(prefix)) if after.startswith(prefix) else -1
        if cut >= 0 and cut + len(delimiter) == len(after):
            return after_prefix(after)
    # The first byte string behind `after`; no path has a NUL.
    return after + b"\0"
