"""How facts become text that is safe and easy to read."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_UNSAFE = re.compile(
    # C0 and DEL, C1 (ESC in one byte), lone surrogates (bytes that were no UTF-8), the
    # line separators, and what turns the direction of text around.
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)

SHORT_ID = 12
"""Digits of a commit id for people; enough for 10^7 commits without a twin."""

_ELLIPSIS = "..."

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def escape(text: str) -> str:
    r"""Return `text` with every character that could act on a terminal written out.

    An escape character becomes `\x1b`: names and messages are data, and data must not
    move the cursor, recolour a screen or pass for another line.
    """
    return _UNSAFE.sub(_write_out, text)


def escape_lines(text: str) -> str:
    """Return `text` escaped, but for its line feeds and tabs."""
    return "\n".join(
        "\t".join(escape(cell) for cell in line.split("\t"))
        for line in text.split("\n")
    )


def _write_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def format_bytes(size: int) -> str:
    """Return `size` for people, in units of a thousand."""
    value = float(size)
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            break
        value /= 1000
    else:
        unit = _UNITS[-1]
    if unit == "B":
        return f"{size} B"
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def format_count(count: int, one: str, many: str | None = None) -> str:
    """Return `count` with its noun: `1 object`, `1,204 objects`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def format_time(seconds: float) -> str:
    """Return a time in Unix seconds for people, in their time zone."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def format_iso(seconds: float) -> str:
    """Return a time in Unix seconds for programs, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def short(commit_id: str | None) -> str:
    """Return a commit id as people are shown it; a dash for none."""
    return commit_id[:SHORT_ID] if commit_id else "-"


def width_of(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut_left(text: str, width: int) -> str:
    """Return `text` in at most `width` columns: its end says more than its beginning."""
    if width_of(text) <= width:
        return text
    cut = text
    while width_of(cut) > width - len(_ELLIPSIS):
        cut = cut[1:]
    return _ELLIPSIS + cut


def cut_right(text: str, width: int) -> str:
    """Return `text` in at most `width` columns: its beginning."""
    if width_of(text) <= width:
        return text
    cut = text[:width]
    while width_of(cut) > width - len(_ELLIPSIS):
        cut = cut[:-1]
    return cut.rstrip() + _ELLIPSIS


def format_span(seconds: float) -> str:
    """Return how long something took, for people: `0.4 s`, `14 s`, `3 min 20 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
