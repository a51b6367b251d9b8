"""How two versions of an output file differ: to the byte, and in numbers where there are some."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..wire import Difference


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far numbers may be apart: `|a - b| <= absolute + relative * max(|a|, |b|)`."""

    absolute: float = 0.0
    relative: float = 0.0


EXACT = Tolerance()


def compare_files(
    path: str, first: Path, second: Path, *, tolerance: Tolerance = EXACT
) -> Difference | None:
    """Return how `second` differs from `first`; None: it is the same to the byte.

    Args:
        path: what the file is called in the answer; its ending says the format.
        tolerance: within it the answer has `is_within_tolerance`.
    """
    raise NotImplementedError


def find_first_difference(first: BinaryIO, second: BinaryIO) -> int | None:
    """Return the position of the first byte that differs; None: they are the same."""
    raise NotImplementedError
