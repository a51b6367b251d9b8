"""The graph beside a log: drawings known by eye, and a property of every drawing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.cli.graph import Graph

History = list[tuple[str, list[str]]]


def draw(history: History) -> str:
    graph = Graph()
    lines: list[str] = []
    for commit_id, parents in history:
        for lanes, line in graph.add(commit_id, parents).beside_lines([commit_id]):
            lines.append(f"{lanes} {line}".rstrip())
    return "\n".join(lines)


DRAWINGS: list[tuple[History, str]] = [
    ([("B", ["A"]), ("A", [])], "* B\n* A"),
    (
        [("M", ["A", "B"]), ("B", ["C"]), ("A", ["C"]), ("C", [])],
        "*   M\n|\\\n| * B\n* | A\n|/\n* C",
    ),
    (
        [
            ("M2", ["M1", "X"]),
            ("X", ["Y"]),
            ("M1", ["P", "Q"]),
            ("Q", ["Y"]),
            ("P", ["Y"]),
            ("Y", []),
        ],
        "*   M2\n|\\\n| * X\n* |   M1\n|\\ \\\n| * | Q\n| |/\n* | P\n|/\n* Y",
    ),
    (
        [
            ("O", ["a", "b", "c"]),
            ("c", ["r"]),
            ("b", ["r"]),
            ("a", ["r"]),
            ("r", []),
        ],
        "*     O\n|\\\n| |\\\n| | * c\n| * | b\n| |/\n* | a\n|/\n* r",
    ),
    (
        # Main was merged into the branch in between.
        [
            ("m3", ["m2", "d2"]),
            ("d2", ["d1", "m1"]),
            ("m2", ["m1"]),
            ("d1", ["m0"]),
            ("m1", ["m0"]),
            ("m0", []),
        ],
        "*   m3\n|\\\n| *   d2\n| |\\\n* | | m2\n| |/\n|/|\n| * d1\n* | m1\n|/\n* m0",
    ),
]


@pytest.mark.parametrize(("history", "drawing"), DRAWINGS)
def test_branches_and_merges_are_drawn(history: History, drawing: str) -> None:
    assert draw(history) == drawing


def test_a_commit_of_many_lines_goes_on_beside_its_lanes() -> None:
    graph = Graph()

    row = graph.add("M", ["A", "B"])

    assert row.beside_lines(["one", "two", "three"]) == [
        ("*  ", "one"),
        ("|\\ ", "two"),
        ("| |", "three"),
    ]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A history in order: each commit before its parents, all but the first waited for."""
    count = draw(st.integers(1, 12))
    history: History = []
    for number in range(count):
        older = st.integers(number + 1, count - 1)
        parents = (
            draw(st.lists(older, max_size=3, unique=True)) if number + 1 < count else []
        )
        history.append((str(number), [str(parent) for parent in parents]))
    return history


@given(histories())
def test_every_commit_has_one_star_and_lanes_end_with_roots(history: History) -> None:
    graph = Graph()

    beside = "nothing drawn"
    for commit_id, parents in history:
        row = graph.add(commit_id, parents)
        beside = row.beside
        assert row.node.count("*") == 1
        assert set("".join(row.below)) <= set("|/\\ ")
        # What leads on is drawn by characters that touch the next line's lanes.
        assert len(row.below) <= 4 * len(history)

    assert beside == ""
