"""Who gives way when there is no more room: who has waited longest for its client.

A request that waits for its client costs the server nothing but its place, and there are
only so many places. Without this, some hundreds of clients that send a byte a second hold
all of them, and everybody else is refused for as long as they like.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Waiter(Protocol):
    """What may have to wait for its client."""

    @property
    def waiting_since_s(self) -> float | None:
        """Loop time since when it waits for its client to make a step; None: it does not."""
        ...

    def give_way(self) -> None:
        """Leave the place: soon, if not at once."""
        ...


class Places:
    """Finds who gives way among those that have a place."""

    def __init__(self, grace_s: float) -> None:
        """Leave who has waited for less than `grace_s` in peace."""
        self._grace_s = grace_s
        self._none_before_s = 0.0
        self.gave_way_count = 0

    def make_room(self, waiters: Iterable[Waiter], now_s: float) -> bool:
        """Let the slowest of `waiters` give way; tell whether there was one.

        Looks at all of them, but not again before one of them can have become slow: at
        the limit it is asked with each request.
        """
        if now_s < self._none_before_s:
            return False
        slowest: Waiter | None = None
        earliest_s = now_s
        for waiter in waiters:
            since_s = waiter.waiting_since_s
            if since_s is not None and since_s < earliest_s:
                slowest, earliest_s = waiter, since_s
        if slowest is None or earliest_s > now_s - self._grace_s:
            # Whoever begins to wait now is slow even later, or was not far from it.
            self._none_before_s = earliest_s + self._grace_s
            return False
        slowest.give_way()
        self.gave_way_count += 1
        return True
