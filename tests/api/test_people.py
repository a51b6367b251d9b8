"""Users, keys and grants over REST: as lakeFS has them, and grants beside them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from aiohttp import ClientSession
from lakebed.server.auth.secrets import AccessKey

from support.api import Served

BASE = "/api/v1/auth/users"


class People:
    """Asks `/auth/users`, and checks the status of the answer."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session

    async def __call__(
        self, method: str, path: str, status: int, json: Any = None
    ) -> Any:
        async with self.session.request(method, BASE + path, json=json) as response:
            text = await response.text()
            assert response.status == status, text
            return await response.json() if text else None


@pytest.fixture
def people(session: ClientSession) -> People:
    return People(session)


@pytest.fixture
async def ann(people: People, server: Served) -> AsyncGenerator[People]:
    """Ask as the user `ann`, who has no grants."""
    await people("POST", "", 201, {"id": "ann"})
    made = await people("POST", "/ann/credentials", 201)
    key = AccessKey(made["access_key_id"], made["secret_access_key"])
    async with server.session(key) as opened:
        yield People(opened)


async def test_users_come_and_go(people: People) -> None:
    made = await people("POST", "", 201, {"id": "ann"})
    await people("POST", "", 201, {"id": "bob@example.org", "is_admin": True})

    assert made["id"] == made["friendly_name"] == "ann"
    assert isinstance(made["creation_date"], int)
    assert await people("GET", "/ann", 200) == made
    page = await people("GET", "?amount=2", 200)
    assert [user["id"] for user in page["results"]] == ["admin", "ann"]
    assert page["pagination"]["has_more"]
    assert page["pagination"]["next_offset"] == "ann"
    page = await people("GET", "?prefix=b", 200)
    assert page["results"][0]["is_admin"]
    assert "is_admin" not in made

    assert (await people("POST", "", 409, {"id": "ann"}))["code"] == "user-exists"
    await people("DELETE", "/ann", 204)
    assert (await people("DELETE", "/ann", 404))["message"] == "user not found"
    await people("GET", "/ann", 404)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": ""},
        {"id": "a b"},
        {"id": "a/b"},
        {"id": "é"},
        {"id": "x" * 129},
        {"id": "x", "is_admin": "yes"},
        {"id": "x", "groups": []},
    ],
)
async def test_an_odd_user_is_refused(people: People, body: Any) -> None:
    await people("POST", "", 400, body)

    assert len((await people("GET", "", 200))["results"]) == 1


async def test_the_last_administrator_stays(people: People) -> None:
    answer = await people("DELETE", "/admin", 409)

    assert answer["code"] == "administrator-needed"
    assert "last administrator" in answer["message"]


async def test_a_secret_is_shown_once(people: People, session: ClientSession) -> None:
    async with session.post(f"{BASE}/admin/credentials") as response:
        assert response.headers["Cache-Control"] == "no-store"
        made = await response.json()
    key_id = made["access_key_id"]

    page = await people("GET", "/admin/credentials", 200)

    assert {key["access_key_id"] for key in page["results"]} == {"ADMINKEY", key_id}
    assert made["secret_access_key"] not in str(page)
    shown = await people("GET", f"/admin/credentials/{key_id}", 200)
    assert shown == {
        "access_key_id": key_id,
        "creation_date": made["creation_date"],
    }
    await people("GET", f"/admin/credentials/{key_id[:-1]}", 404)
    await people("DELETE", f"/admin/credentials/{key_id}", 204)
    answer = await people("DELETE", f"/admin/credentials/{key_id}", 404)
    assert answer["code"] == "credential-not-found"


async def test_grants_come_and_go(people: People, ann: People) -> None:
    body = {"repository": "penguins", "ref": "dev-**", "level": "write"}
    made = await people("POST", "/ann/grants", 201, body)
    await people("POST", "/ann/grants", 201, {**body, "ref": "main", "level": "admin"})
    await people("POST", "/ann/grants", 201, {**body, "ref": "main", "level": "read"})

    assert made["ref"] == "dev-*"
    page = await ann("GET", "/ann/grants", 200)
    assert [(row["ref"], row["level"]) for row in page["results"]] == [
        ("dev-*", "write"),
        ("main", "read"),
    ]
    page = await people("GET", "/ann/grants?after=penguins/dev-*", 200)
    assert [row["ref"] for row in page["results"]] == ["main"]
    await people("DELETE", "/ann/grants?repository=penguins&ref=dev-*", 204)
    answer = await people("DELETE", "/ann/grants?repository=penguins&ref=dev-*", 404)
    assert answer["code"] == "grant-not-found"
    await people("DELETE", "/ann/grants?repository=penguins", 400)


@pytest.mark.parametrize(
    "changes",
    [
        {"repository": "a/b"},
        {"repository": ""},
        {"ref": "main~1"},
        {"ref": "[ab]"},
        {"ref": "20261101"},
        {"level": "own"},
        {"level": None},
        {"level": 3},
        {"user": "root"},
    ],
)
async def test_an_odd_grant_is_refused(
    people: People, ann: People, changes: dict[str, Any]
) -> None:
    body = {"repository": "penguins", "ref": "main", "level": "read", **changes}

    answer = await people("POST", "/ann/grants", 400, body)

    assert answer["field"] in changes
    assert (await ann("GET", "/ann/grants", 200))["results"] == []


@pytest.mark.parametrize(
    ("method", "path", "json"),
    [
        ("GET", "/nosuch", None),
        ("DELETE", "/nosuch", None),
        ("GET", "/nosuch/credentials", None),
        ("POST", "/nosuch/credentials", None),
        ("GET", "/nosuch/credentials/x", None),
        ("DELETE", "/nosuch/credentials/x", None),
        ("GET", "/nosuch/grants", None),
        ("POST", "/nosuch/grants", {"repository": "a", "ref": "b", "level": "read"}),
        ("DELETE", "/nosuch/grants?repository=a&ref=b", None),
    ],
)
async def test_a_user_that_is_not_there_is_named(
    people: People, method: str, path: str, json: Any
) -> None:
    answer = await people(method, path, 404, json)

    assert answer["message"] == "user not found"
    assert answer["user"] == "nosuch"


async def test_everybody_manages_their_own_keys(people: People, ann: People) -> None:
    made = await ann("POST", "/ann/credentials", 201)
    await ann("GET", f"/ann/credentials/{made['access_key_id']}", 200)
    await ann("DELETE", f"/ann/credentials/{made['access_key_id']}", 204)

    assert len((await people("GET", "/ann/credentials", 200))["results"]) == 1


async def test_a_user_who_is_gone_is_let_in_no_more(
    people: People, ann: People
) -> None:
    await people("DELETE", "/ann", 204)
    await people("POST", "", 201, {"id": "ann"})

    await ann("POST", "/ann/credentials", 401)
    assert (await people("GET", "/ann/credentials", 200))["results"] == []
