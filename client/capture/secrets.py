"""Secrets are masked before anything is recorded.

By what they look like (the keys of the large services have shapes), and by the name that
stands before them (`names.py`). Masking forgets: what was masked cannot be had again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .names import is_secret_name, is_secret_value, looks_random

MASK = "***"
"""What stands where a secret was."""

_SHAPES = re.compile(
    r"""
    \b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b             # AWS, ids of keys
    | \bLB[A-Z0-9]{18}\b                                # lakebed, ids of keys
    | \bgh[pousr]_[A-Za-z0-9]{20,}                      # GitHub
    | \bgithub_pat_[A-Za-z0-9_]{20,}
    | \bglpat-[\w-]{20,}                                # GitLab
    | \bhf_[A-Za-z0-9]{20,}                             # Hugging Face
    | (?<![\w-])sk-(?:ant-|proj-|svcacct-|or-)?(?=[\w-]*\d)[A-Za-z0-9_-]{20,}  # models
    | \b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}     # Stripe
    | \bxox[abeprs]-[A-Za-z0-9-]{10,}                   # Slack
    | \bAIza[\w-]{35}                                   # Google
    | \bya29\.[\w-]{20,}
    | \bGOCSPX-[\w-]{20,}
    | \bnpm_[A-Za-z0-9]{36}
    | \bpypi-AgE[\w-]{20,}
    | \bdapi[0-9a-f]{32}                                # Databricks
    | \bdop_v1_[0-9a-f]{64}                             # DigitalOcean
    | \bSG\.[\w-]{16,}\.[\w-]{16,}                      # SendGrid
    | \beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*              # JSON web tokens
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_USER_IN_URL = re.compile(
    r"""(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)
    (?:
        (?P<user>[^\s/?\#'"@:]*) (?P<password>:[^\s/?\#'"]*)? @
        # A password with a slash in it, which is not a port and a path.
        | [^\s/?\#'"@:]*:(?!\d*(?:/|$))[^\s?\#'"@]*@
    )""",
    re.VERBOSE,
)
_BEARER = re.compile(r"(?i)\b(bearer|basic|token)\s+([\w+/=.~-]{8,})")
_NAMED = re.compile(
    r"""(?P<name>[A-Za-z_][\w.-]*) (?P<between>["']?\s*(?:=>|:=|=|:)\s*)
    (?: (?P<quote>["'])(?P<quoted>(?:\\.|(?!(?P=quote)).)*)(?P=quote)
      | (?P<bare>[^\s"'&;,|()\[\]{}<>]++) (?!\() )
    """,
    re.VERBOSE,
)
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
    text = _NAMED.sub(_mask_named, text)
    return _OPTION.sub(_mask_option, text)


def mask_shapes(text: str) -> str:
    """Return `text` with what has the shape of a secret masked, whatever its name."""
    text = _SHAPES.sub(MASK, text)
    return _USER_IN_URL.sub(_mask_user, text) if "@" in text else text


def has_secret_shape(text: str) -> bool:
    """Tell whether something in `text` has the shape of a secret."""
    return mask_shapes(text) != text


def mask_url(url: str) -> str:
    """Return `url` without password and token: it may still name where to fetch from."""
    bare = _USER_IN_URL.sub(_drop_user, url) if "@" in url else url
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


def _mask_named(found: re.Match[str]) -> str:
    value = found["quoted"] if found["quote"] else found["bare"]
    if not value or value == MASK or value.lower() in _TELLS_NOTHING:
        return found[0]
    if not is_secret_value(found["name"], value):
        return found[0]
    quote = found["quote"] or ""
    return f"{found['name']}{found['between']}{quote}{MASK}{quote}"


def _mask_option(found: re.Match[str]) -> str:
    name = _option_of(found["name"])
    if not name or not is_secret_value(name, found["value"]):
        return found[0]
    return f"{found['name']}{found['between']}{MASK}"


def _mask_user(found: re.Match[str]) -> str:
    if _is_harmless_user(found):
        return found[0]
    return f"{found['scheme']}{MASK}@"


def _drop_user(found: re.Match[str]) -> str:
    return found[0] if _is_harmless_user(found) else found["scheme"]


def _is_harmless_user(found: re.Match[str]) -> bool:
    """Tell whether this is a mere name (`ssh://git@host`): over HTTP it may be a token."""
    user = found["user"]
    if user is None or found["password"]:
        return False
    if found["scheme"].lower() in ("http://", "https://"):
        return False
    return not looks_random(user)


_TELLS_NOTHING = {"true", "false", "none", "null", "yes", "no", "0", "1"}
