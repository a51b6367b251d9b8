"""Users and keys in SQL: `auth/store.py` keeps the contract."""

from __future__ import annotations

from ..auth.store import Credential, User
from ..errors import CredentialExistsError, UserExistsError, UserNotFoundError
from .database import Session


class AuthReads:
    """The reads of `AuthStore` on one connection."""

    _session: Session

    async def count_users(self) -> int:
        """See `AuthStore.count_users`."""
        row = self._session.row("SELECT count(*) FROM user")
        return 0 if row is None else int(row[0])

    async def find_user(self, name: str) -> User | None:
        """See `AuthStore.find_user`."""
        row = self._session.row(
            "SELECT id, name, is_admin, created_ms FROM user WHERE name = ?", (name,)
        )
        return None if row is None else User(row[0], row[1], bool(row[2]), row[3])

    async def find_credential(self, access_key_id: str) -> Credential | None:
        """See `AuthStore.find_credential`."""
        row = self._session.row(
            "SELECT access_key_id, sealed_secret, credential.created_ms, "
            "user.id, user.name, user.is_admin, user.created_ms "
            "FROM credential JOIN user ON user.id = user_id WHERE access_key_id = ?",
            (access_key_id,),
        )
        if row is None:
            return None
        user = User(row[3], row[4], bool(row[5]), row[6])
        return Credential(row[0], row[1], user, row[2])


class AuthWrites(AuthReads):
    """The writes of `AuthStore` inside a write transaction."""

    async def create_user(self, name: str, *, is_admin: bool, now_ms: int) -> User:
        """See `AuthStore.create_user`."""
        row = self._session.row(
            "INSERT INTO user (name, is_admin, created_ms) VALUES (?, ?, ?) "
            "ON CONFLICT DO NOTHING RETURNING id",
            (name, is_admin, now_ms),
        )
        if row is None:
            raise UserExistsError(name)
        return User(row[0], name, is_admin, now_ms)

    async def add_credential(
        self, user_id: int, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> None:
        """See `AuthStore.add_credential`."""
        if self._session.row("SELECT 1 FROM user WHERE id = ?", (user_id,)) is None:
            raise UserNotFoundError(f"#{user_id}")
        added = self._session.run(
            "INSERT INTO credential "
            "(access_key_id, user_id, sealed_secret, created_ms) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (access_key_id, user_id, sealed_secret, now_ms),
        )
        if not added:
            raise CredentialExistsError(access_key_id)

    async def set_up_first_user(
        self, name: str, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> User | None:
        """See `AuthStore.set_up_first_user`."""
        if await self.count_users():
            return None
        user = await self.create_user(name, is_admin=True, now_ms=now_ms)
        await self.add_credential(user.id, access_key_id, sealed_secret, now_ms=now_ms)
        return user
