"""The names of models and aliases, and of the refs that stand for them.

    fraud           a model; as a ref of the repository `models` its newest version
    fraud@3         a version
    fraud@prod      the version that an alias is at

A name has no `@`, which ends it, and no `/`, which ends a ref. It never reads as the
beginning of a commit id, so that whoever may read a model may read it by its name alone.
`docs/format/names.md`; change both.
"""

from __future__ import annotations

import re

from ..errors import InvalidNameError
from ..refs.expression import reads_as_commit_id

NAME_CHARS_MAX = 120
"""Of a model, an alias, a check. Two of them and a `@` are a ref, of at most 255."""

NEWEST = "latest"
"""Is no alias: what others call so, here is the name of the model alone."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+", re.ASCII)
_VERSION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
"""Up to a thousand million, so that a number fits wherever numbers go."""


def check_model_name(name: str) -> str:
    """Return `name` if a model may have it.

    Raises:
        InvalidNameError: it may not; the message says why.
    """
    _check(name, "model")
    if reads_as_commit_id(name):
        raise InvalidNameError(
            "model",
            f"invalid model name '{name}': it reads as the beginning of a commit id: "
            "add another character, such as '-'",
            value=name,
        )
    return name


def check_alias(alias: str) -> str:
    """Return `alias` if a model may have it.

    Raises:
        InvalidNameError: it may not; the message says why.
    """
    _check(alias, "alias")
    if _NUMBER.fullmatch(alias):
        raise InvalidNameError(
            "alias",
            f"invalid alias '{alias}': a number names a version",
            value=alias,
        )
    if alias.lower() == NEWEST:
        raise InvalidNameError(
            "alias",
            f"invalid alias '{alias}': the name of a model alone is its newest version",
            value=alias,
        )
    return alias


def check_check_name(name: str) -> str:
    """Return `name` if a check may have it.

    Raises:
        InvalidNameError: it may not; the message says why.
    """
    return _check(name, "check")


def _check(name: str, what: str) -> str:
    is_long = len(name) > NAME_CHARS_MAX
    if is_long or not _NAME.fullmatch(name):
        raise InvalidNameError(
            what,
            f"invalid {what} name {name[:80]!r}: use 1 to {NAME_CHARS_MAX} letters, "
            "digits, '.', '_' and '-', beginning with a letter, digit or '_'",
            value=name,
        )
    if ".." in name or name.endswith((".lock", ".")):
        raise InvalidNameError(
            what,
            f"invalid {what} name '{name}': no '..', and no '.' or '.lock' at the end",
            value=name,
        )
    return name


def read_number(text: str) -> int | None:
    """Return the number of the version that `text` is; None if it can be none."""
    return int(text) if _VERSION.fullmatch(text) else None


def version_ref(model: str, number: int) -> str:
    """Return the ref of a version."""
    return f"{model}@{number}"


def alias_ref(model: str, alias: str) -> str:
    """Return the ref of an alias."""
    return f"{model}@{alias}"
