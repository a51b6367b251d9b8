"""What a notebook shows is escaped, bounded, and one table."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.client.errors import MergeConflictError
from lakebed.client.tables import CELL_CHARS_MAX, bytes_text, facts, table
from lakebed.client.values import Change, Commit, Conflict, Move, ObjectInfo, Rows

NOW = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
EVIL = '<script>alert("x")</script>&\x1b[2J\u202e'


class Reader(HTMLParser):
    """Collects tags and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "br":
            self.open.append(tag)
        assert {name for name, _ in attrs} <= {"style", "colspan"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def html_of(value: Any) -> str:
    """Return what a notebook shows of `value`."""
    html: str = value._repr_html_()
    return html


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    assert reader.tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "br"}
    return reader


@given(st.text(), st.lists(st.tuples(st.text(), st.text())))
def test_any_text_is_text(title: str, rows: list[tuple[str, str]]) -> None:
    read(table(title, ("one", "commit"), rows))
    read(facts(title, rows))


def values() -> list[object]:
    commit = Commit("f" * 64, ("a" * 64,), EVIL, EVIL, NOW, {EVIL: EVIL}, "t", 2)
    found = ObjectInfo(EVIL, 5, "e", NOW, EVIL, {EVIL: EVIL})
    return [
        commit,
        Change("added", EVIL, 5),
        Conflict(EVIL, None, found, found),
        found,
        ObjectInfo(EVIL, None, is_prefix=True),
        Move(1, NOW, EVIL, "commit", None, "f" * 64),
    ]


@pytest.mark.parametrize("value", values(), ids=lambda value: type(value).__name__)
def test_each_value_shows_itself_and_never_as_markup(value: object) -> None:
    for html in (html_of(value), html_of(Rows([value], EVIL))):
        shown = read(html).text
        assert 'alert("x")' in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert "\x1b" not in repr(value)


def test_a_table_says_when_it_is_empty_or_cut() -> None:
    assert "nothing" in read(html_of(Rows[Change]((), "t"))).text
    rows = Rows([Change("added", "a", 1)], "t", is_cut=True)
    assert "and more" in read(html_of(rows)).text


def test_a_long_text_is_cut() -> None:
    assert len(read(table("t", ("a",), [("x" * 10_000,)])).text) < CELL_CHARS_MAX + 50


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (None, ""),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1024**2 - 1, "1024.0 KiB"),
        (5 * 1024**3, "5.0 GiB"),
        (1024**6, "1024.0 PiB"),
    ],
)
def test_sizes_are_short(size_bytes: int | None, text: str) -> None:
    assert bytes_text(size_bytes) == text


def test_a_merge_conflict_has_its_rows() -> None:
    side = {"checksum": "c", "size_bytes": 1, "mtime": 0}
    error = MergeConflictError(
        "conflict",
        fields={
            "conflicts": [
                {"path": "p", "base": None, "source": side, "destination": side}
            ]
        },
    )

    [row] = error.rows
    assert (row.path, row.base) == ("p", None)
    assert "not there" in html_of(error.rows)
