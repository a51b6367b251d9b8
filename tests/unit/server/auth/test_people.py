"""What was asked by a user who is deleted meanwhile reaches no other of that name."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lakebed.server.auth.grants import NO_GRANTS
from lakebed.server.auth.people import People
from lakebed.server.auth.principal import Principal
from lakebed.server.auth.secrets import MasterKey
from lakebed.server.errors import UserNotFoundError

from support.databases import NOW_MS, lake_directory, open_metadata


@pytest.fixture
async def people() -> AsyncIterator[People]:
    with lake_directory() as path, open_metadata(path) as metadata:
        await metadata.create_user("root", is_admin=True, now_ms=NOW_MS)
        yield People(metadata, MasterKey(bytes(32)), lambda: NOW_MS)


async def test_the_user_of_before_gets_no_key_of_the_one_of_now(
    people: People,
) -> None:
    before = Principal.of(await people.create_user("ann", is_admin=False), NO_GRANTS)
    root = Principal("root", is_admin=True, created_ms=0, user_id=1)
    await people.delete_user("ann", root)
    await people.create_user("ann", is_admin=False)

    with pytest.raises(UserNotFoundError, match="'ann'"):
        await people.create_key("ann", before)
    with pytest.raises(UserNotFoundError):
        await people.list_keys("ann", before, prefix="", after="", limit=1)

    assert (await people.create_key("ann", root)).key.id


async def test_a_user_of_an_old_name_has_another_scope(people: People) -> None:
    """Else the idempotency keys of the one would answer the other."""
    first = await people.create_user("ann", is_admin=False)
    root = Principal("root", is_admin=True, created_ms=0, user_id=1)
    await people.delete_user("ann", root)
    second = await people.create_user("ann", is_admin=False)

    scopes = {Principal.of(user, NO_GRANTS).scope for user in (first, second)}

    assert len(scopes) == 2
