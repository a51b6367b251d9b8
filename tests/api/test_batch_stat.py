"""Many prefixes at many refs, measured in one request."""

from __future__ import annotations

import random
from typing import Any

import pytest
from aiohttp import ClientSession
from lakebed.server.auth.grants import Permission
from lakebed.server.auth.principal import ANONYMOUS

from support.api import Served
from support.asking import Asker

PATH = "/lake/commits/batch-stat"


async def measure(ask: Asker, *places: tuple[str, str]) -> list[dict[str, Any]]:
    items = [{"ref": ref, "prefix": prefix} for ref, prefix in places]
    answer = await ask("POST", PATH, json={"items": items})
    assert answer.status == 200, answer
    results: list[dict[str, Any]] = answer.json["results"]
    assert [(each["ref"], each["prefix"]) for each in results] == list(places)
    return results


@pytest.fixture
async def head(ask: Asker) -> str:
    """Have objects on `main`, some staged, and others on `dev`; return the head."""
    for number in range(9):
        await ask.put(f"a/{number}", b"x" * number)
    head = await ask.commit()
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    assert (await ask("GET", "/lake/refs/main/du")).json["object_count"] == 9
    await ask.put("a/more", b"staged")
    await ask.put("a/5", b"changed")
    for path in ("a/0", "a/10", "c"):
        await ask("DELETE", f"/lake/branches/main/objects?path={path}")
    await ask.put("b/1", b"12", branch="dev")
    await ask.commit(branch="dev")
    return head


async def test_each_is_what_du_says_of_it(ask: Asker, head: str) -> None:
    refs = ["main", "main@", "main$", "dev", "dev~1", head, head[:9]]
    places = [(ref, prefix) for ref in refs for prefix in ("", "a/", "a/1", "b", "c")]
    random.Random(1).shuffle(places)

    results = await measure(ask, *places)

    for (ref, prefix), result in zip(places, results, strict=True):
        du = await ask("GET", f"/lake/refs/{ref}/du?prefix={prefix}")
        assert {**du.json, "ref": ref} == result
        listed = await ask("GET", f"/lake/refs/{ref}/objects/ls?prefix={prefix}")
        sizes = [item["size_bytes"] for item in listed.json["results"]]
        assert (result["object_count"], result["size_bytes"]) == (
            len(sizes),
            sum(sizes),
        )
    assert max(result["object_count"] for result in results) == 10


async def test_what_cannot_be_said_of_one_is_said_in_its_place(
    ask: Asker, head: str
) -> None:
    results = await measure(
        ask, ("main", "a/"), ("nosuch", ""), ("main~9", ""), ("dev~~x", ""), ("dev", "")
    )

    assert [each.get("object_count") for each in results] == [9, None, None, None, 10]
    assert [each.get("code") for each in results] == [
        None,
        "ref-not-found",
        "ref-not-found",
        "invalid-ref-expression",
        None,
    ]
    assert "'nosuch'" in results[1]["message"]
    assert "size_bytes" not in results[1]


async def test_rights_are_asked_for_each_ref(
    ask: Asker, head: str, server: Served
) -> None:
    """And what is denied is answered like what is not there."""
    key = await server.add_user("guest")
    await server.people.add_grant(
        "guest", ANONYMOUS, repository="lake", ref="main", level=Permission.READ
    )
    session: ClientSession = server.session(key)
    async with session:
        results = await measure(
            Asker(session),
            *[(ref, "") for ref in ("main", "dev", "absent", head, "main~0", "dev~1")],
        )

    codes = [each.get("code") for each in results]
    assert codes == [None, *["permission-denied"] * 3, None, "permission-denied"]
    assert results[1]["message"].replace("dev", "absent") == results[2]["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "items"),
        ({"items": [{"prefix": "a"}]}, "items[0].ref"),
        ({"items": [{"ref": "main", "path": "a"}]}, "items[0].path"),
        ({"items": [{"ref": "main", "prefix": 1}]}, "items[0].prefix"),
        ({"items": [{"ref": "main"}] * 1001}, "items"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_body_that_is_wrong_is_refused(
    ask: Asker, body: Any, field: str
) -> None:
    answer = await ask("POST", PATH, json=body)

    assert (answer.status, answer.json.get("field")) == (400, field), answer


async def test_a_prefix_that_is_none_is_refused(ask: Asker) -> None:
    items = [{"ref": "main", "prefix": "a\0"}]

    answer = await ask("POST", PATH, json={"items": items})

    assert (answer.status, answer.json["code"]) == (400, "invalid-path")


async def test_nothing_asked_for_is_nothing_answered(ask: Asker) -> None:
    assert await measure(ask) == []
    answer = await ask("POST", "/none/commits/batch-stat", json={"items": []})
    assert (answer.status, answer.json["code"]) == (404, "repository-not-found")
