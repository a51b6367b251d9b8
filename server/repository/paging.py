"""Pages of a listing: bounded, and continued by the last name of the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..errors import InvalidValueError

T = TypeVar("T")

PAGE_LIMIT_MAX = 1000
"""Items of a page: what S3 and the lakeFS API allow, about 300 KB of JSON."""


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
