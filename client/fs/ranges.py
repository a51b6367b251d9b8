"""Ranges of bytes that lie close together, read with one request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from fsspec.utils import merge_offset_ranges


@dataclass(frozen=True, slots=True)
class PathRange:
    """Bytes of an object, from `start` up to `end`, or to its own end."""

    path: str
    start: int
    end: int | None

    def covers(self, other: PathRange) -> bool:
        """Tell whether all of `other` is in it."""
        reaches = self.end is None or (other.end is not None and other.end <= self.end)
        return self.path == other.path and self.start <= other.start and reaches


def parse_ranges(paths: Sequence[str], starts: Any, ends: Any) -> list[PathRange]:
    """Return the ranges that `cat_ranges` was given: a bound may be one for all.

    Raises:
        ValueError: there are not as many of each.
    """
    bounds = zip(paths, _each(starts, paths), _each(ends, paths), strict=True)
    return [PathRange(path, start or 0, end) for path, start, end in bounds]


def merge_ranges(ranges: Sequence[PathRange], max_gap: int) -> list[PathRange]:
    """Return fewer ranges that cover `ranges`, with gaps of at most `max_gap`."""
    merged = merge_offset_ranges(
        [one.path for one in ranges],
        [one.start for one in ranges],
        [one.end for one in ranges],
        max_gap=max_gap,
    )
    return [PathRange(*one) for one in zip(*merged, strict=True)]


def cut_range(
    wanted: PathRange, merged: Sequence[PathRange], read: Sequence[Any]
) -> Any:
    """Return what is `wanted` of the `merged` ranges, or the error in place of it."""
    for one, piece in zip(merged, read, strict=True):
        if one.covers(wanted):
            if isinstance(piece, BaseException):
                return piece
            end = None if wanted.end is None else max(0, wanted.end - one.start)
            return piece[wanted.start - one.start : end]
    raise AssertionError("merged ranges cover each range")


def _each(bound: Any, paths: Sequence[str]) -> list[int | None]:
    if isinstance(bound, Iterable):
        return list(cast("Iterable[int | None]", bound))
    return [bound] * len(paths)
