"""A request with an idempotency key has its effect once, however often it is sent (P10)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.asking import Answer, Asker

KEY = {"Idempotency-Key": "k-1"}


async def _prepare(ask: Asker) -> None:
    """Have something to commit, merge, revert and pick."""
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    await ask.put("theirs", branch="dev")
    await ask.commit(branch="dev")
    await ask.put("before")
    await ask.commit()


REQUESTS = [
    ("/lake/branches", {"name": "new", "source": "main"}),
    ("/lake/tags", {"id": "v1", "ref": "main"}),
    ("/lake/branches/main/commits", {"message": "m", "allow_empty": True}),
    ("/lake/refs/dev/merge/main", {"message": "m"}),
    ("/lake/branches/main/revert", {"ref": "main", "parent_number": 0}),
    ("/lake/branches/main/cherry-pick", {"ref": "dev"}),
]


async def _history(ask: Asker) -> bytes:
    return (await ask("GET", "/lake/refs/main/commits")).data


@pytest.mark.parametrize(
    ("path", "body"), REQUESTS, ids=lambda v: v if isinstance(v, str) else ""
)
async def test_a_repeated_request_gets_the_first_answer(
    ask: Asker, path: str, body: dict[str, Any]
) -> None:
    await _prepare(ask)

    first = await ask("POST", path, json=body, headers=KEY)
    history = await _history(ask)
    second = await ask("POST", path, json=body, headers=KEY)

    assert first.status in (200, 201, 204), first
    assert (second.status, second.data) == (first.status, first.data)
    assert await _history(ask) == history


@pytest.mark.parametrize(
    ("path", "body"), REQUESTS, ids=lambda v: v if isinstance(v, str) else ""
)
async def test_of_many_at_once_one_has_an_effect(
    ask: Asker, path: str, body: dict[str, Any]
) -> None:
    await _prepare(ask)
    before = len((await ask("GET", "/lake/refs/main/commits")).json["results"])

    answers: list[Answer] = await asyncio.gather(
        *(ask("POST", path, json=body, headers=KEY) for _ in range(8))
    )

    assert len({(answer.status, answer.data) for answer in answers}) == 1
    assert answers[0].status in (200, 201, 204)
    after = (await ask("GET", "/lake/refs/main/commits")).json["results"]
    assert len([c for c in after if len(c["parents"]) < 2]) - before <= 1


async def test_without_a_key_a_repetition_is_another_request(ask: Asker) -> None:
    """The negative control: nothing but the key makes a repetition harmless."""
    body = {"message": "m", "allow_empty": True}

    first = await ask("POST", "/lake/branches/main/commits", json=body)
    second = await ask("POST", "/lake/branches/main/commits", json=body)

    assert first.json["id"] != second.json["id"]


async def test_a_key_of_another_request_is_refused(ask: Asker) -> None:
    await ask("POST", "/lake/tags", json={"id": "v1", "ref": "main"}, headers=KEY)

    other = await ask(
        "POST", "/lake/tags", json={"id": "v2", "ref": "main"}, headers=KEY
    )

    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")
    assert (await ask("GET", "/lake/tags/v2")).status == 404


async def test_a_request_that_failed_may_be_repeated(ask: Asker) -> None:
    route = "/lake/branches/main/commits"
    refused = await ask("POST", route, json={"message": "m"}, headers=KEY)
    await ask.put("o")

    done = await ask("POST", route, json={"message": "m"}, headers=KEY)

    assert (refused.status, done.status) == (400, 201)
