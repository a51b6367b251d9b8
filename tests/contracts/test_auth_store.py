"""Every database keeps the promises about users and keys in `server/auth/store.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from lakebed.server.auth.store import AuthStore, Credential
from lakebed.server.errors import (
    CredentialExistsError,
    UserExistsError,
    UserNotFoundError,
)

from support.databases import NOW_MS, lake_directory, open_metadata


class AuthStoreContract:
    """Subclass with a `store` fixture to hold an implementation to the contract."""

    async def test_a_user_is_found_by_name(self, store: AuthStore) -> None:
        assert await store.count_users() == 0

        made = await store.create_user("ann", is_admin=False, now_ms=NOW_MS)

        assert await store.find_user("ann") == made
        assert await store.find_user("bob") is None
        assert await store.count_users() == 1

    async def test_a_user_name_is_taken_once(self, store: AuthStore) -> None:
        await store.create_user("ann", is_admin=False, now_ms=NOW_MS)

        with pytest.raises(UserExistsError, match="'ann'"):
            await store.create_user("ann", is_admin=True, now_ms=NOW_MS)

    async def test_a_key_speaks_for_its_user(self, store: AuthStore) -> None:
        user = await store.create_user("ann", is_admin=True, now_ms=NOW_MS)

        await store.add_credential(user.id, "AKIA1", b"sealed", now_ms=NOW_MS + 1)

        assert await store.find_credential("AKIA1") == Credential(
            "AKIA1", b"sealed", user, NOW_MS + 1
        )
        assert await store.find_credential("AKIA2") is None
        assert await store.find_credential("akia1") is None

    async def test_a_key_id_is_taken_once(self, store: AuthStore) -> None:
        ann = await store.create_user("ann", is_admin=False, now_ms=NOW_MS)
        bob = await store.create_user("bob", is_admin=False, now_ms=NOW_MS)
        await store.add_credential(ann.id, "AKIA1", b"a", now_ms=NOW_MS)

        with pytest.raises(CredentialExistsError, match="'AKIA1'"):
            await store.add_credential(bob.id, "AKIA1", b"b", now_ms=NOW_MS)

        found = await store.find_credential("AKIA1")
        assert found is not None
        assert found.user == ann

    async def test_a_key_needs_a_user(self, store: AuthStore) -> None:
        with pytest.raises(UserNotFoundError):
            await store.add_credential(42, "AKIA1", b"a", now_ms=NOW_MS)

    async def test_one_of_many_sets_up(self, store: AuthStore) -> None:
        made = await asyncio.gather(
            *(
                store.set_up_first_user(f"u{n}", f"AKIA{n}", b"s", now_ms=NOW_MS)
                for n in range(8)
            )
        )

        users = [user for user in made if user is not None]
        assert len(users) == 1
        assert users[0].is_admin
        assert await store.count_users() == 1
        credential = await store.find_credential(f"AKIA{users[0].name[1:]}")
        assert credential is not None
        assert credential.user == users[0]


class TestSqlAuthStore(AuthStoreContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[AuthStore]:
        with lake_directory() as path, open_metadata(path) as metadata:
            yield metadata
