"""The contract of users and keys. `metadata/` keeps it.

1. A secret reaches the store sealed (`auth/secrets.py`); the store never sees it plain.
2. A revoked or deleted key is not found from the moment the change is acknowledged.
3. A deleted user's keys are gone with it: a new user of that name inherits nothing.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


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


class AuthStore(Protocol):
    """Keeps users and their keys."""

    async def count_users(self) -> int:
        """Return how many users there are; 0 before set-up."""
        ...

    async def create_user(self, name: str, *, is_admin: bool, now_ms: int) -> User:
        """Create a user.

        Raises:
            UserExistsError: the name is taken.
        """
        ...

    async def find_user(self, name: str) -> User | None:
        """Return the user `name`, or None."""
        ...

    async def add_credential(
        self, user_id: int, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> None:
        """Give a user a key.

        Raises:
            CredentialExistsError: the access key id is taken.
        """
        ...

    async def find_credential(self, access_key_id: str) -> Credential | None:
        """Return the key and its user, or None."""
        ...

    async def set_up_first_user(
        self, name: str, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> User | None:
        """Create the first user, an administrator, with a key, in one transaction.

        Returns None if there is a user already: of several callers one wins.
        """
        ...
