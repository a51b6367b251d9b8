"""Small tables for notebooks: everything escaped, readable on light and on dark.

Colours are taken from the page (`currentColor`, `opacity`), but for the three of a diff,
which have enough contrast on white and on black alike. No scripts, no style sheets: each
table stands for itself, also in a page that was exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

CELL_CHARS_MAX = 400
"""Of a text in a cell; a message of a megabyte would hold the browser."""

_LINE = "border-top:1px solid rgba(128,128,128,.35)"
_CELL = "text-align:left;padding:.25em .9em .25em 0;vertical-align:top;background:none"
_TONES = {"added": "#1a8a3a", "removed": "#d1433f", "changed": "#a97000"}
_KINDS = {"commit", "from", "to", "parent"}
"""Columns of ids, which are read letter by letter."""


def table(
    title: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    more: bool = False,
    tones: Sequence[str] = (),
) -> str:
    """Return a table of `rows` below `head`.

    Args:
        more: say that there are more rows than these.
        tones: for each row the tone of its first cell: added, removed or changed.
    """
    lines = [_opening(title)]
    if rows:
        names = "".join(
            f'<th style="{_CELL};font-weight:600;opacity:.7">{escape(name)}</th>'
            for name in head
        )
        lines.append(f"<thead><tr>{names}</tr></thead>")
    lines.append("<tbody>")
    for number, row in enumerate(rows):
        cells: list[str] = []
        for column, text in enumerate(row):
            style = f"{_CELL};{_LINE}"
            if column == 0 and tones:
                style += f";color:{_TONES[tones[number]]};font-weight:600"
            if head[column] in _KINDS:
                style += ";font-family:monospace"
            cells.append(f'<td style="{style}">{_text(text)}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    if more or not rows:
        words = "and more" if rows else "nothing"
        lines.append(
            f'<tr><td colspan="{max(len(head), 1)}" style="{_CELL};{_LINE};opacity:.7">'
            f"{words}</td></tr>"
        )
    lines.append("</tbody></table>")
    return "".join(lines)


def facts(title: str, rows: Sequence[tuple[str, str]]) -> str:
    """Return a table of names and what they are."""
    lines = [_opening(title), "<tbody>"]
    for name, text in rows:
        lines.append(
            f'<tr><th style="{_CELL};{_LINE};font-weight:600;opacity:.7">'
            f"{_text(name)}</th>"
            f'<td style="{_CELL};{_LINE}">{_text(text)}</td></tr>'
        )
    lines.append("</tbody></table>")
    return "".join(lines)


def time_text(moment: datetime | None) -> str:
    """Return `moment` as people read it, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment is not None else ""


def bytes_text(size_bytes: int | None) -> str:
    """Return a size as people read it."""
    if size_bytes is None:
        return ""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    units = ("KiB", "MiB", "GiB", "TiB", "PiB")
    power = min((size_bytes.bit_length() - 1) // 10, len(units))
    return f"{size_bytes / 1024**power:.1f} {units[power - 1]}"


def _opening(title: str) -> str:
    return (
        '<table style="border-collapse:collapse;font-size:90%;color:inherit">'
        '<caption style="caption-side:top;text-align:left;color:inherit;'
        f'font-weight:600;padding:.2em 0">{_text(title)}</caption>'
    )


def _text(text: str) -> str:
    if len(text) > CELL_CHARS_MAX:
        text = text[:CELL_CHARS_MAX] + "…"
    # What controls a terminal or turns the direction of writing is shown, not done.
    shown = "".join(
        character if character.isprintable() or character == "\n" else "\ufffd"
        for character in text
    )
    return escape(shown).replace("\n", "<br>")
