"""Who asks, as far as an operation on runs must know.

Rights are decided above (`auth/`); an operation meets repositories and refs that no path
of a request names, so it asks.
"""

from __future__ import annotations

from typing import Protocol

from ..errors import PermissionDeniedError
from ..runs.rows import RunRow, RunScope


class Caller(Protocol):
    """Whoever asks."""

    @property
    def name(self) -> str:
        """What commits and records show."""
        ...

    @property
    def user_id(self) -> int:
        """Of the user; 0: the owner of a directory."""
        ...

    @property
    def is_admin(self) -> bool:
        """Whether they administer the lake."""
        ...

    @property
    def run(self) -> RunScope | None:
        """The run that they ask as, if their key is of one."""
        ...

    def require_read(self, repository: str, ref: str | None) -> None:
        """Return if they may read `ref`; None: anything of the repository.

        Raises:
            PermissionDeniedError
        """
        ...

    def require_write(self, repository: str, ref: str) -> None:
        """Return if they may write to `ref`.

        Raises:
            PermissionDeniedError
        """
        ...

    def may_read(self, repository: str) -> bool:
        """Tell whether they may read anything of the repository."""
        ...

    def administers(self, repository: str) -> bool:
        """Tell whether they may administer the repository."""
        ...


def require_own(caller: Caller, run: RunRow) -> None:
    """Return if `caller` may add to `run`, and end it.

    Who began it may, its own key, and administrators of its repository; the key of
    another run may not, whoever that one's user is.

    Raises:
        PermissionDeniedError
    """
    if caller.run is not None:
        is_own = caller.run.run_id == run.id
    else:
        is_own = (
            caller.user_id == run.user_id and caller.name == run.user
        ) or caller.administers(run.repository)
    if not is_own:
        raise PermissionDeniedError(
            f"access denied: '{caller.name}' may not add to run '{run.name}': only who "
            "began it, its own key, and administrators of its repository may"
        )
