"""Every write of the interface, refused where it must be: protected, or read-only.

The table has a request for each route that changes something in a repository; a route
that is added without one fails.
"""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import FormData
from lakebed.client.wire import routes as paths
from lakebed.server.api.routes import ROUTES

from support.api import Served
from support.asking import Answer, Asker
from support.models import make_version

MAIN = {"branch": "main"}
Request = tuple[dict[str, str], str, Any]

AT_BRANCH: dict[tuple[str, str], Request] = {
    ("DELETE", paths.BRANCH): ({"branch": "kept"}, "", None),
    ("POST", paths.BRANCH_COMMITS): (MAIN, "", {"message": "m", "allow_empty": True}),
    ("POST", paths.BRANCH_REVERT): (MAIN, "", {"ref": "main", "parent_number": 0}),
    ("POST", paths.BRANCH_CHERRY_PICK): (MAIN, "", {"ref": "dev"}),
    ("PUT", paths.BRANCH_HARD_RESET): (MAIN, "?ref=main~1", None),
    ("POST", paths.BRANCH_OBJECTS): (MAIN, "?path=new", FormData),
    ("DELETE", paths.BRANCH_OBJECTS): (MAIN, "?path=a", None),
    ("POST", paths.OBJECTS_DELETE): (MAIN, "", {"paths": ["a"]}),
    ("POST", paths.OBJECTS_COPY): (MAIN, "?dest_path=b", {"src_path": "a"}),
    ("POST", paths.OBJECTS_MOVE): (MAIN, "", {"src_path": "a", "dst_path": "b"}),
    ("PUT", paths.OBJECT_USER_METADATA): (MAIN, "?path=a", {"set": {"k": "v"}}),
    ("POST", paths.OBJECTS_LINK): (
        MAIN,
        "",
        {"links": [{"src_path": "a", "dst_path": "b"}]},
    ),
    ("POST", paths.REF_UNDO): ({"name": "main"}, "", {}),
}
"""What a protected branch takes none of."""
ELSEWHERE: dict[tuple[str, str], Request] = {
    ("PUT", paths.BRANCH): (MAIN, "", {"type": "reset"}),
    ("POST", paths.REPOSITORY_METADATA): ({}, "", {"metadata": {"a": "1"}}),
    ("DELETE", paths.REPOSITORY_METADATA): ({}, "", {"keys": ["a"]}),
    ("PUT", paths.BRANCH_PROTECTION): ({}, "", []),
    ("PUT", paths.GC_RULES): ({}, "", {"default_retention_days": 1, "branches": []}),
    ("DELETE", paths.GC_RULES): ({}, "", None),
    ("POST", paths.BRANCHES): ({}, "", {"name": "new", "source": "main"}),
    ("POST", paths.TAGS): ({}, "", {"id": "v1", "ref": "main"}),
    ("DELETE", paths.TAG): ({"tag": "v0"}, "", None),
    ("POST", paths.REF_MERGE): ({"source": "dev", "destination": "main"}, "", {}),
}
EXCEPT = {
    ("POST", paths.REF_OBJECTS_BUNDLE),  # which reads
    ("POST", paths.OBJECTS_BUNDLE),  # whose bodies are no JSON
    ("DELETE", paths.REPOSITORY),  # what nobody may change, its administrator may drop
}


async def send(ask: Asker, repository: str, row: tuple[str, str]) -> Answer:
    names, query, body = (AT_BRANCH | ELSEWHERE)[row]
    options: dict[str, Any] = {"json": body} if body is not None else {}
    if body is FormData:
        options = {"data": FormData({"content": "x"})}
    path = paths.fill(row[1], repository=repository, **names) + query
    return await ask(row[0], path.removeprefix(paths.REPOSITORIES), **options)


def test_every_write_is_in_the_table() -> None:
    writes = {
        (route.method, route.template)
        for route in ROUTES
        if route.method not in ("GET", "HEAD")
        and route.template.startswith(paths.REPOSITORY)
        and route.template != paths.REPOSITORIES
        and "later" not in route.handler.__module__
    }

    assert writes - EXCEPT == {*AT_BRANCH, *ELSEWHERE}


@pytest.fixture
async def protected(ask: Asker) -> Asker:
    """Have `main` and `kept` protected, and `dev` ahead of `main`."""
    await ask.put("a")
    await ask.commit()
    for name in ("dev", "kept"):
        await ask("POST", "/lake/branches", json={"name": name, "source": "main"})
    await ask.put("b", branch="dev")
    await ask.commit(branch="dev")
    rules = [{"pattern": "ma?n"}, {"pattern": "k*"}]
    await ask("PUT", "/lake/settings/branch_protection", json=rules)
    return ask


@pytest.mark.parametrize("row", sorted(AT_BRANCH), ids=" ".join)
async def test_a_protected_branch_refuses_it(
    protected: Asker, row: tuple[str, str]
) -> None:
    before = await protected("GET", "/lake/branches?amount=9")

    answer = await send(protected, "lake", row)

    assert answer.status == 403, answer
    assert answer.json["message"] == "cannot write to protected branch"
    assert answer.json["code"] == "protected-branch"
    assert answer.json["branch"] in answer.json["detail"]
    after = await protected("GET", "/lake/branches?amount=9")
    assert after.json == before.json


@pytest.mark.parametrize("row", sorted(AT_BRANCH), ids=" ".join)
async def test_another_branch_takes_it(protected: Asker, row: tuple[str, str]) -> None:
    """Were the request refused for something else, the test above would say nothing."""
    await protected("PUT", "/lake/settings/branch_protection", json=[{"pattern": "x*"}])

    answer = await send(protected, "lake", row)

    assert answer.status < 300, answer


async def test_a_protected_branch_takes_merges(protected: Asker) -> None:
    answer = await protected("POST", "/lake/refs/dev/merge/main", json={})
    listed = await protected("GET", "/lake/refs/main/objects/ls")

    assert answer.status == 200
    assert listed.paths == ["a", "b"]


@pytest.mark.parametrize("row", sorted(AT_BRANCH | ELSEWHERE), ids=" ".join)
async def test_a_read_only_repository_refuses_it(
    ask: Asker, row: tuple[str, str]
) -> None:
    await ask("POST", "", json={"name": "fixed", "read_only": True})

    answer = await send(ask, "fixed", row)

    if row[1] == paths.OBJECTS_COPY:  # there is no object in it that could be copied
        assert (answer.status, answer.json["code"]) == (404, "object-not-found")
    else:
        assert (answer.status, answer.json["code"]) == (403, "read-only-repository")


@pytest.mark.parametrize("row", sorted(AT_BRANCH | ELSEWHERE), ids=" ".join)
async def test_a_bare_repository_has_nothing_to_write_to(
    ask: Asker, row: tuple[str, str]
) -> None:
    await ask("POST", "?bare=true", json={"name": "bare"})

    answer = await send(ask, "bare", row)

    if "{" in row[1].removeprefix(paths.REPOSITORY) or row[1] in (
        paths.BRANCHES,
        paths.TAGS,
    ):
        assert (answer.status, answer.json["code"]) == (404, "ref-not-found")
    else:
        assert answer.status < 300


@pytest.mark.parametrize("row", sorted(AT_BRANCH | ELSEWHERE), ids=" ".join)
async def test_the_repository_of_models_refuses_it(
    server: Served, ask: Asker, row: tuple[str, str]
) -> None:
    """Models of these names are there, so that each names a ref that it could change."""
    for name in ("main", "kept", "dev"):
        await make_version(server.engine, name)
    before = await ask("GET", "/models/branches?amount=9")

    answer = await send(ask, "models", row)

    if row[1] == paths.OBJECTS_COPY:  # no model has an object of that name
        assert (answer.status, answer.json["code"]) == (404, "object-not-found")
    else:
        assert (answer.status, answer.json["code"]) == (403, "models-repository")
        assert "lakebed model" in answer.json["message"]
    after = await ask("GET", "/models/branches?amount=9")
    assert after.json == before.json
    assert len(after.json["results"]) == 3


async def test_the_repository_of_models_is_neither_made_nor_deleted_by_hand(
    server: Served, ask: Asker
) -> None:
    made = await ask("POST", "", json={"name": "models"})
    assert (made.status, made.json["code"]) == (400, "invalid-name")
    assert "model registry" in made.json["message"]
    await make_version(server.engine)

    deleted = await ask("DELETE", "/models")
    assert (deleted.status, deleted.json["code"]) == (403, "models-repository")
    assert (await ask("GET", "/models/refs/fraud/objects/ls")).status == 200
