"""The settings of clients, as `docs/clients.md` gives them.

What a test of a client starts from is what a reader of the page would paste: the fenced
blocks of a section, with the reader's own values in place of the page's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| ([\w -]+) \| (.*`.*) \|$", re.MULTILINE)
_CHANGE = re.compile(r"`([^`]+)` becomes `([^`]+)`")
_EXPORT = re.compile(r"^export (\w+)=(.*)$", re.MULTILINE)

URL = "http://127.0.0.1:8000"
ADDRESS = "127.0.0.1:8000"
KEY_ID = "YOUR-KEY-ID"
SECRET = "YOUR-SECRET"
REPOSITORY = "penguins"
OTHER_REPOSITORY = "flights"
AUTHORITY = "authority.pem"
"""What the page writes where a reader has values of their own."""


@dataclass(frozen=True, slots=True)
class Section:
    """What the page says of one client."""

    title: str
    blocks: tuple[tuple[str, str], ...]
    """The language and the text of each."""

    def text(self, language: str, number: int = 0) -> str:
        """Return a block: of those in `language`, the one with `number`."""
        return [text for of, text in self.blocks if of == language][number]

    def run_python(self, number: int = 0, **given: object) -> Any:
        """Run a block of Python; return what it defines, by name."""
        names: dict[str, Any] = dict(given)
        place = f"{PAGE.name}: {self.title}"
        exec(compile(self.text("python", number), place, "exec"), names)
        return SimpleNamespace(**names)

    def exports(self, number: int = 0) -> dict[str, str]:
        """Return the variables that a block of shell exports."""
        return dict(_EXPORT.findall(self.text("sh", number)))


def read_changes() -> dict[str, list[tuple[str, str]]]:
    """Return what https changes in the blocks of a client, by title."""
    return {
        title: _CHANGE.findall(text) for title, text in _ROW.findall(PAGE.read_text())
    }


def read_sections(replaced: Mapping[str, str], page: Path = PAGE) -> dict[str, Section]:
    """Return the sections of `page` that have blocks, by title.

    Args:
        replaced: what stands in blocks for what the page writes. The longest first: an
            address is part of a URL.
    """
    _, *pieces = _SECTION.split(page.read_text())
    sections: dict[str, Section] = {}
    for title, body in zip(pieces[::2], pieces[1::2], strict=True):
        blocks: list[tuple[str, str]] = []
        for language, text in _BLOCK.findall(body):
            for written, meant in replaced.items():
                text = text.replace(written, meant)
            blocks.append((language, text))
        if blocks:
            sections[title] = Section(title, tuple(blocks))
    return sections
