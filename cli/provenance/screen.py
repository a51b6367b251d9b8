"""Named facts on one screen: what is shown of each, and what is left out.

On a terminal the facts fit its width, and its height if they can: a list gives up its
last lines, the longest one first, and says how many more there are. In a pipe nothing is
left out: a line each, label and text with a tab between. Every text is data, and is
escaped here.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..output import is_terminal, paint, print_line
from ..text import cut_left, cut_right, escape, width_of

LABEL_COLUMNS = 9
"""Of the labels with the gap behind: the longest has eight letters."""
LEFT_FOR_THE_PROMPT = 1
"""Lines of the terminal that are the shell's."""
LINES_MIN = 23
"""A screen of 24; a smaller one scrolls, since less would tell nothing."""
TEXT_COLUMNS_MIN = 20
"""A terminal that is narrower than this and the label wraps by itself."""

Fit = Literal["cut", "end", "fold"]
"""What becomes of a text that is too long: its beginning stays, its end stays, or all of
it stays, on several lines: of what is to be copied."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a fact."""

    text: str
    style: str = ""
    fit: Fit = "cut"


@dataclass(frozen=True, slots=True)
class Fact:
    """A named fact of one or more lines."""

    label: str
    lines: Sequence[Line]
    kept: int = 1
    """Lines that are always shown; those behind them may be left out."""


def print_facts(facts: Sequence[Fact], *, all_lines: bool = False) -> None:
    """Print `facts`; on a terminal within its size, unless `all_lines` are wanted."""
    shown = [fact for fact in facts if fact.lines]
    if not is_terminal():
        for fact in shown:
            for line in fact.lines:
                print_line(f"{fact.label}\t{escape(line.text)}")
        return
    columns, rows = shutil.get_terminal_size()
    height = None if all_lines else max(rows - LEFT_FOR_THE_PROMPT, LINES_MIN)
    for label, text, style in lay_out(shown, columns=columns, height=height):
        print_line(f"{paint(f'{label:<{LABEL_COLUMNS}}', 'bold')}{paint(text, style)}")


def lay_out(
    facts: Sequence[Fact], *, columns: int, height: int | None
) -> list[tuple[str, str, str]]:
    """Return label, text and style of each line that a screen of that size shows.

    `height` None leaves nothing out.
    """
    width = max(columns - LABEL_COLUMNS, TEXT_COLUMNS_MIN)
    blocks = [
        _Block(fact, [_fit(line, width) for line in fact.lines]) for fact in facts
    ]
    if height is not None:
        _shrink(blocks, height)
    laid: list[tuple[str, str, str]] = []
    for block in blocks:
        label = block.fact.label
        for text, style in block.rows():
            laid.append((label, text, style))
            label = ""
    return laid


class _Block:
    """A fact, fitted to the width, and how much of it is shown."""

    def __init__(self, fact: Fact, fitted: Sequence[Sequence[str]]) -> None:
        self.fact = fact
        self.shown = len(fitted)
        self._fitted = fitted

    @property
    def height(self) -> int:
        """Lines of the screen that it takes."""
        return sum(map(len, self._fitted[: self.shown])) + (self.left > 0)

    @property
    def left(self) -> int:
        """Lines of the fact that are left out."""
        return len(self._fitted) - self.shown

    @property
    def can_shrink(self) -> bool:
        """Whether leaving out one more makes it smaller some time."""
        # The line that tells of the others takes the place of the first one.
        least = self.fact.kept + (0 if self.left else 1)
        return self.shown > least

    def rows(self) -> list[tuple[str, str]]:
        """Return text and style of each line of the screen."""
        rows = [
            (text, line.style)
            for line, texts in zip(
                self.fact.lines[: self.shown], self._fitted, strict=False
            )
            for text in texts
        ]
        if self.left:
            rows.append((f"... and {self.left:,} more: --all", ""))
        return rows


def _shrink(blocks: Sequence[_Block], height: int) -> None:
    while sum(block.height for block in blocks) > height:
        candidates = [block for block in blocks if block.can_shrink]
        if not candidates:
            return
        longest = max(candidates, key=lambda block: block.height)
        # Two at first: one is spent on telling that there are more.
        longest.shown -= 1 if longest.left else 2


def _fit(line: Line, width: int) -> list[str]:
    text = escape(line.text)
    if width_of(text) <= width:
        return [text]
    if line.fit == "fold":
        return _fold(text, width)
    return [cut_left(text, width) if line.fit == "end" else cut_right(text, width)]


def _fold(text: str, width: int) -> list[str]:
    """Return `text` in lines of at most `width`, broken at spaces where there are any."""
    folded: list[str] = []
    while width_of(text) > width:
        piece = text[:width]
        while width_of(piece) > width:
            piece = piece[:-1]
        space = piece.rfind(" ", 1)
        cut = space if space > 0 else len(piece)
        folded.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*folded, text]
