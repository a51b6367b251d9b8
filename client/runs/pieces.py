"""A batch that the server refused, cut until only what it refuses is left out.

An entry is a parameter, a point of a metric, a part, a gap, or the log. The pieces are
batches of a writer of their own, `WRITER-SEQUENCE`, and each has as its number how many
entries of the batch end with it. So whoever begins again, after a lost answer or in a
later process, sends the same under the same number, and nothing is taken twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..wire.run_parts import PARTS
from ..wire.runs import MetricPoints, RunBatch

_Entry = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some entries of a batch, next to each other."""

    writer: str
    start: int
    entries: Sequence[_Entry] = field(repr=False)

    @classmethod
    def of(cls, batch: RunBatch) -> Piece:
        """Return all entries of `batch`."""
        return cls(f"{batch.writer}-{batch.sequence}", 0, list(_iter_entries(batch)))

    def halves(self) -> list[Piece]:
        """Return what it is cut into; nothing, if it is one entry."""
        if len(self.entries) < 2:
            return []
        middle = len(self.entries) // 2
        return [
            Piece(self.writer, self.start, self.entries[:middle]),
            Piece(self.writer, self.start + middle, self.entries[middle:]),
        ]

    def as_batch(self) -> RunBatch:
        """Return it as it is sent."""
        batch = RunBatch(writer=self.writer, sequence=self.start + len(self.entries))
        columns: dict[str, MetricPoints] = {}
        for kind, entry in self.entries:
            if kind == "params":
                batch.params.update([entry])
            elif kind == "missing":
                batch.missing.append(entry)
            elif kind != "metrics":
                batch = msgspec.structs.replace(batch, **{kind: entry})
            else:
                name, value, step, time_ms = entry
                points = columns.get(name) or MetricPoints(
                    name=name, values=[], steps=[], times_ms=[]
                )
                columns[name] = points
                points.values.append(value)
                points.steps.append(step)
                points.times_ms.append(time_ms)
        batch.metrics.extend(columns.values())
        return batch

    @property
    def what(self) -> str:
        """What is missing without it, in one word."""
        kinds = {kind for kind, _ in self.entries}
        return kinds.pop() if len(kinds) == 1 else "metrics"


def _iter_entries(batch: RunBatch) -> Iterator[_Entry]:
    for each in batch.params.items():
        yield "params", each
    for part in PARTS:
        if getattr(batch, part) is not None:
            yield part, getattr(batch, part)
    for gap in batch.missing:
        yield "missing", gap
    if batch.log:
        yield "log", batch.log
    for points in batch.metrics:
        for point in zip(points.values, points.steps, points.times_ms, strict=True):
            yield "metrics", (points.name, *point)
