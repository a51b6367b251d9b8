"""Points of a metric in columns: `docs/format/run.md`; change both."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..errors import CorruptDataError
from ..tree.canonical import pack, unpack

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one metric, in the order in which they came."""

    steps: Sequence[int]
    """Signed, of 64 bits; so are the times."""
    times_ms: Sequence[int]
    values: Sequence[float]

    def __len__(self) -> int:
        return len(self.values)


def encode_points(points: Points) -> bytes:
    """Return `points` as bytes."""
    count = len(points)
    return pack(
        (
            _VERSION,
            count,
            struct.pack(f"<{count}q", *points.steps),
            struct.pack(f"<{count}q", *points.times_ms),
            struct.pack(f"<{count}d", *points.values),
        )
    )


def encoded_bytes(count: int) -> int:
    """Return how long `count` points are when they are encoded."""
    return (
        len(encode_points(Points([], [], [])))
        + 3 * (len(pack(bytes(8 * count))) - len(pack(b"")))
        + len(pack(count))
        - len(pack(0))
    )


def decode_points(data: bytes) -> Points:
    """Return the points in `data`.

    Raises:
        CorruptDataError: it is not what `encode_points` writes.
    """
    count, (steps, times, values) = _read_columns(data)
    return Points(
        struct.unpack(f"<{count}q", steps),
        struct.unpack(f"<{count}q", times),
        struct.unpack(f"<{count}d", values),
    )


def _read_columns(data: bytes) -> tuple[int, tuple[bytes, bytes, bytes]]:
    try:
        match unpack(data):
            case (1, int(count), bytes(steps), bytes(times), bytes(values)) if (
                len(steps) == len(times) == len(values) == 8 * count
            ):
                return count, (steps, times, values)
            case _:
                raise CorruptDataError("points are malformed or of an unknown version")
    except ValueError as error:
        raise CorruptDataError(f"points do not decode: {error}") from error


def join_encoded(pieces: Iterable[bytes]) -> bytes:
    """Return the points of encoded `pieces`, one behind the other, encoded.

    The columns are joined as they are: 24 bytes a point, where numbers take a hundred.

    Raises:
        CorruptDataError: a piece is damaged.
    """
    joined: tuple[list[bytes], ...] = ([], [], [])
    count = 0
    for piece in pieces:
        here, columns = _read_columns(piece)
        count += here
        for column, data in zip(joined, columns, strict=True):
            column.append(data)
    return pack((_VERSION, count, *(b"".join(column) for column in joined)))


@dataclass(frozen=True, slots=True)
class Summary:
    """A metric in short."""

    last: float | None
    """The value that came last; None: it is no number. So for the others."""
    last_step: int
    min: float | None
    max: float | None
    count: int

    def then(self, later: Summary) -> Summary:
        """Return the summary of what this is of, and what `later` is of behind it."""
        return Summary(
            later.last,
            later.last_step,
            _pick(min, self.min, later.min),
            _pick(max, self.max, later.max),
            self.count + later.count,
        )


def summarise(points: Points) -> Summary:
    """Return `points`, at least one, in short."""
    numbers = [value for value in points.values if not math.isnan(value)]
    last = points.values[-1]
    return Summary(
        None if math.isnan(last) else last,
        points.steps[-1],
        min(numbers, default=None),
        max(numbers, default=None),
        len(points),
    )


def _pick(
    choose: Callable[[float, float], float], one: float | None, other: float | None
) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)
