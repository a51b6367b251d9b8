r"""Draw the graph of commits beside a log, line by line, as they come.

A *lane* is a column that waits for a commit: the next one drawn there. Every commit comes
before its parents, so what is drawn never has to be taken back, and a log of any length
needs no more memory than the lanes that are open.

    *   a1b2  Merge 'dev' into 'main'
    |\
    | * c3d4  Change a
    |/
    * e5f6  Add a
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GraphRow:
    """What stands beside a commit."""

    node: str
    """Beside its first line."""
    below: tuple[str, ...]
    """Lines that lead from it to its parents."""
    beside: str
    """Beside its lines below those."""

    def beside_lines(self, lines: Sequence[str]) -> list[tuple[str, str]]:
        """Return `lines`, what a commit is told in, each with what stands beside it."""
        drawn = [self.node, *self.below]
        drawn += [self.beside] * (len(lines) - len(drawn))
        width = max(map(len, drawn)) | 1  # a lane and what stands between two
        told = [*lines, *[""] * (len(drawn) - len(lines))]
        return [(one.ljust(width), line) for one, line in zip(drawn, told, strict=True)]


class Graph:
    """The lanes of one log."""

    def __init__(self) -> None:
        self._lanes: list[str] = []

    def add(self, commit_id: str, parents: Sequence[str]) -> GraphRow:
        """Return what to draw beside a commit, whose descendants all were added."""
        old = self._lanes
        if commit_id not in old:
            old = [*old, commit_id]
        column = old.index(commit_id)
        node = " ".join("*" if lane == commit_id else "|" for lane in old)
        new = _replace(old, column, parents)
        moves = [
            (at, new.index(lane)) for at, lane in enumerate(old) if lane != commit_id
        ]
        moves += [(column, new.index(parent)) for parent in parents]
        self._lanes = new
        return GraphRow(node, tuple(_draw(moves)), " ".join("|" for _ in new))


def _replace(old: Sequence[str], column: int, parents: Sequence[str]) -> list[str]:
    """Return the lanes after the commit at `column`: its parents in its place.

    A parent that has a lane keeps that one, so that lines meet there; but a lane never
    waits to the right of a commit whose first parent it is: the main line stays left.
    """
    new = [lane for at, lane in enumerate(old) if at != column]
    at = column
    for number, parent in enumerate(parents):
        if parent in new:
            if number == 0 and new.index(parent) >= column:
                new.remove(parent)
            else:
                continue
        if parent not in new:
            new.insert(min(at, len(new)), parent)
        at += 1
    return new


def _draw(moves: Sequence[tuple[int, int]]) -> list[str]:
    """Return the lines on which each edge gets from its column to the one it goes to."""
    lines: list[str] = []
    edges = sorted(set(moves))
    while any(at != to for at, to in edges):
        width = 2 * max(max(at, to) for at, to in edges) + 1
        cells = [" "] * width
        after: set[tuple[int, int]] = set()
        for at, to in edges:
            if to > at:
                cells[2 * at + 1] = "\\"
                after.add((at + 1, to))
            elif to < at:
                cells[2 * at - 1] = "/"
                after.add((at - 1, to))
            else:
                cells[2 * at] = "|"
                after.add((at, to))
        lines.append("".join(cells).rstrip())
        edges = sorted(after)
    return lines
