"""Protected branches, and what else is kept with a repository."""

from __future__ import annotations

from typing import Any

import pytest
from lakebed.client.wire import bundle
from lakebed.client.wire import routes as paths
from lakebed.server.api.routes import ROUTES
from lakebed.server.api.unbuilt import UNBUILT
from lakebed.server.auth.grants import Permission

from support.asking import Asker

PROTECTION = "/lake/settings/branch_protection"
BRANCH = "/lake/branches/main"
REFUSED: dict[tuple[str, str], tuple[str, Any]] = {
    ("DELETE", paths.BRANCH): (BRANCH, None),
    ("POST", paths.BRANCH_COMMITS): (f"{BRANCH}/commits", {"message": "m"}),
    ("POST", paths.BRANCH_REVERT): (
        f"{BRANCH}/revert",
        {"ref": "main", "parent_number": 0},
    ),
    ("POST", paths.BRANCH_CHERRY_PICK): (f"{BRANCH}/cherry-pick", {"ref": "dev"}),
    ("PUT", paths.BRANCH_HARD_RESET): (f"{BRANCH}/hard_reset?ref=dev", None),
    ("POST", paths.BRANCH_OBJECTS): (f"{BRANCH}/objects?path=b", None),
    ("DELETE", paths.BRANCH_OBJECTS): (f"{BRANCH}/objects?path=a", None),
    ("POST", paths.OBJECTS_DELETE): (f"{BRANCH}/objects/delete", {"paths": ["a"]}),
    ("POST", paths.OBJECTS_COPY): (
        f"{BRANCH}/objects/copy?dest_path=b",
        {"src_path": "a"},
    ),
    ("POST", paths.OBJECTS_MOVE): (
        f"{BRANCH}/objects/move",
        {"src_path": "a", "dst_path": "b"},
    ),
    ("POST", paths.OBJECTS_BUNDLE): (
        f"{BRANCH}/objects/bundle",
        bundle.encode_bundle(
            bundle.BundleIndex(
                [bundle.BundleRow("b", 1, bundle.md5_of_content(b"x"))], [], True
            ),
            [b"x"],
        ),
    ),
    ("POST", paths.OBJECTS_LINK): (
        f"{BRANCH}/objects/link",
        {"links": [{"src_path": "a", "dst_path": "b"}]},
    ),
    ("PUT", paths.OBJECT_USER_METADATA): (
        f"{BRANCH}/objects/stat/user_metadata?path=a",
        {"set": {}},
    ),
    ("POST", paths.REF_UNDO): ("/lake/refs/log/main/undo", {}),
}
STAYS_OPEN = {
    ("PUT", paths.BRANCH): "throwing away what was never committed",
    ("POST", paths.BRANCHES): "a branch is made of what there is",
    ("POST", paths.TAGS): "tags are not branches",
    ("DELETE", paths.TAG): "tags are not branches",
    ("POST", paths.REF_MERGE): "merging is how they change",
}


@pytest.fixture
async def main(ask: Asker) -> str:
    """Fill the branch `main`, and `dev` beside it; return the head of `main`."""
    await ask.put("a")
    await ask.commit()
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    await ask.put("new", branch="dev")
    await ask.commit(branch="dev")
    return str((await ask("GET", BRANCH)).json["commit_id"])


def options_of(body: Any) -> dict[str, Any]:
    """Return how to send `body`: bytes are a bundle, all else is JSON."""
    if isinstance(body, bytes):
        return {"data": body, "headers": {"Content-Type": bundle.MEDIA_TYPE}}
    return {} if body is None else {"json": body}


async def protect(ask: Asker, *patterns: str, **headers: str) -> int:
    rules = [{"pattern": pattern} for pattern in patterns]
    answer = await ask("PUT", PROTECTION, json=rules, headers=headers)
    return answer.status


def test_every_route_that_writes_to_a_branch_is_in_one_of_the_tables() -> None:
    writing = {
        (route.method, route.template)
        for route in ROUTES
        if route.requirement is Permission.WRITE and route not in UNBUILT
    }

    assert set(REFUSED) | set(STAYS_OPEN) == writing


@pytest.mark.parametrize("row", sorted(REFUSED), ids=" ".join)
async def test_a_protected_branch_is_not_written_to(
    ask: Asker, main: str, row: tuple[str, str]
) -> None:
    assert await protect(ask, "v*", "m?in") == 204
    path, body = REFUSED[row]

    refused = await ask(row[0], path, **options_of(body))

    assert refused.status == 403, refused
    assert refused.json["message"] == "cannot write to protected branch"
    assert refused.json["code"] == "protected-branch"
    assert "'main'" in refused.json["detail"]
    assert (await ask("GET", BRANCH)).json["commit_id"] == main
    assert (await ask("GET", f"{BRANCH}/diff")).json["results"] == []


async def test_a_protected_branch_is_merged_into(ask: Asker, main: str) -> None:
    await protect(ask, "main")

    merged = await ask("POST", "/lake/refs/dev/merge/main", json={})

    assert merged.status == 200
    assert (await ask("GET", BRANCH)).json["commit_id"] != main


async def test_what_was_staged_before_it_was_protected_is_thrown_away(
    ask: Asker, main: str
) -> None:
    await ask.put("late")
    await protect(ask, "main")

    assert (await ask("PUT", BRANCH, json={"type": "reset"})).status == 204
    assert (await ask("GET", f"{BRANCH}/diff")).json["results"] == []


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


async def test_a_read_only_repository_changes_in_nothing(ask: Asker) -> None:
    await ask("POST", "", json={"name": "still", "read_only": True})
    other_bodies: dict[tuple[str, str], tuple[str, Any]] = {
        ("PUT", paths.BRANCH): ("/lake/branches/main", {"type": "reset"}),
        ("POST", paths.BRANCHES): ("/lake/branches", {"name": "b", "source": "main"}),
        ("POST", paths.TAGS): ("/lake/tags", {"id": "t", "ref": "main"}),
        ("DELETE", paths.TAG): ("/lake/tags/t", None),
        ("POST", paths.REF_MERGE): ("/lake/refs/main~0/merge/main", {}),
        ("POST", paths.REPOSITORY_METADATA): ("/lake/metadata", {"metadata": {}}),
        ("DELETE", paths.REPOSITORY_METADATA): ("/lake/metadata", {"keys": []}),
        ("PUT", paths.BRANCH_PROTECTION): (PROTECTION, []),
        ("DELETE", paths.GC_RULES): ("/lake/settings/gc_rules", None),
    }
    refused = REFUSED | other_bodies
    # There is nothing that could be copied.
    del refused["POST", paths.OBJECTS_COPY], refused["POST", paths.OBJECTS_LINK]
    for (method, _), (path, body) in refused.items():
        path = path.replace("/lake", "/still", 1)
        answer = await ask(method, path, **options_of(body))

        assert answer.status == 403, (method, path, answer)
        assert answer.json["code"] == "read-only-repository", answer
