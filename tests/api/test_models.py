"""Models over REST: registered, promoted, rolled back, read, deleted."""

from __future__ import annotations

from typing import Any

import pytest
from lakebed.server.auth.grants import Permission
from lakebed.server.auth.principal import ANONYMOUS
from lakebed.server.errors import StillNeededError
from lakebed.server.repository import repositories
from lakebed.server.repository.resolving import resolve
from lakebed.server.runs.statuses import Status

from support.api import Served
from support.asking import Answer, Asker
from support.models import begin_run, judge, make_version, train, write_files

MODELS = "/../models"


async def register(ask: Asker, run: str, name: str = "fraud", **body: Any) -> Answer:
    return await ask("POST", f"{MODELS}/{name}/versions", json={"run": run, **body})


async def promote(ask: Asker, number: int, alias: str = "prod", **body: Any) -> Answer:
    route = f"{MODELS}/fraud/aliases/{alias}"
    return await ask("PUT", route, json={"version": number, **body})


async def read(ask: Asker, ref: str, path: str = "weights.bin") -> Answer:
    return await ask("GET", f"/models/refs/{ref}/objects?path={path}")


async def test_an_output_of_a_run_becomes_a_version(server: Served, ask: Asker) -> None:
    run = await train(server.engine)

    made = await register(ask, run[:9], description="first", metadata={"k": "v"})

    assert made.status == 201, made
    version = made.json
    assert (version["name"], version["version"], version["run"]) == ("fraud", 1, run)
    assert version["path"] == "model/"
    assert version["files"] == 2
    assert version["size_bytes"] == 4
    assert version["address"] == "lakebed://models/fraud@1/"
    assert version["metadata"] == {"k": "v"}
    assert (await ask("GET", f"{MODELS}/fraud/versions/1")).json == version
    assert (await ask("GET", f"{MODELS}/fraud")).json["latest"] == 1
    for ref in ("fraud@1", "fraud", "fraud@", "fraud@1~0"):
        assert (await read(ask, ref)).data == b"w1", ref
    listing = await ask("GET", "/models/refs/fraud@1/objects/ls")
    assert listing.paths == ["conf/a.json", "weights.bin"]


async def test_an_alias_moves_and_goes_back(server: Served, ask: Asker) -> None:
    for weights in (b"1", b"2", b"3"):
        await make_version(server.engine, weights=weights)

    async def at() -> bytes:
        return (await read(ask, "fraud@prod")).data

    seen: list[bytes] = []
    for number in (1, 2, 3):
        assert (await promote(ask, number, reason="because")).status == 200
        seen.append(await at())
    for _ in range(2):
        back = await ask("POST", f"{MODELS}/fraud/aliases/prod/rollback", json={})
        assert back.status == 200, back
        seen.append(await at())
    last = await ask("POST", f"{MODELS}/fraud/aliases/prod/rollback", json={})

    assert seen == [b"1", b"2", b"3", b"2", b"1"]
    assert last.status == 409
    assert "it was nowhere before" in last.json["message"]
    log = (await ask("GET", f"{MODELS}/fraud/aliases/prod/log?amount=4")).json
    assert [(m["action"], m["old"], m["new"]) for m in log["results"]] == [
        ("rollback", 2, 1),
        ("rollback", 3, 2),
        ("promote", 2, 3),
        ("promote", 1, 2),
    ]
    assert log["results"][2]["reason"] == "because"
    assert log["results"][2]["user"] == "admin"
    after = log["pagination"]["next_offset"]
    rest = await ask("GET", f"{MODELS}/fraud/aliases/prod/log?after={after}")
    assert [m["old"] for m in rest.json["results"]] == [None]


async def test_a_run_must_be_sealed_succeed_and_have_an_output(
    server: Served, ask: Asker
) -> None:
    engine = server.engine
    await write_files(engine)
    going = await begin_run(engine)
    failed = await train(engine, status=Status.FAILED)
    empty = await train(engine, outputs=())
    several = await train(engine, outputs=(b"model/conf/a.json", b"model/weights.bin"))

    async def problem(run: str, **body: Any) -> tuple[int, str, str]:
        answer = await register(ask, run, **body)
        return answer.status, answer.json["code"], answer.json["message"]

    status, code, message = await problem(going.name)
    assert (status, code) == (409, "run-goes-on")
    status, code, message = await problem(failed)
    assert (status, code) == (409, "unusable-run")
    assert "'failed'" in message
    status, code, message = await problem(empty)
    assert (status, code) == (409, "unusable-run")
    status, code, message = await problem(several)
    assert (status, code) == (400, "invalid-value")
    assert "'lakebed://lake/main/model/weights.bin'" in message
    for run in ("f" * 32, "nosuch", "abcdef1", "f" * 64, "x" * 3000):
        status, code, message = await problem(run)
        assert (status, code) == (404, "run-not-found")
    status, code, message = await problem(several, path="nosuch")
    assert (status, code) == (400, "invalid-value")
    assert (await ask("GET", f"{MODELS}")).json["results"] == []
    assert (await ask("GET", "/models")).status == 404, "no repository for nothing"


@pytest.mark.parametrize(
    ("outputs", "path", "files", "kind"),
    [
        ((b"model/conf/a.json", b"model/weights.bin"), "model/weights.bin", ["weights.bin"], "file"),
        ((b"model/conf/a.json", b"model/weights.bin"), "model", ["conf/a.json", "weights.bin"], "prefix"),
        ((b"model/conf/a.json", b"model/weights.bin"), "model/conf/", ["a.json"], "prefix"),
        ((b"model/",), "model/weights.bin", ["weights.bin"], "file"),
        ((b"model/",), "model/conf", ["a.json"], "prefix"),
        ((b"model/",), "lakebed://lake/main/model/", ["conf/a.json", "weights.bin"], "prefix"),
        ((b"model/", b"model/weights.bin"), None, ["conf/a.json", "weights.bin"], "prefix"),
        ((b"",), None, ["model/conf/a.json", "model/weights.bin"], "prefix"),
        ((b"",), "", ["model/conf/a.json", "model/weights.bin"], "prefix"),
        ((b"model/weights.bin",), None, ["weights.bin"], "file"),
    ],
)  # fmt: skip
async def test_a_version_has_the_files_of_the_output_that_is_named(
    server: Served,
    ask: Asker,
    outputs: tuple[bytes, ...],
    path: str | None,
    files: list[str],
    kind: str,
) -> None:
    run = await train(server.engine, outputs=outputs)

    made = await register(ask, run, path=path)

    assert made.status == 201, made
    assert made.json["kind"] == kind
    assert made.json["files"] == len(files)
    listing = await ask("GET", "/models/refs/fraud/objects/ls")
    assert listing.paths == files


async def test_nothing_is_copied(server: Served, ask: Asker) -> None:
    run = await train(server.engine, {b"model/a": b"x" * 100_000}, (b"model/",))
    route = "/refs/{}/objects/stat?path={}"
    stored = await ask("GET", "/lake" + route.format("main", "model/a"))

    await register(ask, run)

    linked = await ask("GET", "/models" + route.format("fraud@1", "a"))
    assert linked.json["checksum"] == stored.json["checksum"]
    assert (
        linked.json["physical_address"].rpartition("data/")[2]
        == stored.json["physical_address"].rpartition("data/")[2]
    )


async def test_a_registration_with_a_key_happens_once(
    server: Served, ask: Asker
) -> None:
    run = await train(server.engine)
    headers = {"Idempotency-Key": "k1"}
    route = f"{MODELS}/fraud/versions"

    first = await ask("POST", route, json={"run": run}, headers=headers)
    again = await ask("POST", route, json={"run": run}, headers=headers)
    other = await ask(
        "POST", route, json={"run": run, "description": "x"}, headers=headers
    )

    assert first.status == again.status == 201
    assert first.json == again.json
    assert other.status == 422
    assert (await ask("GET", f"{MODELS}/fraud")).json["latest"] == 1


async def test_numbers_are_not_used_twice(server: Served, ask: Asker) -> None:
    for _ in range(3):
        await make_version(server.engine)

    assert (await ask("DELETE", f"{MODELS}/fraud/versions/3")).status == 204
    assert (await ask("DELETE", f"{MODELS}/fraud/versions/1")).status == 204
    assert (await ask("GET", f"{MODELS}/fraud")).json["latest"] == 2
    assert (await read(ask, "fraud")).status == 200
    assert (await read(ask, "fraud@3")).status == 404
    assert await make_version(server.engine) == 4
    assert (await ask("DELETE", f"{MODELS}/fraud")).status == 204
    assert (await ask("GET", f"{MODELS}/fraud")).status == 404
    assert (await read(ask, "fraud")).status == 404

    assert await make_version(server.engine) == 5
    versions = await ask("GET", f"{MODELS}/fraud/versions")
    assert [each["version"] for each in versions.json["results"]] == [5]


async def test_what_an_alias_is_at_is_not_deleted(server: Served, ask: Asker) -> None:
    await make_version(server.engine)
    await promote(ask, 1)

    for route in (f"{MODELS}/fraud/versions/1", f"{MODELS}/fraud/versions/prod", f"{MODELS}/fraud"):  # fmt: skip
        answer = await ask("DELETE", route)
        assert (answer.status, answer.json["code"]) == (409, "still-needed")
        assert answer.json["needed_by"] == ["alias 'fraud@prod'"]

    assert (await ask("DELETE", f"{MODELS}/fraud/aliases/prod?reason=x")).status == 204
    assert (await read(ask, "fraud@prod")).status == 404
    assert (await ask("DELETE", f"{MODELS}/fraud")).status == 204


async def test_a_deleted_alias_is_rolled_back(server: Served, ask: Asker) -> None:
    await make_version(server.engine)
    await promote(ask, 1)
    await ask("DELETE", f"{MODELS}/fraud/aliases/prod")

    back = await ask("POST", f"{MODELS}/fraud/aliases/prod/rollback", json={})

    assert back.json["version"] == 1
    assert (await read(ask, "fraud@prod")).status == 200


async def test_a_rollback_to_a_deleted_version_says_so(
    server: Served, ask: Asker
) -> None:
    for number in (1, 2):
        await make_version(server.engine)
        await promote(ask, number)
    await ask("DELETE", f"{MODELS}/fraud/versions/1")

    back = await ask("POST", f"{MODELS}/fraud/aliases/prod/rollback", json={})

    assert back.status == 409
    assert "version 1" in back.json["message"]
    assert "was deleted" in back.json["message"]


async def test_moving_an_alias_to_where_it_is_logs_nothing(
    server: Served, ask: Asker
) -> None:
    await make_version(server.engine)
    first = await promote(ask, 1, reason="first")
    again = await promote(ask, 1, reason="again")

    assert first.json == again.json
    log = await ask("GET", f"{MODELS}/fraud/aliases/prod/log")
    assert len(log.json["results"]) == 1


@pytest.mark.parametrize(
    "alias", ["1", "007", "latest", "Latest", "a%40b", "a%2Fb", "-a", "a..b", "a.lock", "x" * 121]
)  # fmt: skip
async def test_an_alias_has_a_name_that_means_nothing_else(
    server: Served, ask: Asker, alias: str
) -> None:
    await make_version(server.engine)

    answer = await promote(ask, 1, alias)

    assert (answer.status, answer.json["code"]) == (400, "invalid-name")


@pytest.mark.parametrize(
    "alias", ["Staging", "Production", "Archived", "a.b-c_d", "deadbeef"]
)
async def test_words_of_other_registries_are_aliases(
    server: Served, ask: Asker, alias: str
) -> None:
    await make_version(server.engine)

    assert (await promote(ask, 1, alias)).status == 200
    assert (await read(ask, f"fraud@{alias}")).status == 200


@pytest.mark.parametrize("name", ["a%40b", "a%2Fb", "deadbeef", "20261101", "-a", "%C3%A9", "x" * 121])  # fmt: skip
async def test_a_model_has_a_name_that_means_nothing_else(
    server: Served, ask: Asker, name: str
) -> None:
    run = await train(server.engine)

    answer = await register(ask, run, name)

    assert (answer.status, answer.json["code"]) == (400, "invalid-name")


async def test_rules_hold_an_alias_until_they_are_met(
    server: Served, ask: Asker
) -> None:
    await make_version(server.engine)
    rules = [{"alias": "prod", "needs_approval": True, "checks": ["bias"]}]
    put = await ask("PUT", f"{MODELS}/fraud/rules", json={"rules": rules})
    assert put.status == 200
    assert (await ask("GET", f"{MODELS}/fraud/rules")).json == {"rules": rules}

    refused = await promote(ask, 1)
    assert (refused.status, refused.json["code"]) == (409, "promotion-refused")
    assert refused.json["missing"] == [
        "an approval by somebody else than 'ann' and 'admin'",
        "the check 'bias'",
    ]
    failed = await judge(server.engine, "fraud@1", status=Status.FAILED)
    route = f"{MODELS}/fraud/versions/1"
    made = await ask("POST", f"{route}/checks", json={"name": "bias", "run": failed})
    assert (made.status, made.json["has_passed"]) == (201, False)
    approved = await ask("POST", f"{route}/approvals", json={"alias": "prod"})
    assert approved.status == 201
    refused = await promote(ask, 1)
    assert len(refused.json["missing"]) == 2, "who moves it approved it"
    assert "did not pass" in refused.json["missing"][1]
    assert (await promote(ask, 1, "staging")).status == 200, "it has no rule"


async def test_a_check_must_have_read_the_version(server: Served, ask: Asker) -> None:
    await make_version(server.engine, weights=b"1")
    await make_version(server.engine, weights=b"2")
    of_other = await judge(server.engine, "fraud@2")

    answer = await ask(
        "POST",
        f"{MODELS}/fraud/versions/1/checks",
        json={"name": "bias", "run": of_other},
    )

    assert (answer.status, answer.json["code"]) == (409, "unusable-run")
    assert "did not read its files" in answer.json["message"]


async def test_an_approval_is_withdrawn(server: Served, ask: Asker) -> None:
    await make_version(server.engine)
    route = f"{MODELS}/fraud/versions/1/approvals"
    await ask("POST", route, json={"alias": "prod", "comment": "fine"})
    version = await ask("GET", f"{MODELS}/fraud/versions/1")
    assert version.json["approvals"][0]["comment"] == "fine"

    assert (await ask("DELETE", f"{route}?alias=prod")).status == 204
    again = await ask("DELETE", f"{route}?alias=prod")
    assert (again.status, again.json["code"]) == (404, "approval-not-found")


async def test_pages(server: Served, ask: Asker) -> None:
    for name in ("a", "b", "c"):
        await make_version(server.engine, name)
    await make_version(server.engine, "c")
    await make_version(server.engine, "c")

    first = await ask("GET", f"{MODELS}?amount=2")
    after = first.json["pagination"]["next_offset"]
    rest = await ask("GET", f"{MODELS}?amount=2&after={after}")
    assert [each["name"] for each in first.json["results"]] == ["a", "b"]
    assert [each["name"] for each in rest.json["results"]] == ["c"]
    assert [
        each["name"]
        for each in (await ask("GET", f"{MODELS}?prefix=b")).json["results"]
    ] == ["b"]
    versions = await ask("GET", f"{MODELS}/c/versions?amount=2")
    after = versions.json["pagination"]["next_offset"]
    more = await ask("GET", f"{MODELS}/c/versions?amount=2&after={after}")
    assert [each["version"] for each in versions.json["results"]] == [3, 2]
    assert [each["version"] for each in more.json["results"]] == [1]


async def test_a_repository_without_objects_is_kept_for_the_run_that_names_it(
    server: Served, ask: Asker
) -> None:
    """There is nothing in it; but that there was nothing is what the run has read."""
    engine = server.engine
    await ask("POST", "", json={"name": "empty"})
    at = await resolve(engine, "empty", "main")
    run = await begin_run(engine)
    await engine.metadata.write(
        lambda tx: tx.need_commit(at.repository.id, at.commit.id, run.id)
    )

    with pytest.raises(StillNeededError, match=f"run '{run.name}'"):
        await repositories.delete_unused_repository(engine, "empty")


async def test_a_version_is_told_without_the_run_that_may_not_be_read(
    server: Served, ask: Asker
) -> None:
    version = await make_version(server.engine)
    run = (await ask("GET", f"{MODELS}/fraud/versions/{version}")).json["run"]
    key = await server.add_user("ann")
    await server.people.add_grant(
        "ann", ANONYMOUS, repository="models", ref="fraud", level=Permission.READ
    )
    async with server.session(key) as session:
        asked = Asker(session)
        for subject in ("fraud", "fraud@1"):
            why = await asked("GET", f"/../why?subject={subject}")
            assert why.status == 200, why
            assert (why.json["run"], why.json["version"]) == (None, 1)
            assert b"lake" not in why.data
            lineage = await asked("GET", f"/../lineage?subject={subject}")
            assert [each["id"] for each in lineage.json["nodes"]] == ["model:fraud@1"]
            assert lineage.json["is_origin_hidden"]
        told = await asked("GET", f"/../runs/{run}")
        nothing = await asked("GET", f"/../runs/{'0' * 32}")

    assert (told.status, nothing.status) == (404, 404)
    assert "or of a repository that you may not read" in told.json["message"]
    # Whether there is one, nobody is told who may not read it.
    assert told.json["message"].replace(run, "") == nothing.json["message"].replace(
        "0" * 32, ""
    )
    lineage = await ask("GET", "/../lineage?subject=fraud")
    assert "is_origin_hidden" not in lineage.json
