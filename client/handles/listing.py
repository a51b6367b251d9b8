"""Results that are asked for when they are walked through, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from .. import tables
from ..values import Rows

B = TypeVar("B")
T = TypeVar("T")


class AsyncListing(Generic[T]):
    """A listing: walk through it with `async for`, or collect it; again asks again."""

    def __init__(
        self,
        title: str,
        ask: Callable[[int | None], AsyncIterator[B]],
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

        async def rows(most: int | None) -> AsyncIterator[T]:
            async for body in ask(most):
                yield of(body)

        self._rows = rows

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield the results in their order."""
        async for row in self._rows(self._limit):
            yield row

    async def collect(self, limit: int | None = None) -> Rows[T]:
        """Return the results, at most `limit` of them, as rows that a notebook shows."""
        most = _least(limit, self._limit)
        # One more than asked for says whether there are more.
        asked = most + 1 if most is not None and most != self._limit else most
        rows = [row async for row in self._rows(asked)]
        is_cut = most is not None and len(rows) > most
        return Rows(rows[:most], self.title, is_cut=is_cut)

    async def first(self) -> T | None:
        """Return the first result; None if there is none."""
        async for row in self._rows(1):
            return row
        return None

    def __repr__(self) -> str:
        return f"<{self.title}: `await .collect()` asks for it>"

    def _repr_html_(self) -> str:
        return tables.facts(self.title, [("", "await .collect() shows it")])


def _least(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
