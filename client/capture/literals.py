"""Whether a literal in code is a secret: under a name of one, and like none of what is not.

Stricter than for configuration: code names passwords and tokens everywhere, and mostly
says where they come from. A file that is left out for nothing cannot be run again.
"""

from __future__ import annotations

import re

from .names import is_certain_name, is_secret_name, looks_random

_CHARS_MIN = 6
"""Shorter passwords are refused everywhere."""
_DOUBTFUL_CHARS_MIN = 12
"""Under a name like `token`, which texts have too."""
_NO_SECRET = re.compile(
    r"""
    .*(?:\s|[{}]|<[^<>]+>|\$[({]|%[(sd]).*          # prose, and places for something else
    | [$<%*].*
    | (?:your|my|test|dummy|fake|example|sample|change|replace|insert|enter|place|todo|fixme
        |none|null|default|empty|undefined|xxx|redacted|hidden|masked)(?:[\W_]|me|holder|$).*
    | .*://.* | [.~]{0,2}/.* | [a-z_.-]+(?:/[a-z_.-]+)+      # URLs and paths
    | [\w./-]+\.(?:json|ya?ml|toml|ini|env|txt|csv|pem|key|p12|pkl|py|sh)
    | (.)\1*
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""`your-key-here`, `${TOKEN}`, `/run/secrets/db`, `credentials.json`, `xxxxxxxx`."""


def is_secret_literal(name: str, value: str) -> bool:
    """Tell whether the literal `value`, given to `name` in code, must not be kept."""
    if not is_secret_name(name):
        return False
    if looks_random(value):
        return True
    if len(value) < _CHARS_MIN or _NO_SECRET.fullmatch(value) or _is_name(value):
        return False
    # `HF_TOKEN` is a variable of the environment; `token` is the word of a text as well.
    if is_certain_name(name) or re.fullmatch(r"[A-Z0-9_]+_TOKEN", name):
        return True
    has_both = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
    return len(value) >= _DOUBTFUL_CHARS_MIN and bool(has_both)


def _is_name(value: str) -> bool:
    """Tell whether `value` names a secret, and is none: `API_KEY = "api_key"`."""
    is_plain = re.fullmatch(r"[a-z._-]+|[A-Z_]+", value) is not None
    return is_plain and is_secret_name(value)
