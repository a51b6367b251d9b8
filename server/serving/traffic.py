"""What requests came to: counts, times and bytes, by protocol and operation.

Adding one request costs less than a microsecond; `metrics.py` makes figures for
Prometheus of it when it is asked. Operations are those of the tables, so that the number
of rows is bounded whatever clients send.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

SECONDS_BOUNDS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0,
)  # fmt: skip
"""From a small read out of the cache to an upload of 5 GiB over a slow link."""


@dataclass(slots=True)
class Row:
    """The requests of one operation."""

    statuses: list[int] = field(default_factory=lambda: [0] * 6)
    """By the hundreds of the status."""
    buckets: list[int] = field(default_factory=lambda: [0] * (len(SECONDS_BOUNDS) + 1))
    """By time: each up to and with its bound, the last one above all of them."""
    seconds: float = 0.0
    received_bytes: int = 0
    sent_bytes: int = 0

    def add(self, other: Row) -> None:
        """Count what `other` has counted too."""
        for mine, theirs in (
            (self.statuses, other.statuses),
            (self.buckets, other.buckets),
        ):
            for index, count in enumerate(theirs):
                mine[index] += count
        self.seconds += other.seconds
        self.received_bytes += other.received_bytes
        self.sent_bytes += other.sent_bytes


class Traffic:
    """What all requests of a process came to."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        """By protocol and operation."""
        self.failures: dict[tuple[str, str], int] = {}
        """Answers of 5xx by protocol and the name of what went wrong."""

    def add(
        self,
        protocol: str,
        operation: str,
        status: int,
        seconds: float,
        received_bytes: int,
        sent_bytes: int,
    ) -> None:
        """Count one request."""
        row = self.rows.get((protocol, operation))
        if row is None:
            row = self.rows[protocol, operation] = Row()
        row.statuses[status // 100] += 1
        row.buckets[bisect_left(SECONDS_BOUNDS, seconds)] += 1
        row.seconds += seconds
        row.received_bytes += received_bytes
        row.sent_bytes += sent_bytes

    def add_failure(self, protocol: str, name: str) -> None:
        """Count an answer of 5xx."""
        place = (protocol, name)
        self.failures[place] = self.failures.get(place, 0) + 1
