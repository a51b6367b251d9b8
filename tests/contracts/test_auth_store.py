"""Every database keeps the promises about people in `server/auth/store.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from lakebed.server.auth.grants import GRANTS_MAX, NO_GRANTS, Grant, Permission
from lakebed.server.auth.store import KEYS_MAX, AuthStore, KeyInfo, User
from lakebed.server.errors import (
    AdministratorNeededError,
    CredentialExistsError,
    TooManyError,
    UserExistsError,
    UserNotFoundError,
)

from support.databases import NOW_MS, lake_directory, open_metadata

READ, WRITE, ADMIN = Permission.READ, Permission.WRITE, Permission.ADMIN


async def make(store: AuthStore, name: str, *, is_admin: bool = False) -> User:
    return await store.create_user(name, is_admin=is_admin, now_ms=NOW_MS)


async def list_names(store: AuthStore, *, prefix: str = "", after: str = "") -> str:
    users = await store.list_users(prefix=prefix, after=after, limit=100)
    return " ".join(user.name for user in users)


async def list_keys(store: AuthStore, user: User, after: str = "") -> list[KeyInfo]:
    return await store.list_credentials(user.id, prefix="", after=after, limit=100)


async def list_grants(store: AuthStore, user: User, after: str = "") -> list[Grant]:
    return await store.list_grants(user.id, prefix="", after=after, limit=1000)


class AuthStoreContract:
    """Subclass with two fixtures to hold an implementation to the contract.

    `store` has one user, the administrator `root`; `empty` has none.
    """

    async def test_a_user_is_found_by_name(self, store: AuthStore) -> None:
        assert await store.count_users() == 1

        made = await make(store, "ann")

        assert await store.find_user("ann") == made
        assert await store.find_user("bob") is None
        assert await store.find_user("Ann") is None
        assert await store.count_users() == 2

    async def test_a_user_name_is_taken_once(self, store: AuthStore) -> None:
        await make(store, "ann")

        with pytest.raises(UserExistsError, match="'ann'"):
            await make(store, "ann", is_admin=True)

    async def test_users_are_listed_by_name_in_pages(self, store: AuthStore) -> None:
        for name in ("bob", "ann", "anna", "Zoe"):
            await make(store, name)

        assert await list_names(store) == "Zoe ann anna bob root"
        assert await list_names(store, prefix="ann") == "ann anna"
        assert await list_names(store, after="ann") == "anna bob root"
        assert await list_names(store, prefix="ann", after="ann") == "anna"
        page = await store.list_users(prefix="", after="", limit=2)
        assert [user.name for user in page] == ["Zoe", "ann"]

    async def test_the_last_administrator_stays(self, store: AuthStore) -> None:
        root = await store.find_user("root")
        assert root is not None
        ann = await make(store, "ann", is_admin=True)

        assert await store.delete_user(ann.id)
        with pytest.raises(AdministratorNeededError):
            await store.delete_user(root.id)

        assert await list_names(store) == "root"

    async def test_of_two_administrators_that_go_at_once_one_stays(
        self, store: AuthStore
    ) -> None:
        root = await store.find_user("root")
        assert root is not None
        ann = await make(store, "ann", is_admin=True)

        outcomes = await asyncio.gather(
            store.delete_user(root.id),
            store.delete_user(ann.id),
            return_exceptions=True,
        )

        assert outcomes.count(True) == 1
        assert sum(isinstance(o, AdministratorNeededError) for o in outcomes) == 1
        assert await store.count_users() == 1

    async def test_a_deleted_user_leaves_nothing_to_the_next(
        self, store: AuthStore
    ) -> None:
        first = await make(store, "ann")
        await store.add_credential(first.id, "AKIA1", b"sealed", now_ms=NOW_MS)
        await store.set_grant(first.id, Grant("*", "*", ADMIN, NOW_MS))

        assert await store.delete_user(first.id)
        assert not await store.delete_user(first.id)
        second = await make(store, "ann")

        assert second.id != first.id
        assert await store.find_credential("AKIA1") is None
        assert await list_keys(store, second) == []
        assert await list_grants(store, second) == []
        with pytest.raises(UserNotFoundError):
            await store.add_credential(first.id, "AKIA2", b"sealed", now_ms=NOW_MS)
        with pytest.raises(UserNotFoundError):
            await store.set_grant(first.id, Grant("*", "*", READ, NOW_MS))

    async def test_a_key_speaks_for_its_user(self, store: AuthStore) -> None:
        user = await make(store, "ann", is_admin=True)

        await store.add_credential(user.id, "AKIA1", b"sealed", now_ms=NOW_MS + 1)

        found = await store.find_credential("AKIA1")
        assert found is not None
        assert (found.access_key_id, found.sealed_secret) == ("AKIA1", b"sealed")
        assert (found.user, found.created_ms) == (user, NOW_MS + 1)
        assert found.grants is NO_GRANTS
        assert await store.find_credential("AKIA2") is None
        assert await store.find_credential("akia1") is None

    async def test_a_key_id_is_taken_once(self, store: AuthStore) -> None:
        ann, bob = await make(store, "ann"), await make(store, "bob")
        await store.add_credential(ann.id, "AKIA1", b"a", now_ms=NOW_MS)

        with pytest.raises(CredentialExistsError, match="'AKIA1'"):
            await store.add_credential(bob.id, "AKIA1", b"b", now_ms=NOW_MS)

        found = await store.find_credential("AKIA1")
        assert found is not None
        assert found.user == ann

    async def test_a_key_needs_a_user(self, store: AuthStore) -> None:
        with pytest.raises(UserNotFoundError):
            await store.add_credential(42, "AKIA1", b"a", now_ms=NOW_MS)

    async def test_keys_are_listed_and_revoked_by_their_user(
        self, store: AuthStore
    ) -> None:
        ann, bob = await make(store, "ann"), await make(store, "bob")
        for number in (2, 1):
            await store.add_credential(ann.id, f"AKIA{number}", b"a", now_ms=number)

        assert await list_keys(store, ann) == [KeyInfo("AKIA1", 1), KeyInfo("AKIA2", 2)]
        assert await list_keys(store, ann, after="AKIA1") == [KeyInfo("AKIA2", 2)]
        assert await list_keys(store, bob) == []
        assert not await store.delete_credential(bob.id, "AKIA1")
        assert await store.delete_credential(ann.id, "AKIA1")
        assert not await store.delete_credential(ann.id, "AKIA1")
        assert await store.find_credential("AKIA1") is None
        assert await store.find_credential("AKIA2") is not None

    async def test_a_user_has_so_many_keys_and_no_more(self, store: AuthStore) -> None:
        ann = await make(store, "ann")
        for number in range(KEYS_MAX):
            await store.add_credential(ann.id, f"AKIA{number}", b"a", now_ms=NOW_MS)

        with pytest.raises(TooManyError):
            await store.add_credential(ann.id, "ONEMORE", b"a", now_ms=NOW_MS)

        assert await store.find_credential("ONEMORE") is None

    async def test_a_key_comes_with_the_grants_of_now(self, store: AuthStore) -> None:
        ann, bob = await make(store, "ann"), await make(store, "bob")
        await store.add_credential(ann.id, "AKIA1", b"a", now_ms=NOW_MS)

        async def level() -> int:
            found = await store.find_credential("AKIA1")
            assert found is not None
            return found.grants.level_at("penguins", "main")

        seen = [await level()]
        await store.set_grant(bob.id, Grant("penguins", "main", ADMIN, NOW_MS))
        seen.append(await level())
        await store.set_grant(ann.id, Grant("penguins", "m*", READ, NOW_MS))
        seen.append(await level())
        await store.set_grant(ann.id, Grant("penguins", "m*", WRITE, NOW_MS))
        seen.append(await level())
        await store.remove_grant(ann.id, "penguins", "m*")
        seen.append(await level())

        assert seen == [0, 0, READ, WRITE, 0]

    async def test_grants_are_listed_and_removed_by_their_globs(
        self, store: AuthStore
    ) -> None:
        ann = await make(store, "ann")
        rows = [
            Grant("*", "*", READ, 1),
            Grant("a", "b", WRITE, 2),
            Grant("a-b", "a", ADMIN, 3),
        ]
        for grant in rows:
            await store.set_grant(ann.id, grant)

        found = await list_grants(store, ann)
        assert [f"{grant.repository}/{grant.ref}" for grant in found] == [
            "*/*",
            "a-b/a",
            "a/b",
        ]
        assert sorted(found, key=lambda grant: grant.created_ms) == rows
        assert len(await list_grants(store, ann, after="a-b/a")) == 1
        assert await store.list_grants(ann.id, prefix="a/", after="", limit=9) == [
            rows[1]
        ]
        assert not await store.remove_grant(ann.id, "a", "*")
        assert await store.remove_grant(ann.id, "*", "*")
        assert len(await list_grants(store, ann)) == 2

    async def test_a_user_has_so_many_grants_and_no_more(
        self, store: AuthStore
    ) -> None:
        ann = await make(store, "ann")
        for number in range(GRANTS_MAX):
            await store.set_grant(ann.id, Grant("a", f"b{number}", READ, NOW_MS))

        with pytest.raises(TooManyError):
            await store.set_grant(ann.id, Grant("a", "one-more", READ, NOW_MS))
        await store.set_grant(ann.id, Grant("a", "b1", WRITE, NOW_MS))

        assert len(await list_grants(store, ann)) == GRANTS_MAX

    async def test_one_of_many_sets_up(self, empty: AuthStore) -> None:
        made = await asyncio.gather(
            *(
                empty.set_up_first_user(f"u{n}", f"AKIA{n}", b"s", now_ms=NOW_MS)
                for n in range(8)
            )
        )

        users = [user for user in made if user is not None]
        assert len(users) == 1
        assert users[0].is_admin
        assert await empty.count_users() == 1
        credential = await empty.find_credential(f"AKIA{users[0].name[1:]}")
        assert credential is not None
        assert credential.user == users[0]

    async def test_the_first_user_is_an_administrator(self, empty: AuthStore) -> None:
        with pytest.raises(AdministratorNeededError, match="'ann'"):
            await make(empty, "ann")

        assert await empty.count_users() == 0


class TestSqlAuthStore(AuthStoreContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[AuthStore]:
        with lake_directory() as path, open_metadata(path) as metadata:
            await metadata.create_user("root", is_admin=True, now_ms=NOW_MS)
            yield metadata

    @pytest.fixture
    async def empty(self) -> AsyncIterator[AuthStore]:
        with lake_directory() as path, open_metadata(path) as metadata:
            yield metadata
