"""Results that are asked for when they are walked through, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from ...values import Rows, table_of

B = TypeVar("B")
T = TypeVar("T")

SHOWN_MAX = 20
"""Rows that a notebook asks for and shows of a listing; `collect` shows more."""


class Listing(Generic[T]):
    """A listing: walk through it with `for`, or collect it; again asks again."""

    def __init__(
        self,
        title: str,
        ask: Callable[[int | None], Iterator[B]],
        of: Callable[[B], T],
        *,
        limit: int | None = None,
    ) -> None:
        """Prepare a listing; nothing is asked yet.

        Args:
            title: what it is, for people.
            ask: yields the bodies, at most as many as it is told.
            of: makes a result of a body.
            limit: most results; None is all.
        """
        self.title = title
        self._limit = limit

        def rows(most: int | None) -> Iterator[T]:
            for body in ask(most):
                yield of(body)

        self._rows = rows

    def __iter__(self) -> Iterator[T]:
        """Yield the results in their order."""
        yield from self._rows(self._limit)

    def collect(self, limit: int | None = None) -> Rows[T]:
        """Return the results, at most `limit` of them, as rows that a notebook shows."""
        most = _least(limit, self._limit)
        # One more than asked for says whether there are more.
        asked = most + 1 if most is not None and most != self._limit else most
        rows = list(self._rows(asked))
        is_cut = most is not None and len(rows) > most
        return Rows(rows[:most], self.title, is_cut=is_cut)

    def first(self) -> T | None:
        """Return the first result; None if there is none."""
        for row in self._rows(1):
            return row
        return None

    def __repr__(self) -> str:
        return f"<{self.title}>"

    def _repr_html_(self) -> str:
        shown = self.collect(SHOWN_MAX)
        return table_of(self.title, list(shown), more=shown.is_cut)


def _least(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
