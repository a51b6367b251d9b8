"""Pages of a listing: bounded, and continued by the last name of the one before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..errors import InvalidValueError

T = TypeVar("T")

PAGE_LIMIT_MAX = 1000
"""Items of a page: what S3 and the lakeFS API allow, about 300 KB of JSON."""


PAGES_SCANNED_MAX = 10
"""Pages of `PAGE_LIMIT_MAX` that one page of a listing with a filter looks at: about
30 ms. What it has not found by then, the next one goes on to look for."""

Filter = Callable[[str], bool]
"""Tells by its name whether a listing shows something."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a listing, in its order."""

    items: tuple[T, ...]
    next_after: str | None
    """Where the listing goes on; None after the last page."""


def check_limit(limit: int) -> int:
    """Return `limit` if a page may have that many items.

    Raises:
        InvalidValueError: it is below 1 or above `PAGE_LIMIT_MAX`.
    """
    if not 1 <= limit <= PAGE_LIMIT_MAX:
        raise InvalidValueError(
            "amount", f"page size must be 1 to {PAGE_LIMIT_MAX}, not {limit}"
        )
    return limit


def cut_page(items: Sequence[T], limit: int, name: Callable[[T], str]) -> Page[T]:
    """Return the page of `items`, which were read with a limit of `limit` + 1."""
    if len(items) <= limit:
        return Page(tuple(items), None)
    return Page(tuple(items[:limit]), name(items[limit - 1]))


async def read_page(
    read: Callable[[str, int], Awaitable[Sequence[T]]],
    name: Callable[[T], str],
    *,
    after: str,
    limit: int,
    is_shown: Filter | None,
) -> Page[T]:
    """Return a page of what `read` gives; with `is_shown`, only of what that shows.

    A page with a filter may have fewer items than `limit`, or none, and not be the last.

    Args:
        read: gives up to so many items behind a name, in order.
        name: of an item.
        after: the name to go on behind.
        limit: how many items to give at most.
        is_shown: the filter.

    Raises:
        InvalidValueError: `limit` is none.
    """
    check_limit(limit)
    if is_shown is None:
        return cut_page(await read(after, limit + 1), limit, name)
    shown: list[T] = []
    for _ in range(PAGES_SCANNED_MAX):
        found = await read(after, PAGE_LIMIT_MAX)
        for item in found:
            if is_shown(name(item)):
                if len(shown) == limit:
                    return Page(tuple(shown), name(shown[-1]))
                shown.append(item)
        if len(found) < PAGE_LIMIT_MAX:
            return Page(tuple(shown), None)
        after = name(found[-1])
    return Page(tuple(shown), after)
