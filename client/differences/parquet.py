"""Parquet tables, compared column by column where pyarrow is installed."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from .numbers import LibraryMissingError, NotComparableError, Numbers

_ROWS = 65_536
"""Rows that are looked at together."""


def compare_parquet(first: Path, second: Path, numbers: Numbers) -> None:
    """Compare two Parquet files.

    Raises:
        LibraryMissingError: pyarrow is not installed.
        NotComparableError: one is no Parquet.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise LibraryMissingError("pyarrow is not installed where lakebed is")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    arrow: Any = importlib.import_module("pyarrow")
    try:
        with parquet.ParquetFile(first) as one, parquet.ParquetFile(second) as other:
            _compare(one, other, numbers)
    except (arrow.ArrowException, OSError) as error:
        raise NotComparableError(str(error).splitlines()[0]) from error


def _compare(one: Any, other: Any, numbers: Numbers) -> None:
    left = {field.name: str(field.type) for field in one.schema_arrow}
    right = {field.name: str(field.type) for field in other.schema_arrow}
    for name in [*left, *(name for name in right if name not in left)]:
        if name not in left or name not in right:
            word = "is not there" if name in left else "was not there"
            numbers.add_structure(f"column '{name}' {word}")
        elif left[name] != right[name]:
            kinds = f"{left[name]} is {right[name]}"
            numbers.add_structure(f"the type of column '{name}': {kinds}")
    rows, others = one.metadata.num_rows, other.metadata.num_rows
    if rows != others:
        numbers.add_structure(f"{rows} rows is {others}")
        return
    names = [name for name in left if name in right]
    if not names:
        return
    batches = zip(_batches(one, names), _batches(other, names), strict=True)
    for number, (a, b) in enumerate(batches):
        for name in names:
            if not a.column(name).equals(b.column(name)):
                pairs = zip(
                    a.column(name).to_pylist(), b.column(name).to_pylist(), strict=True
                )
                for row, (x, y) in enumerate(pairs, start=number * _ROWS):
                    _compare_cells(x, y, f"row {row}, column '{name}'", numbers)
            else:
                numbers.total += a.num_rows


def _batches(file: Any, names: list[str]) -> Any:
    """Yield tables of the same number of rows, however the file is divided."""
    arrow: Any = importlib.import_module("pyarrow")
    waiting: list[Any] = []
    rows = 0
    for batch in file.iter_batches(batch_size=_ROWS, columns=names):
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= _ROWS:
            table = arrow.Table.from_batches(waiting)
            yield table.slice(0, _ROWS).combine_chunks()
            waiting = table.slice(_ROWS).to_batches()
            rows -= _ROWS
    if rows:
        yield arrow.Table.from_batches(waiting).combine_chunks()


def _compare_cells(one: Any, other: Any, where: str, numbers: Numbers) -> None:
    if isinstance(one, int | float) and isinstance(other, int | float):
        numbers.add(one, other, where)
    elif one != other:
        numbers.add_structure(f"{where}: {str(one)[:60]!r} is {str(other)[:60]!r}")
