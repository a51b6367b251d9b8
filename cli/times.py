"""Points in time as people write them: `2026-11-01`, `3d`, `2 weeks ago`, `yesterday`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

_SPAN = re.compile(
    r"(\d{1,6})[ .]*(s|sec|second|m|min|minute|h|hour|d|day|w|week|month|y|year)s?"
    r"(?:[ .]*ago)?",
    re.ASCII,
)
_SECONDS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86_400,
    "day": 86_400,
    "w": 7 * 86_400,
    "week": 7 * 86_400,
    "month": 30 * 86_400,
    "y": 365 * 86_400,
    "year": 365 * 86_400,
}


def parse_moment(text: str, option: str, now: datetime | None = None) -> datetime:
    """Return the moment that `text` names; without a zone it is local time.

    Raises:
        typer.BadParameter: it names none; `option` is where it was given.
    """
    now = now or datetime.now(UTC)
    word = text.strip().lower()
    if word in ("now", "today", "yesterday"):
        midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        moments = {
            "now": now,
            "today": midnight,
            "yesterday": midnight - timedelta(days=1),
        }
        return moments[word]
    try:
        if span := _SPAN.fullmatch(word):
            return now - timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{option} '{text}' is no time: write 2026-11-01, 2026-11-01T12:30, 3d, "
            "'2 weeks ago' or yesterday"
        ) from None
