"""Secrets are masked before anything is recorded.

By what they look like (`shapes.py`), and by the name that stands before them (`names.py`). Masking forgets: what was masked cannot be had again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..wire.run_parts import MASK
from .glued import find_glued, mask_glued
from .names import (
    RANDOM_CHARS_READ,
    is_secret_name,
    is_secret_value,
    may_be_secret,
)
from .shapes import mask_shapes, replace_users

_BEARER = re.compile(r"(?i)\b(bearer|basic|token)\s+([\w+/=.~-]{8,})")
_NAME = re.compile(
    r"""(?<![\w.-]) (?:(?![A-Za-z_])[\w.-])*+ (?P<name>[A-Za-z_][\w.-]*+)
    ["']?+ \]?+ [ \t]*+ (?:=>|:=|=|:) [ \t]*+""",
    re.VERBOSE,
)
"""A name, and what stands between it and its value. It begins once in a word, and is not
given back letter by letter: a word of megabytes is read once."""
_QUOTED = {quote: re.compile(rf"(?:\\.|[^\\\n{quote}])*+") for quote in ('"', "'")}
"""What stands between quotes, to the quote that is not escaped, or the end of the line."""
_BARE = re.compile(r"""[^\s"'&;,|()\[\]{}<>]*+""")
_CALLED_CHARS_MAX = 4096
"""What stands before a parenthesis is called, and no secret; no function has a longer name."""
_OPTION = re.compile(
    r"(?<!\S)(?P<name>--?[A-Za-z][\w.-]*)(?P<between>\s+)(?P<value>[^\s-]\S*)"
)
_SWITCHES = {"use", "no", "with", "without", "has", "skip", "enable", "disable"}
"""`--use-auth-token` takes no value: what follows is something else."""


def mask_argv(argv: Sequence[str]) -> list[str]:
    """Return `argv` with its secrets masked."""
    masked: list[str] = []
    before = ""
    glued = dict(find_glued(argv))
    for number, word in enumerate(argv):
        if number in glued:
            masked.append(glued[number])
        elif before and not word.startswith("-") and is_secret_value(before, word):
            masked.append(MASK)
        elif before in ("u", "user") and re.fullmatch(r"[^\s:]+:(?!\d+$).+", word):
            masked.append(word.partition(":")[0] + ":" + MASK)
        else:
            masked.append(_mask_assignment(word) or mask_text(word))
        before = _option_of(word)
    return masked


def mask_text(text: str) -> str:
    """Return `text` with what is a secret by shape or by name masked."""
    text = mask_glued(mask_shapes(text))
    text = _BEARER.sub(lambda found: f"{found[1]} {MASK}", text)
    text = _mask_named(text)
    return _OPTION.sub(_mask_option, text)


def mask_url(url: str) -> str:
    """Return `url` without password and token: it may still name where to fetch from."""
    bare = replace_users(url, lambda: "://")
    # conda's own way: https://conda.anaconda.org/t/TOKEN/channel
    bare = re.sub(r"(://[^/\s]+)/t/[^/\s]+/", r"\1/", bare)
    return mask_text(bare)


def mask_value(name: str, value: object) -> object:
    """Return a value of configuration, masked if `name` or its shape say that it is secret.

    True, false, None and nothing tell nothing, and stay.
    """
    if isinstance(value, bool) or value is None or value == "":
        return value
    if not isinstance(value, str):
        return MASK if is_secret_name(name) else value
    return MASK if is_secret_value(name, value) else mask_text(value)


def _mask_assignment(word: str) -> str | None:
    """Mask `NAME=VALUE` to its end, whatever is in the value; None: `word` is not that."""
    found = re.fullmatch(r"([-+~]*[A-Za-z_][\w./-]*)=(.*)", word, re.DOTALL)
    if found is None or not is_secret_value(found[1], found[2]):
        return None
    harmless = not found[2] or found[2].lower() in _TELLS_NOTHING
    return word if harmless else f"{found[1]}={MASK}"


def _option_of(word: str) -> str:
    """Return the name of the option that `word` is, if its value comes next."""
    if not word.startswith("-") or "=" in word:
        return ""
    name = word.lstrip("-")
    return "" if re.split(r"[-_]", name.lower())[0] in _SWITCHES else name


def _mask_named(text: str) -> str:
    """Mask the values that stand behind names of secrets; within other values as well."""
    if "=" not in text and ":" not in text:
        return text
    values = _Values(text)
    pieces: list[str] = []
    done = position = 0
    while (found := _NAME.search(text, position)) is not None:
        position = found.end()
        name = found["name"]
        if not may_be_secret(name):
            continue
        span = values.find(position)
        if span is None:
            continue
        value = text[span.start : min(span.stop, span.start + RANDOM_CHARS_READ)]
        if value == MASK or value.lower() in _TELLS_NOTHING:
            position = span.stop
        elif is_secret_value(name, value):
            pieces += [text[done : span.start], MASK]
            done = position = span.stop
    return "".join(pieces) + text[done:]


class _Values:
    """Tells where values end; none is looked for twice, however many names are in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._bare_end = 0

    def find(self, start: int) -> slice | None:
        """Return where the value is that begins at `start`, without quotes; None: none.

        Asked with ever larger `start`.
        """
        text = self._text
        quote = text[start : start + 1]
        if quote in _QUOTED:
            return self._find_quoted(start + 1, quote)
        if start >= self._bare_end:
            found = _BARE.match(text, start)
            assert found is not None
            self._bare_end = found.end()
        end = self._bare_end
        is_called = text.startswith("(", end) and end - start <= _CALLED_CHARS_MAX
        return None if end == start or is_called else slice(start, end)

    def _find_quoted(self, start: int, quote: str) -> slice | None:
        text = self._text
        found = _QUOTED[quote].match(text, start)
        assert found is not None
        end = found.end()
        if not text.startswith(quote, end):
            # 'C:\\data\\' ends with what escapes, and is a value.
            end = text.rfind(quote, start, end)
        return slice(start, end) if end > start else None


def _mask_option(found: re.Match[str]) -> str:
    name = _option_of(found["name"])
    if not name or not is_secret_value(name, found["value"]):
        return found[0]
    return f"{found['name']}{found['between']}{MASK}"


_TELLS_NOTHING = {"true", "false", "none", "null", "yes", "no", "0", "1"}
