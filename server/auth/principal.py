"""Who is asking, as the rest of the server sees it."""

from __future__ import annotations

from typing import Self

from msgspec import Struct

from ..runs.rows import RunScope
from .grants import NO_GRANTS, Grants
from .store import User


class Principal(Struct, frozen=True, gc=False):
    """Whoever proved who they are; or nobody."""

    name: str
    """What commits and the ref log show."""
    is_admin: bool
    """Whether they administer the lake."""
    created_ms: int
    """When the user was created; 0 if there is no such row."""
    user_id: int = 0
    """Of the user; 0 if there is no such row, and never used twice otherwise."""
    grants: Grants = NO_GRANTS
    """What they may do beside that; not read for administrators, who need none."""
    run: RunScope | None = None
    """The run as which they ask, if their key is of one: `provenance/views.py`."""

    @property
    def is_user(self) -> bool:
        """Whether there is such a user: the owner of a directory needs to be none."""
        return self.user_id != 0

    @property
    def scope(self) -> str:
        """What is theirs alone, also if another user of the same name comes later."""
        return f"{self.user_id}/{self.name}"  # `name_of_scope` reads it

    @classmethod
    def of(cls, user: User, grants: Grants, run: RunScope | None = None) -> Self:
        """Return the principal that `user` is; of the key of a run, as that run."""
        return cls(user.name, user.is_admin, user.created_ms, user.id, grants, run)


def name_of_scope(scope: str) -> str:
    """Return the name of the user whose `Principal.scope` is `scope`."""
    return scope.partition("/")[2]


ANONYMOUS = Principal("anonymous", is_admin=False, created_ms=0)
"""Who asks without saying who they are: may do nothing that needs a permission."""
