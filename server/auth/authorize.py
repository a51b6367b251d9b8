"""Who may do what: the one function that every protocol asks.

Denied unless granted. Administrators are granted everything; grants for a repository
and a ref come with users, and change nothing but this function.
"""

from __future__ import annotations

from enum import Enum

from ..errors import PermissionDeniedError
from .principal import Principal


class Permission(Enum):
    """What an operation needs to be allowed."""

    READ = "read"
    WRITE = "write"
    ADMIN = "administer"


def authorize(
    principal: Principal,
    permission: Permission,
    repository: str | None,
    ref: str | None,
) -> None:
    """Return if `principal` has `permission`.

    Args:
        principal: who asks.
        permission: what the operation needs.
        repository: the name of the repository; None: the whole lake.
        ref: the ref expression within it; None: all of them.

    Raises:
        PermissionDeniedError: nobody granted it.
    """
    if principal.is_admin:
        return
    what = "the lake" if repository is None else f"'{repository}'"
    where = "" if ref is None else f" at '{ref}'"
    raise PermissionDeniedError(
        f"access denied: '{principal.name}' may not {permission.value} {what}{where}"
    )
