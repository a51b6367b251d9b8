"""Points in time as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer
from lakebed.cli.times import parse_moment

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("now", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("5 min", timedelta(minutes=5)),
        ("3d", timedelta(days=3)),
        ("2 weeks ago", timedelta(weeks=2)),
        ("2.weeks.ago", timedelta(weeks=2)),
        ("1 Hour Ago", timedelta(hours=1)),
        ("1 year", timedelta(days=365)),
        ("2026-11-24T12:00Z", timedelta(minutes=30)),
        ("2026-11-24T12:00:00+02:00", timedelta(hours=2, minutes=30)),
    ],
)
def test_a_moment_is_understood(text: str, age: timedelta) -> None:
    assert parse_moment(text, "--since", NOW) == NOW - age


def test_a_day_begins_at_midnight_here() -> None:
    today = parse_moment("today", "--since", NOW)

    assert (today.hour, today.minute) == (0, 0)
    assert today - parse_moment("yesterday", "--since", NOW) == timedelta(days=1)
    assert parse_moment("2026-11-01", "--since").utcoffset() is not None


@pytest.mark.parametrize(
    "text", ["", "soon", "-3d", "3 x", "2026-13-01", "99999 years", "1 week later"]
)
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="--since"):
        parse_moment(text, "--since", NOW)
