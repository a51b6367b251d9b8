"""How two versions of an output file differ: to the byte, and in numbers where there are some."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ..wire import Difference
from .arrays import compare_npy, compare_npz
from .numbers import (
    EXACT,
    LibraryMissingError,
    NotComparableError,
    Numbers,
    Tolerance,
)
from .parquet import compare_parquet
from .texts import compare_csv, compare_json, compare_json_lines

_CHUNK_BYTES = 1 << 20
_DETAIL_CHARS_MAX = 1000

_FORMATS: Mapping[str, Callable[[Path, Path, Numbers], None]] = {
    ".npy": compare_npy,
    ".npz": compare_npz,
    ".json": compare_json,
    ".jsonl": compare_json_lines,
    ".ndjson": compare_json_lines,
    ".csv": partial(compare_csv, separator=","),
    ".tsv": partial(compare_csv, separator="\t"),
    ".parquet": compare_parquet,
}


def compare_files(
    path: str, first: Path, second: Path, *, tolerance: Tolerance = EXACT
) -> Difference | None:
    """Return how `second` differs from `first`; None: it is the same to the byte.

    Reads both in pieces, whatever their size.

    Args:
        path: what the file is called in the answer; its ending says the format.
        tolerance: if it is not exact, and all numbers are within it and all else is the
            same, the answer has `is_within_tolerance`.
    """
    with first.open("rb") as one, second.open("rb") as other:
        position = find_first_difference(one, other)
    if position is None:
        return None
    numbers = Numbers(tolerance)
    compare = _FORMATS.get(PurePosixPath(path).suffix.lower())
    is_within = False
    try:
        if compare is None:
            raise NotComparableError("no format that is compared by numbers")
        compare(first, second, numbers)
        detail = numbers.describe()
        is_within = tolerance != EXACT and numbers.is_within
    except NotComparableError as error:
        detail = _describe_sizes(first, second)
        if tolerance != EXACT:
            detail += f"; the tolerance is not applied: {error}"
        elif isinstance(error, LibraryMissingError):
            detail += f"; its numbers are not compared: {error}"
    return Difference(
        path=path,
        kind="changed",
        first_byte=position,
        detail=detail[:_DETAIL_CHARS_MAX],
        is_within_tolerance=is_within,
    )


def find_first_difference(first: BinaryIO, second: BinaryIO) -> int | None:
    """Return the position of the first byte that differs; None: they are the same.

    Where one is the beginning of the other, it is the length of the shorter.
    """
    position = 0
    while True:
        one, other = _read(first), _read(second)
        if one != other:
            return position + _first_difference(one, other)
        if not one:
            return None
        position += len(one)


def _first_difference(one: bytes, other: bytes) -> int:
    """Return the first position that differs, by halving: a loop over bytes is slow."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _read(file: BinaryIO) -> bytes:
    """Read a whole piece: a stream may give less at a time."""
    data = file.read(_CHUNK_BYTES)
    while 0 < len(data) < _CHUNK_BYTES:
        more = file.read(_CHUNK_BYTES - len(data))
        if not more:
            break
        data += more
    return data


def _describe_sizes(first: Path, second: Path) -> str:
    before, now = first.stat().st_size, second.stat().st_size
    return f"{before} bytes are {now}" if before != now else f"of {before} bytes"
