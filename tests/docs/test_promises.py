"""Every test that the page of promises names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "promises.md").read_text()
NAMED = re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", PAGE)


def test_each_promise_names_a_test_that_is_there() -> None:
    missing = [
        f"{file}::{name}"
        for file, name in NAMED
        if not (ROOT / file).exists()
        or (name and f"def {name}(" not in (ROOT / file).read_text())
    ]

    assert not missing


def test_each_promise_has_one() -> None:
    rows = re.findall(r"^\| (P\d+) \|.*$", PAGE, re.MULTILINE)
    assert rows == [f"P{number}" for number in range(1, 18) if number != 11]
    for row in re.findall(r"^\| P\d+ \|.*$", PAGE, re.MULTILINE):
        assert "`tests/" in row, row
