"""The page on clients has nothing that no test runs."""

from __future__ import annotations

import re
from pathlib import Path

from support.client_page import read_changes, read_sections

HERE = Path(__file__).parent
OF_ALL = {"https", "Plain buckets and keys"}
"""Sections that the fixtures read."""
_USED = re.compile(r'documented(?:_https|_flat)?\(\s*"([^"]+)"')


def test_each_section_with_settings_is_used_by_a_test() -> None:
    used = {
        title
        for module in HERE.glob("test_*.py")
        for title in _USED.findall(module.read_text())
    }

    assert set(read_sections({})) - OF_ALL == used


def test_what_https_changes_is_in_the_blocks() -> None:
    sections = read_sections({})
    changes = read_changes()

    assert changes
    for title, pairs in changes.items():
        text = "".join(text for _, text in sections[title].blocks)
        for written, _ in pairs:
            assert text.count(written) == 1
