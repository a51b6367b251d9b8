"""JSON and CSV files, compared value by value."""

from __future__ import annotations

import csv
import json
from itertools import zip_longest
from pathlib import Path
from typing import cast

from .numbers import NotComparableError, Numbers

_JSON_BYTES_MAX = 64 << 20
"""Parsed JSON takes ten times its bytes in memory."""
_SHOWN_CHARS_MAX = 60
_DEPTH_MAX = 200


def compare_json(first: Path, second: Path, numbers: Numbers) -> None:
    """Compare two JSON documents by path.

    Raises:
        NotComparableError: one is no JSON, or too large.
    """
    _walk(_load(first), _load(second), "$", numbers, 0)


def compare_json_lines(first: Path, second: Path, numbers: Numbers) -> None:
    """Compare two files with a JSON document a line.

    Raises:
        NotComparableError: a line is no JSON.
    """
    with first.open("rb") as one, second.open("rb") as other:
        for number, (left, right) in enumerate(zip_longest(one, other), start=1):
            if left is None or right is None:
                word = "were not there" if left is None else "are not there"
                numbers.add_structure(f"lines from {number} on {word}")
                return
            if left != right:
                _walk(_parse(left), _parse(right), f"line {number}: $", numbers, 0)


def compare_csv(first: Path, second: Path, numbers: Numbers, *, separator: str) -> None:
    """Compare two tables cell by cell; what reads as a number is compared as one.

    Raises:
        NotComparableError: one is no table.
    """
    try:
        with (
            first.open(encoding="utf-8", newline="") as one,
            second.open(encoding="utf-8", newline="") as other,
        ):
            rows = zip_longest(
                csv.reader(one, delimiter=separator),
                csv.reader(other, delimiter=separator),
            )
            header: list[str] = []
            for number, (left, right) in enumerate(rows, start=1):
                if left is None or right is None:
                    word = "were not there" if left is None else "are not there"
                    numbers.add_structure(f"rows from {number} on {word}")
                    return
                if number == 1:
                    header = left
                _compare_row(left, right, number, header, numbers)
    except (UnicodeDecodeError, csv.Error) as error:
        raise NotComparableError(str(error)) from error


def _compare_row(
    left: list[str], right: list[str], number: int, header: list[str], numbers: Numbers
) -> None:
    if len(left) != len(right):
        numbers.add_structure(f"row {number} has {len(left)} cells is {len(right)}")
        return
    for column, (one, other) in enumerate(zip(left, right, strict=True)):
        name = header[column] if column < len(header) else str(column + 1)
        where = f"row {number}, column '{name}'"
        a, b = _number(one), _number(other)
        if a is not None and b is not None:
            numbers.add(a, b, where)
        elif one != other:
            numbers.add_structure(f"{where}: {_shown(one)} is {_shown(other)}")


def _walk(one: object, other: object, where: str, numbers: Numbers, depth: int) -> None:
    if depth > _DEPTH_MAX:
        raise NotComparableError("the document is nested too deep")
    kinds = {type(one), type(other)}
    if kinds == {dict}:
        pair = cast("tuple[dict[str, object], dict[str, object]]", (one, other))
        _walk_objects(*pair, where, numbers, depth)
    elif kinds == {list}:
        lists = cast("tuple[list[object], list[object]]", (one, other))
        if len(lists[0]) != len(lists[1]):
            counts = f"{len(lists[0])} items is {len(lists[1])}"
            numbers.add_structure(f"{where} has {counts}")
        for index, (left, right) in enumerate(zip(*lists, strict=False)):
            _walk(left, right, f"{where}[{index}]", numbers, depth + 1)
    elif kinds <= {int, float}:
        numbers.add(cast("float", one), cast("float", other), where)
    elif len(kinds) > 1 or one != other:
        numbers.add_structure(f"{where}: {_shown(one)} is {_shown(other)}")


def _walk_objects(
    one: dict[str, object],
    other: dict[str, object],
    where: str,
    numbers: Numbers,
    depth: int,
) -> None:
    for name in [*one, *(name for name in other if name not in one)]:
        place = f"{where}.{name}"
        if name not in one or name not in other:
            word = "is not there" if name in one else "was not there"
            numbers.add_structure(f"{place} {word}")
        else:
            _walk(one[name], other[name], place, numbers, depth + 1)


def _load(path: Path) -> object:
    if path.stat().st_size > _JSON_BYTES_MAX:
        raise NotComparableError("the document is too large")
    return _parse(path.read_bytes())


def _parse(data: bytes) -> object:
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotComparableError("no JSON") from error
    return value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _shown(value: object) -> str:
    text = (
        json.dumps(value, ensure_ascii=False)
        if not isinstance(value, str)
        else f"'{value}'"
    )
    return text if len(text) <= _SHOWN_CHARS_MAX else text[:_SHOWN_CHARS_MAX] + "..."
