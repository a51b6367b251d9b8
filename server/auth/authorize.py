"""Who may do what: the one place that every protocol asks.

Denied unless granted. Administrators of the lake may do everything. Everybody else may
do what a grant of theirs (`grants.py`) says for the repository and the ref; the grants
come with the principal, from the statement that found the key, so that a grant counts
from the request after the one that gave it, and no longer than until it is taken away.

A permission is asked for a *ref expression*, and what it means is decided by its text
alone, before anything is looked up:

1. `main`, `main~2`, `main@`, `main$` and `main@{TIME}` are all asked as `main`: whoever
   may read a branch may read where it was and what it descends from.
2. A commit id, or what may be the beginning of one, names no ref, and neither does what
   does not parse: it takes a grant for every ref, `*`. So a commit of a branch that
   somebody may not read is not theirs to read because they learnt its id; and a name
   that could be either, such as `20261101`, is never let in as the one and read as the
   other.
3. The repository itself (no ref): whoever may read any ref of it may see that it is
   there; to write to it or administer it takes a grant for every ref.
4. In the repository `models` every ref is asked as its model: `fraud@3` and
   `fraud@prod~1` as `fraud`.
5. The lake itself (no repository) belongs to its administrators.

Answers say nothing of what exists: the one for a name that is not there and the one for
a name that is not the caller's are the same.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Final

from ..errors import InvalidRefExpressionError, PermissionDeniedError
from ..refs.expression import parse_expression, reads_as_commit_id
from ..refs.names import MODELS
from .grants import Permission
from .principal import Principal

__all__ = [
    "SOMEWHERE",
    "Permission",
    "Somewhere",
    "authorize",
    "authorize_for_user",
    "is_allowed",
]


class Somewhere(Enum):
    """In place of a name that is not known yet."""

    SOMEWHERE = "somewhere"


SOMEWHERE: Final = Somewhere.SOMEWHERE
"""Asks whether there is any place at all where the caller has the permission. For
requests that name the place in their body: those that can do nothing with it are refused
before it is read; the others are asked again, with the name, after."""


def authorize(
    principal: Principal,
    permission: Permission,
    repository: str | Somewhere | None,
    ref: str | Somewhere | None,
) -> None:
    """Return if `principal` has `permission`.

    Args:
        principal: who asks.
        permission: what the operation needs.
        repository: the name of the repository; None: the whole lake.
        ref: the ref expression within it; None: the repository itself.

    Raises:
        PermissionDeniedError: nobody granted it.
    """
    if not is_allowed(principal, permission, repository, ref):
        raise PermissionDeniedError(_explain(principal, permission, repository, ref))


def is_allowed(
    principal: Principal,
    permission: Permission,
    repository: str | Somewhere | None,
    ref: str | Somewhere | None,
) -> bool:
    """Tell whether `authorize` would return: for listings, which leave out the rest."""
    if repository is None and principal.run is not None:
        return False  # the key of a run manages no users, keys or grants
    if principal.is_admin:
        return True
    grants = principal.grants
    match repository:
        case None:
            return False
        case Somewhere():
            return grants.level_somewhere(None) >= permission
        case str():
            pass
    match ref:
        case Somewhere():
            level = grants.level_somewhere(repository)
        case None if permission is Permission.READ:
            level = grants.level_somewhere(repository)
        case None:
            level = grants.level_at(repository, None)
        case str():
            level = grants.level_at(repository, _find_name(repository, ref))
    return level >= permission


def authorize_for_user(principal: Principal, user: str) -> None:
    """Return if `principal` may see the user `user`, and manage their keys.

    Everybody may for themselves, administrators of the lake for everybody.

    Raises:
        PermissionDeniedError: it is somebody else, whether there is one or not.
    """
    if principal.run is not None:
        raise PermissionDeniedError(
            "access denied: the key of a run manages no users, keys or grants"
        )
    if principal.name != user or not principal.is_user:
        authorize(principal, Permission.ADMIN, None, None)


@lru_cache(maxsize=1024)
def _find_name(repository: str, ref: str) -> str | None:
    """Return the name of the ref that the expression `ref` starts from, or None."""
    try:
        name = parse_expression(ref, repository=repository).name
    except InvalidRefExpressionError:
        return None
    if repository == MODELS:
        name = name.partition("@")[0]
    return None if reads_as_commit_id(name) else name


def _explain(
    principal: Principal,
    permission: Permission,
    repository: str | Somewhere | None,
    ref: str | Somewhere | None,
) -> str:
    what = f"'{repository}'" if isinstance(repository, str) else "the lake"
    where = f" at '{ref[:80]}'" if isinstance(ref, str) else ""
    hint = ""
    if isinstance(ref, str) and reads_as_commit_id(ref):
        hint = ": a commit by its id takes a grant for every ref"
    return (
        f"access denied: '{principal.name}' may not {permission.verb} {what}{where}"
        f"{hint}"
    )
