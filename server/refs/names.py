"""The rules for names of repositories, branches and tags: `docs/format/names.md`.

Names are checked once, where they come in; what is behind takes them as right.
"""

from __future__ import annotations

import re

from ..errors import InvalidNameError

_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9-]{2,62}", re.ASCII)
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}", re.ASCII)
_COMMIT_ID = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}", re.ASCII)

MODELS = "models"
"""The repository of the files of registered models; nobody writes there but the registry."""
RESERVED_REPOSITORIES = frozenset({MODELS})


def check_repository_name(name: str) -> str:
    """Return `name` if a repository may be created under it.

    Raises:
        InvalidNameError: it may not; the message says why.
    """
    if name in RESERVED_REPOSITORIES:
        raise InvalidNameError(
            "name",
            f"repository name '{name}' is reserved: it is made, and kept, by the model "
            "registry; register a version of a model instead",
            value=name,
        )
    if not _REPOSITORY.fullmatch(name):
        raise InvalidNameError(
            "name",
            f"invalid repository name {name[:80]!r}: use 3 to 63 lower-case letters, digits "
            "and hyphens, beginning with a letter or digit",
            value=name,
        )
    return name


def check_ref_name(name: str, *, what: str = "branch") -> str:
    """Return `name` if a branch or tag may be created under it.

    Args:
        name: the name as the user gave it.
        what: `branch` or `tag`, for the message.

    Raises:
        InvalidNameError: it may not; the message says why.
    """
    if not _REF.fullmatch(name):
        raise InvalidNameError(
            "name",
            f"invalid {what} name {name[:80]!r}: use 1 to 255 letters, digits, '.', '_' and "
            "'-', beginning with a letter, digit or '_'",
            value=name,
        )
    if ".." in name or name.endswith((".lock", ".")):
        raise InvalidNameError(
            "name",
            f"invalid {what} name '{name}': no '..', and no '.' or '.lock' at the end",
            value=name,
        )
    if _COMMIT_ID.fullmatch(name):
        raise InvalidNameError(
            "name", f"invalid {what} name '{name}': it reads as a commit id", value=name
        )
    return name
