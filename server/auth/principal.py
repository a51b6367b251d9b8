"""Who is asking, as the rest of the server sees it."""

from __future__ import annotations

from typing import Self

from msgspec import Struct

from .store import User


class Principal(Struct, frozen=True, gc=False):
    """Whoever proved who they are; or nobody."""

    name: str
    """What commits and the ref log show."""
    is_admin: bool
    created_ms: int
    """When the user was created; 0 if there is no such row."""

    @classmethod
    def of(cls, user: User) -> Self:
        """Return the principal that `user` is."""
        return cls(user.name, user.is_admin, user.created_ms)


ANONYMOUS = Principal("anonymous", is_admin=False, created_ms=0)
"""Who asks without saying who they are: may do nothing that needs a permission."""
