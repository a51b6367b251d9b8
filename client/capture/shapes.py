"""What secrets look like: the beginnings of the keys of large services, and users in URLs.

Every shape begins with fixed letters, so that a text without them is passed over at the
speed of a search for bytes: diffs and lock files have megabytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..wire.run_parts import MASK
from .names import looks_random

_LETTERS = r"[A-Za-z0-9]"
_SHAPES = {
    # Amazon, and lakebed: the ids of keys, which are half of what signs in.
    **dict.fromkeys(("AKIA", "ASIA", "ABIA", "ACCA"), r"[A-Z0-9]{16}\b"),
    "LB": r"[A-Z0-9]{18}\b",
    # GitHub, GitLab, Hugging Face.
    **dict.fromkeys(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), _LETTERS + "{20,}"),
    "github_pat_": r"\w{20,}",
    "glpat-": r"[\w-]{20,}",
    "hf_": _LETTERS + "{20,}",
    # Providers of language models; with a digit (`_mask_shape`), for `sk-` begins other
    # words as well.
    "sk-": r"[\w-]{20,}",
    # Stripe, Slack, Google, npm, PyPI, Databricks, DigitalOcean, SendGrid.
    **dict.fromkeys(
        (f"{kind}_{use}_" for kind in ("sk", "rk", "pk") for use in ("live", "test")),
        _LETTERS + "{16,}",
    ),
    **dict.fromkeys((f"xox{kind}-" for kind in "abeprs"), r"[A-Za-z0-9-]{10,}"),
    "AIza": r"[\w-]{35}",
    "ya29.": r"[\w-]{20,}",
    "GOCSPX-": r"[\w-]{20,}",
    "npm_": _LETTERS + "{36}",
    "pypi-AgE": r"[\w-]{20,}",
    "dapi": "[0-9a-f]{32}",
    "dop_v1_": "[0-9a-f]{64}",
    "SG.": r"[\w-]{16,}\.[\w-]{16,}",
    # JSON web tokens; a part alone is none (`_mask_shape`).
    "eyJ": r"[\w-]{8,}+(?P<more>\.eyJ[\w-]{8,}+\.[\w-]*)?",
}
_PATTERNS = {
    beginning: re.compile(
        # The beginning comes first, so that it is searched for; then that it begins a word.
        rf"{re.escape(beginning)}(?<![A-Za-z0-9_]{re.escape(beginning)}){rest}"
    )
    for beginning, rest in _SHAPES.items()
}
_DIGIT = re.compile(r"\d")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_USER_IN_URL = re.compile(
    r"""://
    (?:
        (?P<user>[^\s/?\#'"@:]*+) (?P<password>:[^\s/?\#'"]*)? @
        # A password with a slash in it, which is not a port and a path. Without the last
        # letter it is none, and nor is anything within it: it is not looked at again.
        | [^\s/?\#'"@:]*+:(?!\d*+(?:/|$))[^\s?\#'"@]*+(?P<at>@)?
    )""",
    re.VERBOSE,
)


def mask_shapes(text: str) -> str:
    """Return `text` with what has the shape of a secret masked, whatever its name."""
    for beginning, pattern in _PATTERNS.items():
        if beginning in text:
            text = pattern.sub(_mask_shape, text)
    if "PRIVATE KEY-----" in text:
        text = _PRIVATE_KEY.sub(MASK, text)
    return replace_users(text, lambda: f"://{MASK}@")


def _mask_shape(found: re.Match[str]) -> str:
    """Mask what has a shape altogether.

    What lacks an end is found whole, and left: sought from each beginning in it to the
    end of the word, a long word would take minutes.
    """
    whole = found[0]
    if whole.startswith("eyJ"):
        return MASK if found["more"] else whole
    if whole.startswith("sk-"):
        return MASK if _DIGIT.search(whole) else whole
    return MASK


def has_secret_shape(text: str) -> bool:
    """Tell whether something in `text` has the shape of a secret."""
    return mask_shapes(text) != text


def replace_users(text: str, with_: Callable[[], str]) -> str:
    """Return `text` with user and password of every URL in it replaced."""
    if "://" not in text or "@" not in text:
        return text
    return _USER_IN_URL.sub(
        lambda found: found[0] if _is_harmless_user(found) else with_(), text
    )


def _is_harmless_user(found: re.Match[str]) -> bool:
    """Tell whether this is a mere name (`ssh://git@host`): over HTTP it may be a token."""
    user = found["user"]
    if user == MASK:
        return True
    if user is None:
        return not found["at"]
    if found["password"]:
        return False
    scheme = found.string[max(0, found.start() - 5) : found.start()].lower()
    return not scheme.endswith(("http", "https")) and not looks_random(user)
