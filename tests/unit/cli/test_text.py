"""Facts become text that cannot act on a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.cli.text import (
    escape,
    escape_lines,
    format_bytes,
    format_count,
    format_iso,
    short,
)

texts = st.text(st.characters())


@given(text=texts)
def test_nothing_that_acts_on_a_terminal_is_left(text: str) -> None:
    escaped = escape(text)

    for character in escaped:
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in (
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        )
    escaped.encode()


@given(text=texts)
def test_lines_and_tabs_stay_where_they_may(text: str) -> None:
    assert escape_lines(text).count("\n") == text.count("\n")
    assert escape_lines(text).replace("\n", "").replace("\t", "") == escape(
        escape_lines(text).replace("\n", "").replace("\t", "")
    )


@given(text=st.text(st.characters(categories=["L", "N", "P", "Zs"])))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert escape(text) == text


def test_an_escape_sequence_is_written_out() -> None:
    assert escape("a\x1b[31mb\u202ec\ud800") == "a\\x1b[31mb\\u202ec\\ud800"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (15241, "15.2 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (5 * 10**12, "5.0 TB"),
        (10**21, "1000 EB"),
    ],
)
def test_sizes_are_short(size: int, text: str) -> None:
    assert format_bytes(size) == text


def test_one_is_not_many() -> None:
    assert format_count(1, "object") == "1 object"
    assert format_count(1204, "object") == "1,204 objects"
    assert format_count(0, "entry", "entries") == "0 entries"


def test_times_for_programs_are_utc() -> None:
    assert format_iso(1_700_000_000) == "2023-11-14T22:13:20Z"


def test_no_commit_is_a_dash() -> None:
    assert short(None) == "-"
    assert short("0123456789abcdef") == "0123456789ab"
