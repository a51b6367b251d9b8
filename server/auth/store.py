"""The contract of users, keys and grants. `metadata/` keeps it.

1. A secret reaches the store sealed (`auth/secrets.py`); the store never sees it plain.
2. A revoked or deleted key is not found from the moment the change is acknowledged, by
   any process; and a key is found with the grants that its user has at that moment.
3. A deleted user's keys and grants are gone with it: a new user of that name inherits
   nothing. Ids of users are never used twice.
4. There is an administrator as long as there are users: the first user must be one, and
   the last administrator cannot be deleted.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from ..runs.rows import RunScope
from .grants import Grant, Grants

KEYS_MAX = 100
"""Keys of one user: one a machine; whoever needs more is several users."""


class User(Struct, frozen=True, gc=False):
    """A person or a job."""

    id: int
    name: str
    is_admin: bool
    created_ms: int


class Credential(Struct, frozen=True, gc=False):
    """An access key, with the user it speaks for."""

    access_key_id: str
    sealed_secret: bytes
    user: User
    created_ms: int

    grants: Grants
    """What the user may do; none are read for an administrator, who needs none."""
    run: RunScope | None = None
    """The run that the key belongs to; None: it is the user's own."""


class KeyInfo(Struct, frozen=True, gc=False):
    """What is shown of an access key after it was made."""

    access_key_id: str
    created_ms: int


class KeyStore(Protocol):
    """Says who has a key: all that letting people in needs."""

    async def count_users(self) -> int:
        """Return how many users there are; 0 before set-up."""
        ...

    async def find_credential(self, access_key_id: str) -> Credential | None:
        """Return the key, its user and the user's grants, or None."""
        ...

    async def find_run_credential(self, access_key_id: str) -> Credential | None:
        """Return the key of a run, with the user who began it, or None.

        Also that of a run which has ended: whoever has it is told so.
        """
        ...

    async def set_up_first_user(
        self, name: str, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> User | None:
        """Create the first user, an administrator, with a key, in one transaction.

        Returns None if there is a user already: of several callers one wins.
        """
        ...

    async def find_setup_token(self) -> str | None:
        """Return the digest of the token with which the first user may be created."""
        ...

    async def set_setup_token(self, digest: str) -> bool:
        """Keep the digest of a set-up token, in place of another; until the first user.

        Tell whether it was kept: where there is a user it never is.
        """
        ...


class AuthStore(KeyStore, Protocol):
    """Keeps users, their keys and their grants."""

    async def create_user(self, name: str, *, is_admin: bool, now_ms: int) -> User:
        """Create a user.

        Raises:
            UserExistsError: the name is taken.
            AdministratorNeededError: it is the first user, and no administrator.
        """
        ...

    async def find_user(self, name: str) -> User | None:
        """Return the user `name`, or None."""
        ...

    async def list_users(self, *, prefix: str, after: str, limit: int) -> list[User]:
        """Return up to `limit` users above `after`, by name."""
        ...

    async def delete_user(self, user_id: int) -> bool:
        """Delete a user with keys and grants; tell whether there was one.

        Raises:
            AdministratorNeededError: no administrator would be left.
        """
        ...

    async def add_credential(
        self, user_id: int, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> None:
        """Give a user a key.

        Raises:
            UserNotFoundError: there is no such user, or not any more.
            CredentialExistsError: the access key id is taken.
            TooManyError: the user has `KEYS_MAX` already.
        """
        ...

    async def list_credentials(
        self, user_id: int, *, prefix: str, after: str, limit: int
    ) -> list[KeyInfo]:
        """Return up to `limit` keys of a user above `after`, by id."""
        ...

    async def delete_credential(self, user_id: int, access_key_id: str) -> bool:
        """Delete a key of that user; tell whether there was one."""
        ...

    async def set_grant(self, user_id: int, grant: Grant) -> None:
        """Give a user a grant; in place of the one they have for the same globs.

        Raises:
            UserNotFoundError: there is no such user, or not any more.
            TooManyError: the user has `GRANTS_MAX` already.
        """
        ...

    async def list_grants(
        self, user_id: int, *, prefix: str, after: str, limit: int
    ) -> list[Grant]:
        """Return up to `limit` grants of a user above `after`, by `REPOSITORY/REF`.

        `prefix` is of that text, too.
        """
        ...

    async def remove_grant(self, user_id: int, repository: str, ref: str) -> bool:
        """Take the grant for these globs away; tell whether there was one."""
        ...
