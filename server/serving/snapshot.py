"""The figures of one process at one moment, as a value that adds up.

Workers hand theirs to their supervisor, which shows the sum. What counts up stays in the
sum when its process has ended; what is so now goes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from .traffic import Row, Traffic


class FigureValue(Struct, frozen=True):
    """One number, with what Prometheus is told of it."""

    name: str
    """With its unit; `_total` is added to what only grows."""
    help: str
    value: float
    only_grows: bool = False
    labels: tuple[tuple[str, str], ...] = ()


class Snapshot(Struct, frozen=True):
    """All figures of a process, or of several together."""

    rows: dict[tuple[str, str], Row]
    """See `Traffic`."""
    failures: dict[tuple[str, str], int]
    """See `Traffic`."""
    figures: list[FigureValue]

    @classmethod
    def of(cls, traffic: Traffic, figures: Sequence[FigureValue]) -> Snapshot:
        """Return what `traffic` has come to by now, and `figures`."""
        return add_up([cls(traffic.rows, traffic.failures, list(figures))])

    def counts(self) -> Snapshot:
        """Return what of it still holds when its process has ended."""
        kept = [figure for figure in self.figures if figure.only_grows]
        return Snapshot(self.rows, self.failures, kept)


def add_up(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return the sum of `snapshots`, which stay as they are."""
    traffic = Traffic()
    figures: dict[tuple[str, tuple[tuple[str, str], ...]], FigureValue] = {}
    for snapshot in snapshots:
        for place, row in snapshot.rows.items():
            traffic.rows.setdefault(place, Row()).add(row)
        for place, count in snapshot.failures.items():
            traffic.failures[place] = traffic.failures.get(place, 0) + count
        for one in snapshot.figures:
            earlier = figures.get((one.name, one.labels))
            value = one.value + (0 if earlier is None else earlier.value)
            figures[one.name, one.labels] = FigureValue(
                one.name, one.help, value, one.only_grows, one.labels
            )
    return Snapshot(traffic.rows, traffic.failures, list(figures.values()))
