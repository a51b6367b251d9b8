"""Secrets are masked before anything is recorded.

By what they look like (`shapes.py`), and by the name that stands before them (`names.py`). Masking forgets: what was masked cannot be had again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .names import is_secret_name, is_secret_value
from .shapes import MASK, mask_shapes, replace_users

_BEARER = re.compile(r"(?i)\b(bearer|basic|token)\s+([\w+/=.~-]{8,})")
_NAMED = re.compile(
    r"""(?P<name>[A-Za-z_][\w.-]*) (?P<between>["']?[ \t]*(?:=>|:=|=|:)[ \t]*)
    (?: (?P<quote>["'])(?P<quoted>(?:\\.|(?!(?P=quote)).){0,4096})(?P=quote)
      | (?P<bare>[^\s"'&;,|()\[\]{}<>]{1,4096}+) (?!\() )
    """,
    re.VERBOSE,
)
"""A value has an end, so that a line of megabytes is not read once for every `=` in it."""
_OPTION = re.compile(
    r"(?<!\S)(?P<name>--?[A-Za-z][\w.-]*)(?P<between>\s+)(?P<value>[^\s-]\S*)"
)
_SWITCHES = {"use", "no", "with", "without", "has", "skip", "enable", "disable"}
"""`--use-auth-token` takes no value: what follows is something else."""


def mask_argv(argv: Sequence[str]) -> list[str]:
    """Return `argv` with its secrets masked."""
    masked: list[str] = []
    before = ""
    for word in argv:
        if before and not word.startswith("-") and is_secret_value(before, word):
            masked.append(MASK)
        elif before in ("u", "user") and re.fullmatch(r"[^\s:]+:(?!\d+$).+", word):
            masked.append(word.partition(":")[0] + ":" + MASK)
        else:
            masked.append(_mask_assignment(word) or mask_text(word))
        before = _option_of(word)
    return masked


def mask_text(text: str) -> str:
    """Return `text` with what is a secret by shape or by name masked."""
    text = mask_shapes(text)
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
    pieces: list[str] = []
    done = position = 0
    while (found := _NAMED.search(text, position)) is not None:
        group = "quoted" if found["quote"] else "bare"
        position = found.start(group)
        value = found[group]
        if not value or value == MASK or value.lower() in _TELLS_NOTHING:
            position = found.end(group)
        elif is_secret_value(found["name"], value):
            pieces += [text[done:position], MASK]
            done = position = found.end(group)
    return "".join(pieces) + text[done:]


def _mask_option(found: re.Match[str]) -> str:
    name = _option_of(found["name"])
    if not name or not is_secret_value(name, found["value"]):
        return found[0]
    return f"{found['name']}{found['between']}{MASK}"


_TELLS_NOTHING = {"true", "false", "none", "null", "yes", "no", "0", "1"}
