"""Who asks, as operations on runs see it: `provenance/callers.py` has the contract."""

from __future__ import annotations

from dataclasses import dataclass

from ..runs.rows import RunScope
from .authorize import SOMEWHERE, authorize, is_allowed
from .grants import Permission
from .principal import Principal


@dataclass(frozen=True, slots=True)
class PrincipalCaller:
    """Keeps `Caller` for a principal."""

    principal: Principal

    @property
    def name(self) -> str:
        """See `Caller.name`."""
        return self.principal.name

    @property
    def user_id(self) -> int:
        """See `Caller.user_id`."""
        return self.principal.user_id

    @property
    def is_admin(self) -> bool:
        """See `Caller.is_admin`."""
        return self.principal.is_admin

    @property
    def run(self) -> RunScope | None:
        """See `Caller.run`."""
        return self.principal.run

    def require_read(self, repository: str, ref: str | None) -> None:
        """See `Caller.require_read`."""
        authorize(self.principal, Permission.READ, repository, ref)

    def require_write(self, repository: str, ref: str) -> None:
        """See `Caller.require_write`."""
        authorize(self.principal, Permission.WRITE, repository, ref)

    def may_read(self, repository: str) -> bool:
        """See `Caller.may_read`."""
        return is_allowed(self.principal, Permission.READ, repository, SOMEWHERE)

    def administers(self, repository: str) -> bool:
        """See `Caller.administers`."""
        return is_allowed(self.principal, Permission.ADMIN, repository, None)
