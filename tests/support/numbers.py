"""Numbers as libraries of arrays have them: no `int` and no `float`, with one inside."""

from __future__ import annotations

import operator
from typing import Any


class Scalar:
    """As an array of NumPy or torch without dimensions."""

    shape = ()

    def __init__(self, value: Any) -> None:
        self.value = value

    def item(self) -> Any:
        return self.value

    def __index__(self) -> int:
        return operator.index(self.value)

    def __float__(self) -> float:
        return float(self.value)


class Whole(int):
    """No plain number: it cannot be written as JSON."""
