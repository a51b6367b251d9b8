"""Users, keys and grants in SQL: `auth/store.py` has the contract.

One statement finds a key, its user and the user's grants, so that every request is
checked against one state, the newest. The grants come as one text, which is the key
under which they are kept decoded; administrators have none looked up.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from ..auth.grants import GRANTS_MAX, NO_GRANTS, Grant, Grants, Permission
from ..auth.store import KEYS_MAX, Credential, KeyInfo, User
from ..errors import (
    AdministratorNeededError,
    CredentialExistsError,
    TooManyError,
    UserExistsError,
    UserNotFoundError,
)
from ..runs.rows import RunScope
from .database import Row, Session
from .refs import LAST_CHARACTER, compare_above

_USER = "id, name, is_admin, created_ms"
_FIND_CREDENTIAL = """
SELECT access_key_id, sealed_secret, credential.created_ms,
       user.id, user.name, user.is_admin, user.created_ms,
       CASE WHEN user.is_admin THEN '[]' ELSE (
           SELECT json_group_array(json_array(repository, ref, level))
           FROM access_grant WHERE access_grant.user_id = user.id
       ) END
FROM credential JOIN user ON user.id = credential.user_id
WHERE access_key_id = ?
"""
_FIND_RUN_CREDENTIAL = """
SELECT access_key_id, sealed_secret, run_key.created_ms,
       run.user_id, run.user_name, coalesce(user.is_admin, 1),
       coalesce(user.created_ms, 0),
       CASE WHEN coalesce(user.is_admin, 1) THEN '[]' ELSE (
           SELECT json_group_array(json_array(repository, ref, level))
           FROM access_grant WHERE access_grant.user_id = user.id
       ) END,
       run.id, run.name, log_sequence, record IS NOT NULL, ended_ms IS NOT NULL
FROM run_key JOIN run ON run.id = run_id LEFT JOIN user ON user.id = run.user_id
WHERE access_key_id = ? AND (user.id IS NOT NULL OR run.user_id = 0)
"""
"""User 0 is the owner of the directory, who may do everything in it."""
_GRANTS_KEPT_MAX = 64
"""Users whose grants are kept decoded, for those that ask at one time. Five grants take
3 KiB and 0.3 ms, `GRANTS_MAX` of the longest globs 1.2 MiB and 65 ms."""


@lru_cache(maxsize=_GRANTS_KEPT_MAX)
def _read_grants(text: str) -> Grants:
    """Return the grants in what `_FIND_CREDENTIAL` gives: follows from the text alone."""
    rows = msgspec.json.decode(text, type=list[tuple[str, str, int]])
    return Grants(tuple(Grant(row[0], row[1], Permission(row[2])) for row in rows))


def _user_of(row: Row) -> User:
    return User(row[0], row[1], bool(row[2]), row[3])


class AuthReads:
    """The reads of `AuthStore` on one connection."""

    _session: Session

    async def find_setup_token(self) -> str | None:
        """See `AuthStore.find_setup_token`."""
        row = self._session.row("SELECT value FROM setting WHERE name = 'setup_token'")
        return None if row is None else str(row[0])

    async def count_users(self) -> int:
        """See `AuthStore.count_users`."""
        row = self._session.row("SELECT count(*) FROM user")
        return 0 if row is None else int(row[0])

    async def find_user(self, name: str) -> User | None:
        """See `AuthStore.find_user`."""
        row = self._session.row(f"SELECT {_USER} FROM user WHERE name = ?", (name,))
        return None if row is None else _user_of(row)

    async def list_users(self, *, prefix: str, after: str, limit: int) -> list[User]:
        """See `AuthStore.list_users`."""
        rows = self._session.rows(
            f"SELECT {_USER} FROM user WHERE name {compare_above(prefix, after)} "
            "AND name < ? ORDER BY name LIMIT ?",
            (max(prefix, after), prefix + LAST_CHARACTER, limit),
        )
        return [_user_of(row) for row in rows]

    async def find_credential(self, access_key_id: str) -> Credential | None:
        """See `AuthStore.find_credential`."""
        row = self._session.row(_FIND_CREDENTIAL, (access_key_id,))
        if row is None:
            return None
        user = User(row[3], row[4], bool(row[5]), row[6])
        grants = NO_GRANTS if user.is_admin else _read_grants(row[7])
        return Credential(row[0], row[1], user, row[2], grants)

    async def find_run_credential(self, access_key_id: str) -> Credential | None:
        """See `KeyStore.find_run_credential`."""
        row = self._session.row(_FIND_RUN_CREDENTIAL, (access_key_id,))
        if row is None:
            return None
        user = User(row[3], row[4], bool(row[5]), row[6])
        grants = NO_GRANTS if user.is_admin else _read_grants(row[7])
        run = RunScope(row[8], row[9], row[10], bool(row[11]), bool(row[12]))
        return Credential(row[0], row[1], user, row[2], grants, run)

    async def list_credentials(
        self, user_id: int, *, prefix: str, after: str, limit: int
    ) -> list[KeyInfo]:
        """See `AuthStore.list_credentials`."""
        rows = self._session.rows(
            "SELECT access_key_id, created_ms FROM credential WHERE user_id = ? "
            f"AND access_key_id {compare_above(prefix, after)} AND access_key_id < ? "
            "ORDER BY access_key_id LIMIT ?",
            (user_id, max(prefix, after), prefix + LAST_CHARACTER, limit),
        )
        return [KeyInfo(row[0], row[1]) for row in rows]

    async def list_grants(
        self, user_id: int, *, prefix: str, after: str, limit: int
    ) -> list[Grant]:
        """See `AuthStore.list_grants`."""
        # There are `GRANTS_MAX` at most: nothing is gained by an index for the text.
        rows = self._session.rows(
            "SELECT repository, ref, level, created_ms FROM access_grant "
            "WHERE user_id = ? "
            f"AND repository || '/' || ref {compare_above(prefix, after)} "
            "AND repository || '/' || ref < ? "
            "ORDER BY repository || '/' || ref LIMIT ?",
            (user_id, max(prefix, after), prefix + LAST_CHARACTER, limit),
        )
        return [Grant(row[0], row[1], Permission(row[2]), row[3]) for row in rows]


class AuthWrites(AuthReads):
    """The writes of `AuthStore` inside a write transaction."""

    async def create_user(self, name: str, *, is_admin: bool, now_ms: int) -> User:
        """See `AuthStore.create_user`."""
        if not is_admin and not self._count("user WHERE is_admin"):
            raise AdministratorNeededError(
                f"cannot create user '{name}': the first user must be an administrator: "
                "make one first ('--admin', 'is_admin')"
            )
        row = self._session.row(
            "INSERT INTO user (name, is_admin, created_ms) VALUES (?, ?, ?) "
            "ON CONFLICT DO NOTHING RETURNING id",
            (name, is_admin, now_ms),
        )
        if row is None:
            raise UserExistsError(name)
        return User(row[0], name, is_admin, now_ms)

    async def delete_user(self, user_id: int) -> bool:
        """See `AuthStore.delete_user`."""
        row = self._session.row("SELECT is_admin FROM user WHERE id = ?", (user_id,))
        if row is None:
            return False
        if row[0] and self._count("user WHERE is_admin") == 1:
            raise AdministratorNeededError(
                "cannot delete the last administrator: make another one first"
            )
        # Keys and grants go with it: their tables say ON DELETE CASCADE.
        return bool(self._session.run("DELETE FROM user WHERE id = ?", (user_id,)))

    async def add_credential(
        self, user_id: int, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> None:
        """See `AuthStore.add_credential`."""
        self._require_user(user_id)
        if self._count("credential WHERE user_id = ?", user_id) >= KEYS_MAX:
            raise TooManyError(
                f"cannot make another key: a user has at most {KEYS_MAX}: revoke some"
            )
        added = self._session.run(
            "INSERT INTO credential "
            "(access_key_id, user_id, sealed_secret, created_ms) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (access_key_id, user_id, sealed_secret, now_ms),
        )
        if not added:
            raise CredentialExistsError(access_key_id)

    async def delete_credential(self, user_id: int, access_key_id: str) -> bool:
        """See `AuthStore.delete_credential`."""
        return bool(
            self._session.run(
                "DELETE FROM credential WHERE access_key_id = ? AND user_id = ?",
                (access_key_id, user_id),
            )
        )

    async def set_grant(self, user_id: int, grant: Grant) -> None:
        """See `AuthStore.set_grant`."""
        self._require_user(user_id)
        self._session.run(
            "INSERT INTO access_grant (user_id, repository, ref, level, created_ms) "
            "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
            "SET level = excluded.level, created_ms = excluded.created_ms",
            (user_id, grant.repository, grant.ref, int(grant.level), grant.created_ms),
        )
        if self._count("access_grant WHERE user_id = ?", user_id) > GRANTS_MAX:
            raise TooManyError(
                f"cannot grant more: a user has at most {GRANTS_MAX} grants: remove "
                "some, or use '*' in one"
            )

    async def remove_grant(self, user_id: int, repository: str, ref: str) -> bool:
        """See `AuthStore.remove_grant`."""
        return bool(
            self._session.run(
                "DELETE FROM access_grant "
                "WHERE user_id = ? AND repository = ? AND ref = ?",
                (user_id, repository, ref),
            )
        )

    def _require_user(self, user_id: int) -> None:
        if self._session.row("SELECT 1 FROM user WHERE id = ?", (user_id,)) is None:
            raise UserNotFoundError(f"#{user_id}")

    def _count(self, rows: str, *values: int) -> int:
        row = self._session.row(f"SELECT count(*) FROM {rows}", values)
        assert row is not None
        return int(row[0])

    async def set_up_first_user(
        self, name: str, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> User | None:
        """See `AuthStore.set_up_first_user`."""
        if await self.count_users():
            return None
        user = await self.create_user(name, is_admin=True, now_ms=now_ms)
        await self.add_credential(user.id, access_key_id, sealed_secret, now_ms=now_ms)
        self._session.run("DELETE FROM setting WHERE name = 'setup_token'")
        return user

    async def set_setup_token(self, digest: str) -> bool:
        """See `AuthStore.set_setup_token`."""
        if await self.count_users():
            return False
        self._session.run(
            "INSERT INTO setting (name, value) VALUES ('setup_token', ?) "
            "ON CONFLICT DO UPDATE SET value = excluded.value",
            (digest,),
        )
        return True
