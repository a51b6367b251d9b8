"""Protected branches and read-only repositories: every write, refused where it must be.

The tables have a request for each route that changes something in a repository; a route
that is added without one fails. And what else is kept with a repository.
"""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import FormData
from lakebed.client.wire import bundle
from lakebed.client.wire import routes as paths
from lakebed.server.api.routes import ROUTES
from lakebed.server.api.unbuilt import UNBUILT
from lakebed.server.auth.grants import Permission
from lakebed.server.auth.principal import ANONYMOUS

from support.api import Served
from support.asking import Answer, Asker
from support.models import make_version

PROTECTION = "/lake/settings/branch_protection"
MAIN = {"branch": "main"}
Row = tuple[str, str]
Request = tuple[dict[str, str], str, Any]
"""Names of the path, the query, and the body."""

BUNDLE = bundle.encode_bundle(
    bundle.BundleIndex(
        [bundle.BundleRow("b", 1, bundle.md5_of_content(b"x"))], [], True
    ),
    [b"x"],
)
AT_BRANCH: dict[Row, Request] = {
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
    ("POST", paths.OBJECTS_BUNDLE): (MAIN, "", BUNDLE),
    ("POST", paths.OBJECTS_LINK): (
        MAIN,
        "",
        {"links": [{"src_path": "a", "dst_path": "b"}]},
    ),
    ("PUT", paths.OBJECT_USER_METADATA): (MAIN, "?path=a", {"set": {"k": "v"}}),
    ("POST", paths.REF_UNDO): ({"name": "main"}, "", {}),
}
"""What a protected branch takes none of."""
ELSEWHERE: dict[Row, Request] = {
    # Throws away what was never committed.
    ("PUT", paths.BRANCH): (MAIN, "", {"type": "reset"}),
    ("POST", paths.BRANCHES): ({}, "", {"name": "new", "source": "main"}),
    ("POST", paths.TAGS): ({}, "", {"id": "v1", "ref": "main"}),
    ("DELETE", paths.TAG): ({"tag": "v0"}, "", None),
    # Merging is how they change.
    ("POST", paths.REF_MERGE): ({"source": "dev", "destination": "main"}, "", {}),
    ("POST", paths.REPOSITORY_METADATA): ({}, "", {"metadata": {"a": "1"}}),
    ("DELETE", paths.REPOSITORY_METADATA): ({}, "", {"keys": ["a"]}),
    ("PUT", paths.BRANCH_PROTECTION): ({}, "", []),
    ("PUT", paths.GC_RULES): ({}, "", {"default_retention_days": 1, "branches": []}),
    ("DELETE", paths.GC_RULES): ({}, "", None),
}
ALL = AT_BRANCH | ELSEWHERE
EXCEPT = {
    ("POST", paths.REF_OBJECTS_BUNDLE),  # which reads
    ("POST", paths.BATCH_STAT),  # which reads
    ("DELETE", paths.REPOSITORY),  # which has tests of its own
    # Runs are kept beside branches, and have rules of their own.
    *(
        (route.method, route.template)
        for route in ROUTES
        if route.template.startswith(paths.RUNS)
    ),
}
FORCED_BY_QUERY = {
    ("DELETE", paths.BRANCH),
    ("PUT", paths.BRANCH_HARD_RESET),
    ("POST", paths.BRANCH_OBJECTS),
    ("DELETE", paths.BRANCH_OBJECTS),
    ("POST", paths.OBJECTS_DELETE),
    ("DELETE", paths.TAG),
}
FORCED_BY_BODY = {
    ("POST", paths.BRANCH_COMMITS),
    ("POST", paths.BRANCH_REVERT),
    ("POST", paths.BRANCH_CHERRY_PICK),
    ("POST", paths.OBJECTS_COPY),
    ("PUT", paths.BRANCH),
    ("POST", paths.BRANCHES),
    ("POST", paths.TAGS),
    ("POST", paths.REF_MERGE),
}


async def send(ask: Asker, repository: str, row: Row, *, force: bool = False) -> Answer:
    names, query, body = ALL[row]
    if force and row in FORCED_BY_QUERY:
        query += "&force=true" if query else "?force=true"
    elif force:
        body = {**body, "force": True}
    options: dict[str, Any] = {}
    if body is FormData:
        options = {"data": FormData({"content": "x"})}
    elif isinstance(body, bytes):
        options = {"data": body, "headers": {"Content-Type": bundle.MEDIA_TYPE}}
    elif body is not None:
        options = {"json": body}
    path = paths.fill(row[1], repository=repository, **names) + query
    return await ask(row[0], path.removeprefix(paths.REPOSITORIES), **options)


def test_every_write_is_in_the_tables() -> None:
    below = [
        route
        for route in ROUTES
        if route.template.startswith(paths.REPOSITORY) and route not in UNBUILT
    ]
    writes = {
        (route.method, route.template)
        for route in below
        if route.method not in ("GET", "HEAD")
    }
    has_force = {
        (route.method, route.template)
        for route in below
        for shape in route.models
        if "force" in getattr(shape, "__struct_fields__", ())
    }

    assert writes - EXCEPT == ALL.keys()
    assert has_force == {
        *FORCED_BY_QUERY,
        *FORCED_BY_BODY,
        ("DELETE", paths.REPOSITORY),
    }


@pytest.fixture
async def protected(ask: Asker) -> Asker:
    """Have `main` and `kept` protected, and `dev` ahead of `main`."""
    await ask.put("a")
    await ask.commit()
    for name in ("dev", "kept"):
        await ask("POST", "/lake/branches", json={"name": name, "source": "main"})
    await ask.put("b", branch="dev")
    await ask.commit(branch="dev")
    assert await protect(ask, "v*", "ma?n", "k*") == 204
    return ask


async def protect(ask: Asker, *patterns: str, **headers: str) -> int:
    rules = [{"pattern": pattern} for pattern in patterns]
    answer = await ask("PUT", PROTECTION, json=rules, headers=headers)
    return answer.status


@pytest.mark.parametrize("row", sorted(AT_BRANCH), ids=" ".join)
async def test_a_protected_branch_refuses_it(protected: Asker, row: Row) -> None:
    before = await protected("GET", "/lake/branches?amount=9")
    forces = (False, True) if row in FORCED_BY_QUERY | FORCED_BY_BODY else (False,)

    for force in forces:
        answer = await send(protected, "lake", row, force=force)

        assert answer.status == 403, answer
        assert answer.json["message"] == "cannot write to protected branch"
        assert answer.json["code"] == "protected-branch"
        assert f"'{answer.json['branch']}'" in answer.json["detail"]
    after = await protected("GET", "/lake/branches?amount=9")
    assert after.json == before.json
    assert (await protected("GET", "/lake/branches/main/diff")).json["results"] == []


@pytest.mark.parametrize("row", sorted(AT_BRANCH), ids=" ".join)
async def test_another_branch_takes_it(protected: Asker, row: Row) -> None:
    """Were the request refused for something else, the test above would say nothing."""
    await protect(protected, "x*")

    answer = await send(protected, "lake", row)

    assert answer.status < 300, answer


async def test_a_protected_branch_takes_merges(protected: Asker) -> None:
    answer = await protected("POST", "/lake/refs/dev/merge/main", json={})
    listed = await protected("GET", "/lake/refs/main/objects/ls")

    assert answer.status == 200
    assert listed.paths == ["a", "b"]


@pytest.mark.parametrize("row", sorted(ALL), ids=" ".join)
async def test_a_read_only_repository_refuses_it(ask: Asker, row: Row) -> None:
    await ask("POST", "", json={"name": "fixed", "read_only": True})

    answer = await send(ask, "fixed", row)

    if row[1] == paths.OBJECTS_COPY:  # there is no object in it that could be copied
        assert (answer.status, answer.json["code"]) == (404, "object-not-found")
    else:
        assert (answer.status, answer.json["code"]) == (403, "read-only-repository")
        can_be_forced = "'force'" in answer.json["message"]
        assert can_be_forced == (row in FORCED_BY_QUERY | FORCED_BY_BODY)


@pytest.mark.parametrize("row", sorted(ALL), ids=" ".join)
async def test_a_bare_repository_has_nothing_to_write_to(ask: Asker, row: Row) -> None:
    await ask("POST", "?bare=true", json={"name": "bare"})

    answer = await send(ask, "bare", row)

    if "{" in row[1].removeprefix(paths.REPOSITORY) or row[1] in (
        paths.BRANCHES,
        paths.TAGS,
    ):
        assert (answer.status, answer.json["code"]) == (404, "ref-not-found")
    else:
        assert answer.status < 300


@pytest.mark.parametrize("row", sorted(ALL), ids=" ".join)
async def test_the_repository_of_models_refuses_it(
    server: Served, ask: Asker, row: Row
) -> None:
    """Models of these names are there, so that each names a ref that it could change."""
    for name in ("main", "kept", "dev"):
        await make_version(server.engine, name)
    before = await ask("GET", "/models/branches?amount=9")

    answer = await send(ask, "models", row, force=row in FORCED_BY_BODY)

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


FORCED = (
    # In the order of a story that begins with a repository without objects.
    ("POST", paths.BRANCH_OBJECTS),
    ("POST", paths.OBJECTS_COPY),
    ("PUT", paths.BRANCH),
    ("POST", paths.BRANCH_OBJECTS),
    ("POST", paths.BRANCH_COMMITS),
    ("POST", paths.BRANCHES),
    ("POST", paths.TAGS),
    ("DELETE", paths.BRANCH_OBJECTS),
    ("POST", paths.OBJECTS_DELETE),
    ("PUT", paths.BRANCH),
    ("POST", paths.BRANCH_REVERT),
    ("POST", paths.BRANCH_CHERRY_PICK),
    ("POST", paths.REF_MERGE),
    ("PUT", paths.BRANCH_HARD_RESET),
    ("DELETE", paths.TAG),
    ("DELETE", paths.BRANCH),
)
STORY: dict[Row, Request] = {
    ("POST", paths.BRANCH_OBJECTS): (MAIN, "?path=a", FormData),
    ("POST", paths.OBJECTS_COPY): (MAIN, "?dest_path=b", {"src_path": "a"}),
    ("POST", paths.BRANCHES): ({}, "", {"name": "dev", "source": "main"}),
    ("POST", paths.BRANCH_CHERRY_PICK): ({"branch": "main"}, "", {"ref": "dev"}),
    ("POST", paths.REF_MERGE): ({"source": "dev", "destination": "main"}, "", {}),
    ("PUT", paths.BRANCH_HARD_RESET): (MAIN, "?ref=dev", None),
    ("DELETE", paths.TAG): ({"tag": "v1"}, "", None),
    ("DELETE", paths.BRANCH): ({"branch": "dev"}, "", None),
}


@pytest.fixture
async def writer(ask: Asker, server: Served) -> Asker:
    """Return how somebody asks who may write all of `fixed`, and not administer it."""
    key = await server.add_user("writer")
    await server.people.add_grant(
        "writer", ANONYMOUS, repository="fixed", ref="*", level=Permission.WRITE
    )
    return Asker(server.session(key))


async def test_who_administers_a_read_only_repository_may_force_it(
    ask: Asker, writer: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else can, and no one without saying so."""
    await ask("POST", "", json={"name": "fixed", "read_only": True})
    for row, request in STORY.items():
        monkeypatch.setitem(ALL, row, request)
    assert {*FORCED} == FORCED_BY_QUERY | FORCED_BY_BODY
    async with writer.session:
        for row in FORCED:
            for refused in (
                await send(writer, "fixed", row, force=True),
                await send(ask, "fixed", row),
            ):
                if refused.status != 404:  # a source that is not there yet
                    assert refused.json["code"] == "read-only-repository", (
                        row,
                        refused,
                    )
                    assert refused.status == 403

            forced = await send(ask, "fixed", row, force=True)

            assert forced.status < 300, (row, forced)


async def test_a_read_only_repository_is_deleted_by_force(
    ask: Asker, writer: Asker
) -> None:
    await ask("POST", "", json={"name": "fixed", "read_only": True})

    async with writer.session:
        denied = await writer("DELETE", "/fixed?force=true")
    refused = await ask("DELETE", "/fixed")
    forced = await ask("DELETE", "/fixed?force=true")

    assert (denied.status, denied.json["code"]) == (403, "permission-denied")
    assert (refused.status, refused.json["code"]) == (403, "read-only-repository")
    assert forced.status == 204


async def test_a_forced_merge_may_change_nothing(ask: Asker) -> None:
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})

    refused = await ask("POST", "/lake/refs/dev/merge/main", json={})
    forced = await ask("POST", "/lake/refs/dev/merge/main", json={"force": True})

    assert (refused.status, forced.status) == (400, 200)


async def test_what_was_staged_before_it_was_protected_is_thrown_away(
    ask: Asker,
) -> None:
    await ask.put("late")
    await protect(ask, "main")

    reset = await ask("PUT", "/lake/branches/main", json={"type": "reset"})

    assert reset.status == 204
    assert (await ask("GET", "/lake/branches/main/diff")).json["results"] == []


async def test_protection_is_changed_only_from_what_was_seen(ask: Asker) -> None:
    await protect(ask, "main")
    seen = await ask("GET", PROTECTION)
    await protect(ask, "main", "v*")

    assert seen.json == [{"pattern": "main"}]
    assert await protect(ask, "x", **{"If-Match": seen.headers["ETag"]}) == 412
    now = await ask("GET", PROTECTION)
    assert now.json == [{"pattern": "main"}, {"pattern": "v*"}]
    assert await protect(ask, **{"If-Match": now.headers["ETag"]}) == 204
    assert (await ask("GET", PROTECTION)).json == []


@pytest.mark.parametrize(
    "rules",
    [{}, [{}], [{"pattern": ""}], [{"pattern": "a/b"}], [{"pattern": "["}], [1]],
)
async def test_a_pattern_that_matches_no_branch_is_refused(
    ask: Asker, rules: Any
) -> None:
    answer = await ask("PUT", PROTECTION, json=rules)

    assert answer.status == 400
    assert (await ask("GET", PROTECTION)).json == []


async def test_metadata_of_a_repository_is_set_and_removed_by_key(ask: Asker) -> None:
    path = "/lake/metadata"
    assert (await ask("GET", path)).json == {}
    for metadata in ({"a": "1", "b": "2"}, {"b": "3", "c": "ü"}):
        assert (await ask("POST", path, json={"metadata": metadata})).status == 201
    assert (await ask("DELETE", path, json={"keys": ["a", "nosuch"]})).status == 204

    assert (await ask("GET", path)).json == {"b": "3", "c": "ü"}
    too_long = await ask("POST", path, json={"metadata": {"k": "x" * 65_536}})
    assert (too_long.status, too_long.json["code"]) == (400, "metadata-too-large")


async def test_rules_for_collection_are_kept(ask: Asker) -> None:
    path = "/lake/settings/gc_rules"
    rules: dict[str, Any] = {
        "default_retention_days": 21,
        "branches": [{"branch_id": "main", "retention_days": 28}],
    }
    assert (await ask("GET", path)).status == 404
    assert (await ask("PUT", path, json=rules)).status == 204
    assert (await ask("GET", path)).json == rules

    wrongs: tuple[dict[str, Any], ...] = (
        {"default_retention_days": -1, "branches": []},
        {"default_retention_days": 1, "branches": rules["branches"] * 2},
        {
            "default_retention_days": 1,
            "branches": [{"branch_id": "a/b", "retention_days": 1}],
        },
    )
    for wrong in wrongs:
        assert (await ask("PUT", path, json=wrong)).status == 400
    assert (await ask("GET", path)).json == rules
    assert (await ask("DELETE", path)).status == 204
    assert (await ask("GET", path)).status == 404
