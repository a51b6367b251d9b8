"""Pieces of HTML. Whatever is not markup here has been escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

__all__ = ["cell", "code", "escape", "prose", "rich", "table"]

_CODE = re.compile(r"`([^`]+)`")
_STRONG = re.compile(r"\*\*([^*]+)\*\*")


def code(text: str) -> str:
    """Return `text` as code."""
    return f"<code>{escape(text)}</code>"


def rich(text: str) -> str:
    """Return a line of text, with what is between backticks as code."""
    return _STRONG.sub(
        r"<strong>\1</strong>", _CODE.sub(r"<code>\1</code>", escape(text))
    )


def prose(text: str) -> str:
    """Return paragraphs, and lists where lines begin with a hyphen."""
    blocks = [block for block in text.split("\n\n") if block.strip()]
    return "".join(
        _show_list(block) if block.startswith("- ") else f"<p>{rich(block)}</p>"
        for block in blocks
    )


def _show_list(block: str) -> str:
    items = "".join(f"<li>{rich(line[2:])}</li>" for line in block.splitlines())
    return f"<ul>{items}</ul>"


def cell(shown: str, *, needed: bool) -> str:
    """Return the name of a thing, and whether it must be given."""
    return f'{shown} <span class="needed">needed</span>' if needed else shown


def table(head: Iterable[str], rows: Iterable[Iterable[str]], kind: str = "") -> str:
    """Return a table; cells are HTML already."""
    titles = "".join(f"<th>{title}</th>" for title in head)
    lines = "".join(
        f"<tr>{''.join(f'<td>{each}</td>' for each in row)}</tr>" for row in rows
    )
    return (
        f'<table class="{kind}"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{lines}</tbody></table>"
    )
