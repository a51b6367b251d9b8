"""Who asks, as the operations on runs and models see them."""

from __future__ import annotations

from dataclasses import dataclass

from ..auth.authorize import Permission, authorize, is_allowed
from ..auth.principal import Principal
from ..provenance.callers import Caller
from ..runs.rows import RunScope


@dataclass(frozen=True, slots=True)
class _Asking:
    """Keeps `Caller` by what a principal may do."""

    principal: Principal
    run: RunScope | None = None

    @property
    def name(self) -> str:
        return self.principal.name

    @property
    def user_id(self) -> int:
        return self.principal.user_id

    def require_read(self, repository: str, ref: str | None) -> None:
        authorize(self.principal, Permission.READ, repository, ref)

    def require_write(self, repository: str, ref: str) -> None:
        authorize(self.principal, Permission.WRITE, repository, ref)

    def may_read(self, repository: str) -> bool:
        return is_allowed(self.principal, Permission.READ, repository, None)

    def administers(self, repository: str) -> bool:
        return is_allowed(self.principal, Permission.ADMIN, repository, None)


def caller_of(principal: Principal) -> Caller:
    """Return `principal` as a caller."""
    return _Asking(principal)
