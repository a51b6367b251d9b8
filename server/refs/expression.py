"""Ref expressions: text that resolves to a commit. The rules: `docs/format/names.md`.

    NAME            a branch, tag or commit id, or its unique beginning (7 digits or more)
    NAME@{TIME}     where a branch or tag pointed at that time
    EXPR~N  EXPR^N  the N-th first parent; the N-th parent
    NAME@  NAME$    a branch without its staged changes; the staged changes alone

In the repository `models` a NAME is one of a model, or `MODEL@VERSION`, `MODEL@ALIAS`.
Only parsing is here; `repository/resolving.py` looks the names up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ..errors import InvalidRefExpressionError
from .names import MODELS

View = Literal["merged", "committed", "staged"]

EXPRESSION_CHARS_MAX = 1024
STEPS_MAX = 16
"""Steps of one expression; `main~1000` is one."""
STEP_COUNT_MAX = 1_000_000

_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_REST = (
    r"(?:@\{(?P<time>[^{}]+)\})?"
    r"(?P<steps>(?:[~^][0-9]*)*)"
    r"(?P<view>[@$]?)"
)
_SHAPE = re.compile(rf"(?P<name>{_NAME}){_REST}", re.ASCII)
_SHAPE_OF_MODELS = re.compile(rf"(?P<name>{_NAME}(?:@{_NAME})?){_REST}", re.ASCII)
_STEP = re.compile(r"([~^])([0-9]*)", re.ASCII)
_ID_BEGINNING = re.compile(r"[0-9a-f]{7,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Step:
    """One move from a commit to an ancestor."""

    kind: Literal["~", "^"]
    count: int


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed ref expression."""

    name: str
    at_ms: int | None
    steps: tuple[Step, ...]
    view: View

    @property
    def is_plain_name(self) -> bool:
        """Whether it is a name alone, the one form that can be written to."""
        return self.at_ms is None and not self.steps and self.view == "merged"


def reads_as_commit_id(name: str) -> bool:
    """Tell whether `name` may be a commit id or the beginning of one.

    A branch or tag may have such a name too (`20261101`), and only a look-up tells.
    """
    return _ID_BEGINNING.fullmatch(name) is not None


def parse_expression(text: str, *, repository: str = "") -> Expression:
    """Return the parsed expression `text`, as it is meant in `repository`.

    Raises:
        InvalidRefExpressionError: `text` is none; the message says what is wrong.
    """
    shape = _SHAPE_OF_MODELS if repository == MODELS else _SHAPE
    match = shape.fullmatch(text) if len(text) <= EXPRESSION_CHARS_MAX else None
    if match is None:
        raise InvalidRefExpressionError(
            f"invalid ref expression {text[:80]!r}", value=text
        )
    steps = tuple(
        Step("~" if sign == "~" else "^", int(digits) if digits else 1)
        for sign, digits in _STEP.findall(match["steps"])
        if len(digits) <= len(str(STEP_COUNT_MAX))
    )
    if len(steps) > STEPS_MAX or len(steps) != len(_STEP.findall(match["steps"])):
        raise InvalidRefExpressionError(
            f"ref expression {text[:80]!r} goes too far back", value=text
        )
    view: View = "merged"
    if match["view"]:
        if steps or match["time"]:
            raise InvalidRefExpressionError(
                f"invalid ref expression {text[:80]!r}: '@' and '$' stand directly "
                "behind a branch name",
                value=text,
            )
        view = "committed" if match["view"] == "@" else "staged"
    at_ms = _parse_time(match["time"], text) if match["time"] else None
    return Expression(match["name"], at_ms, steps, view)


def _parse_time(time: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        raise InvalidRefExpressionError(
            f"invalid time in ref expression {text[:80]!r}: write it as in "
            "'main@{2026-11-01T12:00Z}'",
            value=text,
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
