"""Numbers that differ: how many, by how much at most, and where."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


class NotComparableError(Exception):
    """A file is not of its format, or of a form of it that is not compared by numbers."""


class LibraryMissingError(NotComparableError):
    """A file could be compared by numbers, if a library were installed."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far numbers may be apart: `|a - b| <= absolute + relative * max(|a|, |b|)`."""

    absolute: float = 0.0
    relative: float = 0.0

    def __post_init__(self) -> None:
        for each in (self.absolute, self.relative):
            if not each >= 0:
                raise ValueError(f"a tolerance must not be negative: {each}")

    def allows(self, one: float, other: float) -> bool:
        """Tell whether `one` and `other` are near enough. NaN is like NaN."""
        if one == other or (one != one and other != other):
            return True
        if not (math.isfinite(one) and math.isfinite(other)):
            return False
        room = self.absolute + self.relative * max(abs(one), abs(other))
        return abs(one - other) <= room


EXACT = Tolerance()


@dataclass(slots=True)
class Numbers:
    """Takes pairs of numbers, and remembers the worst."""

    tolerance: Tolerance
    total: int = 0
    differing: int = 0
    beyond: int = 0
    """How many the tolerance does not allow."""
    absolute: float = 0.0
    """The largest difference; infinite if there is NaN or infinity on one side only."""
    relative: float = 0.0
    """The largest difference as a share of the larger number."""
    where: str = ""
    """Of the largest difference."""
    pair: tuple[float, float] = (0.0, 0.0)
    _structure: list[str] = field(default_factory=list[str])
    structure_count: int = 0

    def add(self, one: float, other: float, where: str) -> None:
        """Take a pair, which lies at `where`."""
        self.total += 1
        if one == other or (one != one and other != other):
            return
        self.differing += 1
        if not self.tolerance.allows(one, other):
            self.beyond += 1
        try:
            apart = float(abs(one - other))
            larger = float(max(abs(one), abs(other)))
        except OverflowError:  # whole numbers beyond what a float can be
            apart, larger = math.inf, math.inf
        if apart != apart:
            apart = math.inf
        if apart > self.absolute or self.differing == 1:
            self.absolute, self.where, self.pair = apart, where, (one, other)
        share = apart / larger if math.isfinite(apart) and larger else math.inf
        self.relative = max(self.relative, share)

    def add_structure(self, what: str) -> None:
        """Take a difference that is none of numbers."""
        self.structure_count += 1
        if len(self._structure) < _STRUCTURE_MAX:
            self._structure.append(what)

    @property
    def is_within(self) -> bool:
        """Whether all is within the tolerance."""
        return self.beyond == 0 and self.structure_count == 0

    def describe(self) -> str:
        """Return what differs, in one line for a person."""
        said = [*self._structure]
        rest = self.structure_count - len(self._structure)
        if rest:
            said.append(f"and {rest} more that are no numbers")
        if self.differing:
            one, other = _shown(*self.pair)
            said.append(
                f"{self.differing} of {self.total} numbers differ, by {self.absolute:.3g} "
                f"at most ({self.where}: {one} is {other}), relatively by "
                f"{self.relative:.3g}"
            )
        return "; ".join(said) or "the same values, written otherwise"


_STRUCTURE_MAX = 3
"""Of differences that are told one by one."""


def _shown(one: float, other: float) -> tuple[str, str]:
    """Return a pair as texts that differ as the numbers do: short ones if they can."""
    short = tuple(
        f"{number:.9g}" if isinstance(number, float) else str(number)
        for number in (one, other)
    )
    return (short[0], short[1]) if short[0] != short[1] else (repr(one), repr(other))
