"""Protected branches: those that change only by merges.

A pattern is a glob over names of branches, as in grants: `*` stands for any characters,
also none, `?` for one, everything else for itself. `docs/rest.md` says what protection
keeps from happening.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from ..errors import InvalidValueError, ProtectedBranchError
from .store import Repository

PATTERNS_MAX = 256
"""Patterns of one repository; they are read with each of its writes."""

_PATTERN = re.compile(r"[A-Za-z0-9._*?-]{1,255}", re.ASCII)
_COMPILED_MAX = 256


def check_patterns(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return `patterns`, each once, if they are clean.

    Raises:
        InvalidValueError: one could match no branch, or they are too many.
    """
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise InvalidValueError(
                "pattern",
                f"invalid branch pattern {pattern[:80]!r}: use the characters of branch "
                "names, '*' for any and '?' for one",
            )
    kept = tuple(dict.fromkeys(patterns))
    if len(kept) > PATTERNS_MAX:
        raise InvalidValueError(
            "pattern", f"a repository has at most {PATTERNS_MAX} branch patterns"
        )
    return kept


def is_protected(repository: Repository, branch: str) -> bool:
    """Tell whether `branch` of `repository` changes only by merges."""
    patterns = repository.protection
    return bool(patterns) and _matcher(patterns)(branch)


def require_unprotected(repository: Repository, branch: str) -> None:
    """Return if `branch` may be written to.

    Raises:
        ProtectedBranchError: it is protected.
    """
    if is_protected(repository, branch):
        raise ProtectedBranchError(branch)


@lru_cache(_COMPILED_MAX)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    # No brackets come here, so that `fnmatch` knows `*` and `?` and nothing else.
    both = re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns))
    return lambda branch: both.match(branch) is not None
