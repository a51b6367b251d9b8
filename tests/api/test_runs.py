"""Runs: what is recorded while they go on, how they end, and what is told of them."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from lakebed.server.auth.grants import Permission
from lakebed.server.auth.principal import ANONYMOUS
from lakebed.server.provenance import adding, drafts
from lakebed.server.provenance.losing import LostRuns
from lakebed.server.runs.record import decode_record, hash_record

from support.api import Served
from support.asking import Asker
from support.engines import Clock
from support.runs import Begun, append, begin, end, get, session_of


async def test_a_run_is_shown_as_it_was_recorded(ask: Asker) -> None:
    await ask.put("data/a", b"1")
    await ask.put("data/b", b"22")
    await ask.put("one", b"333")
    commit = await ask.commit()
    run = await begin(
        ask,
        experiment="fraud",
        host="box",
        params={"rate": 0.1, "deep": True, "name": "7", "nothing": None},
        inputs=[
            {"repository": "lake", "ref": "main", "path": "data/", "local": "in"},
            {"repository": "lake", "ref": "main~0", "path": "one"},
        ],
    )

    taken = await append(
        ask,
        run,
        params={"epochs": 3},
        metrics=[
            {
                "name": "auc",
                "values": [0.5, "nan", 0.75],
                "steps": [1, 2, 3],
                "times_ms": [10, 20, 30],
            }
        ],
        log="one\ntwo\n",
        missing=[{"what": "environment.lock", "reason": "there is none"}],
    )
    assert taken.json == {"sequence": 1}
    shown = (await get(ask, f"/runs/{run.id}")).json
    assert (shown["status"], shown["grade"], shown["record"]) == ("running", None, None)
    assert (await get(ask, f"/repositories{run.path}/log")).data == b"one\ntwo\n"

    sealed = await end(ask, run, exit_code=0)

    assert sealed["status"] == "succeeded"
    assert sealed["experiment"] == "fraud"
    assert sealed["params"] == {
        "rate": 0.1,
        "deep": True,
        "name": "7",
        "nothing": None,
        "epochs": 3,
    }
    assert sealed["metrics"] == [
        {
            "name": "auc",
            "last": 0.75,
            "last_step": 3,
            "min": 0.5,
            "max": 0.75,
            "count": 3,
        }
    ]
    assert [
        (each["path"], each["kind"], each["size_bytes"], each["how"], each["commit"])
        for each in sealed["inputs"]
    ] == [
        ("data/", "prefix", 3, "declared", commit),
        ("one", "file", 3, "declared", commit),
    ]
    assert sealed["inputs"][0]["local"] == "in"
    assert [each["name"] for each in sealed["files"]] == ["log"]
    assert sealed["missing"] == [
        {"what": "environment.lock", "reason": "there is none"}
    ]
    assert sealed["grade"] == "B"
    assert {each["what"] for each in sealed["reasons"]} == {"environment.lock"}
    assert (await get(ask, f"/runs/{run.id[:9]}")).json == sealed
    assert (await get(ask, f"/runs/{sealed['record']}")).json == sealed
    assert (await get(ask, f"/repositories{run.path}/log")).data == b"one\ntwo\n"
    points = (await get(ask, f"/repositories{run.path}/metrics?name=auc")).json
    assert points == {
        "name": "auc",
        "values": [0.5, "nan", 0.75],
        "steps": [1, 2, 3],
        "times_ms": [10, 20, 30],
    }


async def test_the_record_is_the_bytes_that_its_id_names(ask: Asker) -> None:
    run = await begin(ask, params={"rate": 0.1})
    refused = await get(ask, f"/repositories{run.path}/record")
    assert (refused.status, refused.json["code"]) == (409, "run-goes-on")

    sealed = await end(ask, run)

    data = (await get(ask, f"/repositories{run.path}/record")).data
    assert hash_record(data).hex() == sealed["record"]
    record = decode_record(data)
    assert (record.id, dict(record.params)) == (run.id, {"rate": 0.1})


async def test_a_batch_is_taken_once_however_often_it_is_sent(ask: Asker) -> None:
    run = await begin(ask)
    points = {"name": "loss", "values": [1.0], "steps": [1], "times_ms": [1]}

    for sequence in (1, 1, 2, 1, 2):
        answer = await append(ask, run, sequence, metrics=[points], log="x")
        assert answer.status == 200
    assert answer.json == {"sequence": 2}
    await append(ask, run, 1, writer="other", log="y")

    shown = (await get(ask, f"/runs/{run.id}")).json
    assert shown["metrics"][0]["count"] == 2
    assert (await get(ask, f"/repositories{run.path}/log")).data == b"xxy"


async def test_many_batches_of_one_run_at_once_lose_nothing(ask: Asker) -> None:
    run = await begin(ask)
    points = {"name": "loss", "values": [1.0, 2.0], "steps": [1, 2], "times_ms": [1, 2]}

    answers = await asyncio.gather(
        *(
            append(ask, run, 1, writer=f"w{number}", metrics=[points])
            for number in range(40)
        )
    )

    assert {answer.status for answer in answers} == {200}
    sealed = await end(ask, run)
    assert sealed["metrics"][0]["count"] == 80
    found = await get(ask, f"/repositories{run.path}/metrics?name=loss")
    assert found.json["values"] == [1.0, 2.0] * 40


async def test_beginning_with_an_idempotency_key_gives_one_run_and_its_key(
    ask: Asker,
) -> None:
    headers = {"Idempotency-Key": "k"}

    first, second = [await begin(ask, headers=headers) for _ in range(2)]

    assert first.id == second.id
    assert first.key == second.key
    other = await ask("POST", "/lake/runs", json={"experiment": "x"}, headers=headers)
    assert other.status == 422


async def test_ending_twice_alike_answers_the_same_and_otherwise_is_refused(
    ask: Asker,
) -> None:
    run = await begin(ask)

    first = await end(ask, run, "failed", exit_code=3)
    again = await end(ask, run, "failed", exit_code=3)

    assert first == again
    assert first["exit_code"] == 3
    other = await ask("POST", f"{run.path}/end", json={"status": "succeeded"})
    assert (other.status, other.json["code"]) == (409, "run-ended")
    late = await append(ask, run, 9, log="late")
    assert (late.status, late.json["code"]) == (409, "run-ended")


async def test_files_are_kept_with_a_run(ask: Asker) -> None:
    run = await begin(ask)
    large = bytes(range(256)) * 8192

    for name, data in (("code.diff", b"old"), ("code.diff", b"new"), ("big", large)):
        body = io.BytesIO(data)
        kept = await ask("POST", f"{run.path}/files?name={name}", data=body)
        assert (kept.status, kept.json["size_bytes"]) == (201, len(data))
    sealed = await end(ask, run)

    assert [each["name"] for each in sealed["files"]] == ["big", "code.diff"]
    for name, data in (("code.diff", b"new"), ("big", large)):
        found = await get(ask, f"/repositories{run.path}/files?name={name}")
        assert found.data == data
    missing = await get(ask, f"/repositories{run.path}/files?name=nosuch")
    assert missing.status == 404
    late = await ask("POST", f"{run.path}/files?name=x", data=b"late")
    assert late.status == 409


@pytest.mark.parametrize(
    ("wish", "status", "field"),
    [
        ({"params": {"x": 2**70}}, 400, "params.x"),
        ({"params": {"": 1}}, 400, "params"),
        ({"experiment": "a\nb"}, 400, "experiment"),
        ({"lost_after_s": 0}, 400, "lost_after_s"),
        ({"started_ms": -1}, 400, "started_ms"),
        ({"code": {"x": 2**70}}, 400, "code"),
        ({"inputs": [{"repository": "lake", "ref": "main", "path": "no"}]}, 404, None),
        ({"inputs": [{"repository": "no", "ref": "main", "path": ""}]}, 404, None),
        ({"inputs": [{"repository": "lake", "ref": "no", "path": ""}]}, 404, None),
        ({"outputs": [{"repository": "lake", "branch": "no", "path": ""}]}, 404, None),
        ({"parent": "0" * 32}, 404, None),
        ({"rerun_of": "0" * 32}, 404, None),
        ({"nosuch": 1}, 400, "nosuch"),
    ],
)
async def test_what_cannot_be_recorded_is_refused_with_its_name(
    ask: Asker, wish: dict[str, object], status: int, field: str | None
) -> None:
    answer = await ask("POST", "/lake/runs", json=wish)

    assert answer.status == status, answer
    if field is not None:
        assert answer.json["field"] == field, answer


BATCHES: list[dict[str, Any]] = [
    {"metrics": [{"name": "m", "values": [1.0], "steps": [], "times_ms": [1]}]},
    {"metrics": [{"name": "m", "values": [], "steps": [], "times_ms": []}]},
    {"metrics": [{"name": "m", "values": [1], "steps": [2**70], "times_ms": [1]}]},
    {"sequence": 0},
    {"writer": ""},
    {"writer": "x" * 65},
]


@pytest.mark.parametrize("batch", BATCHES)
async def test_a_batch_that_cannot_be_kept_is_refused_whole(
    ask: Asker, batch: dict[str, Any]
) -> None:
    run = await begin(ask)

    body = {"writer": "w", "sequence": 1, "log": "x", **batch}
    answer = await ask("POST", f"{run.path}/batches", json=body)

    assert answer.status == 400, answer
    assert (await get(ask, f"/repositories{run.path}/log")).data == b""


async def test_lists_are_filtered_and_paged_newest_first(ask: Asker) -> None:
    runs: list[Begun] = []
    for number in range(5):
        run = await begin(ask, experiment="a" if number % 2 else "b")
        points = {
            "name": "auc",
            "values": [number / 10],
            "steps": [0],
            "times_ms": [0],
        }
        await append(ask, run, params={"lr": number / 10}, metrics=[points])
        runs.append(run)
    await end(ask, runs[1], "failed")

    async def found(query: str) -> list[int]:
        answer = await get(ask, f"/runs?{query}")
        assert answer.status == 200, answer
        ids = [run.id for run in runs]
        return [ids.index(each["id"]) for each in answer.json["results"]]

    assert await found("") == [4, 3, 2, 1, 0]
    assert await found("repository=lake&experiment=a") == [3, 1]
    assert await found("status=failed") == [1]
    assert await found("param=lr%3D0.3") == [3]
    assert await found("metric=auc%3E0.2&experiment=b") == [4]
    assert await found("metric=auc%3C%3D0.1") == [1, 0]
    assert await found("user=nobody") == []
    first = (await get(ask, "/runs?amount=2")).json
    assert first["pagination"]["has_more"]
    assert await found(f"amount=2&after={first['pagination']['next_offset']}") == [2, 1]
    summary = first["results"][0]
    assert summary["params"] == {"lr": 0.4}
    assert summary["metrics"] == {"auc": 0.4}
    assert summary["command"] == "python train.py --rate 0.1"
    for query in ("status=x", "param=x", "metric=x", "metric=x%3Ey", "repository=no"):
        assert (await get(ask, f"/runs?{query}")).status in (400, 404), query


async def test_a_run_that_nothing_needs_is_deleted_and_another_is_refused(
    ask: Asker,
) -> None:
    first = await begin(ask)
    going_on = await ask("DELETE", first.path)
    assert (going_on.status, going_on.json["code"]) == (409, "run-goes-on")
    await end(ask, first)
    again = await begin(ask, rerun_of=first.id)
    await end(ask, again)
    verdict = {"rerun": again.id, "is_identical": True, "compared": 1}
    assert (await ask("POST", f"{first.path}/verdicts", json=verdict)).status == 201
    shown = (await get(ask, f"/runs/{first.id}")).json
    assert [each["rerun"] for each in shown["verdicts"]] == [again.id]

    refused = await ask("DELETE", first.path)
    assert (refused.status, refused.json["code"]) == (409, "run-needed")
    assert again.id in refused.json["needed_by"][0]
    # Its verdict goes with a re-run: else neither of the two could be deleted.
    assert (await ask("DELETE", again.path)).status == 204
    assert (await get(ask, f"/runs/{first.id}")).json["verdicts"] == []
    assert (await ask("DELETE", first.path)).status == 204

    third = await begin(ask)
    await end(ask, third, "interrupted")
    assert (await ask("DELETE", third.path)).status == 204
    assert (await get(ask, f"/runs/{third.id}")).status == 404


async def test_a_verdict_is_about_a_sealed_rerun_of_that_run(ask: Asker) -> None:
    first, other = await begin(ask), await begin(ask)
    again = await begin(ask, rerun_of=first.id)

    async def judge(run: str, rerun: str) -> int:
        body = {"rerun": rerun, "is_identical": False, "compared": 1}
        return (await ask("POST", f"{run}/verdicts", json=body)).status

    assert await judge(first.path, again.id) == 409
    await end(ask, first)
    assert await judge(first.path, again.id) == 409
    await end(ask, again)
    assert await judge(first.path, other.id) == 400
    assert await judge(first.path, "0" * 32) == 404
    assert await judge(first.path, again.id) == 201


async def test_a_run_that_was_not_heard_of_is_sealed_as_lost(
    server: Served, ask: Asker
) -> None:
    run = await begin(ask, lost_after_s=5)
    await append(ask, run, log="the last that was heard\n")
    clock = server.engine.clock
    clock.now_ms += 10_000  # type: ignore[attr-defined]

    (listed,) = (await get(ask, "/runs")).json["results"]

    assert (listed["id"], listed["status"]) == (run.id, "lost")
    log = await get(ask, f"/repositories{run.path}/log")
    assert log.data == b"the last that was heard\n"
    assert (await append(ask, run, 2)).status == 409


async def test_a_key_of_a_run_ends_with_it_and_says_so(
    server: Served, ask: Asker
) -> None:
    run = await begin(ask)
    async with session_of(server, run) as session:
        asked = Asker(session)
        assert (await append(asked, run, log="own")).status == 200
        assert (await asked("GET", "/lake")).status == 200

        assert (await end(asked, run))["status"] == "succeeded"

        refused = await asked("GET", "/lake")
        assert refused.status == 401
        assert run.id in refused.json["detail"]
        assert "has ended" in refused.json["detail"]


async def test_a_key_of_a_run_manages_nothing_and_adds_to_no_other(
    server: Served, ask: Asker
) -> None:
    run, other = await begin(ask), await begin(ask)
    async with session_of(server, run) as session:
        asked = Asker(session)
        for method, path, body in (
            ("GET", "/api/v1/auth/users", None),
            ("POST", "/api/v1/auth/users", {"id": "eve"}),
            ("POST", "/api/v1/auth/users/admin/credentials", None),
            ("GET", "/api/v1/auth/users/admin/grants", None),
        ):
            async with session.request(method, path, json=body) as response:
                assert response.status == 403, (method, path)
        login = {"access_key_id": run.key.id, "secret_access_key": run.key.secret}
        async with session.post("/api/v1/auth/login", json=login) as response:
            assert response.status == 403

        assert (await append(asked, other, log="x")).status == 403
        ended = await asked("POST", f"{other.path}/end", json={"status": "failed"})
        assert ended.status == 403


async def test_what_the_key_of_a_run_begins_is_a_part_of_it_and_ends_with_it(
    server: Served, ask: Asker
) -> None:
    run, free = await begin(ask), await begin(ask)
    async with session_of(server, run) as session:
        child = await begin(Asker(session))
        assert child.shown["parent"] == run.id
        wrong = await Asker(session)("POST", "/lake/runs", json={"parent": free.id})
        assert wrong.status == 400
    own = await begin(ask, parent=run.id)

    await end(ask, run)

    assert (await get(ask, f"/runs/{child.id}")).json["status"] == "interrupted"
    assert (await get(ask, f"/runs/{own.id}")).json["status"] == "running"


async def test_who_lost_the_right_to_write_publishes_nothing(
    server: Served, ask: Asker
) -> None:
    await ask.put("a")
    await ask.commit()
    key = await server.add_user("ann")
    for ref in ("main", "own-*"):
        await server.people.add_grant(
            "ann", ANONYMOUS, repository="lake", ref=ref, level=Permission.WRITE
        )
    async with server.session(key) as session:
        asked = Asker(session)
        run = await begin(asked)
        async with session_of(server, run) as as_run:
            put = "/lake/branches/main/objects?path=out"
            assert (await Asker(as_run)("POST", put, data=b"x")).status == 201
            await server.people.remove_grant(
                "ann", ANONYMOUS, repository="lake", ref="main"
            )
            assert (await Asker(as_run)("POST", put, data=b"y")).status == 403

        ended = await end(asked, run)

    assert ended["status"] == "failed"
    assert "may not write" in ended["missing"][0]["reason"]
    assert (await ask("GET", "/lake/refs/main/objects?path=out")).status == 404


async def test_the_key_of_a_run_goes_with_its_user(server: Served, ask: Asker) -> None:
    key = await server.add_user("ann", is_admin=True)
    async with server.session(key) as session:
        run = await begin(Asker(session))
    async with session_of(server, run) as session:
        assert (await Asker(session)("GET", "/lake")).status == 200

        await server.people.delete_user("ann", ANONYMOUS)

        assert (await Asker(session)("GET", "/lake")).status == 401
    assert (await end(ask, run, "interrupted"))["user"] == "ann"


async def test_runs_of_others_are_seen_by_who_may_read_and_ended_by_nobody_else(
    server: Served, ask: Asker
) -> None:
    run = await begin(ask)
    await ask("POST", "", json={"name": "other"})
    hidden = await begin(ask, "other")
    key = await server.add_user("ann")
    await server.people.add_grant(
        "ann", ANONYMOUS, repository="lake", ref="dev", level=Permission.WRITE
    )
    async with server.session(key) as session:
        asked = Asker(session)
        listed = (await get(asked, "/runs")).json["results"]
        assert [each["id"] for each in listed] == [run.id]
        assert (await get(asked, f"/runs/{run.id}")).status == 200
        assert (await get(asked, f"/runs/{hidden.id}")).status == 404
        assert (await append(asked, run, log="x")).status == 403
        ended = await asked("POST", f"{run.path}/end", json={"status": "failed"})
        assert ended.status == 403
        kept = await asked("POST", f"{run.path}/files?name=x", data=b"x")
        assert kept.status == 403


async def test_what_is_over_a_limit_is_left_out_and_named_or_refused(
    ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "POINTS_MAX", 2)
    monkeypatch.setattr(adding, "LOG_BYTES_MAX", 3)
    monkeypatch.setattr(adding, "NAMES_MAX", 2)
    monkeypatch.setattr(adding, "FILES_MAX", 1)
    run = await begin(ask)
    points = {"name": "m", "values": [1.0, 2.0], "steps": [1, 2], "times_ms": [1, 2]}
    for sequence in (1, 2):
        taken = await append(ask, run, sequence, metrics=[points], log="1234")
        assert taken.status == 200
    many = await append(ask, run, 3, params={"a": 1, "b": 2, "c": 3})
    assert (many.status, many.json["code"]) == (409, "too-many")
    monkeypatch.setattr(drafts, "PART_BYTES_MAX", 1000)
    large = await append(ask, run, 4, code={"x": "y" * 2000})
    assert (large.status, large.json["field"]) == (400, "code")
    kept = [await ask("POST", f"{run.path}/files?name={name}") for name in "ab"]
    assert [each.status for each in kept] == [201, 409]

    sealed = await end(ask, run)

    assert sealed["metrics"][0]["count"] == 2
    assert sealed["params"] == {}
    assert {each["what"] for each in sealed["missing"]} == {"log", "metrics"}
    assert (await get(ask, f"/repositories{run.path}/log")).data == b"1234"


async def test_a_server_that_was_away_waits_for_who_kept_what_they_had_to_say(
    server: Served, ask: Asker
) -> None:
    run = await begin(ask, lost_after_s=10)
    clock = server.engine.clock
    assert isinstance(clock, Clock)
    clock.now_ms += 3_600_000
    lost = LostRuns(server.engine, listening_since_ms=clock.now_ms)

    assert await lost.seal() == 0
    assert (await append(ask, run, log="spooled")).status == 200
    clock.now_ms += 9_000
    assert await lost.seal() == 0
    clock.now_ms += 2_000
    assert await lost.seal() == 1

    assert (await get(ask, f"/runs/{run.id}")).json["status"] == "lost"


async def test_a_batch_that_was_passed_over_is_refused_and_not_thrown_away(
    ask: Asker,
) -> None:
    run = await begin(ask)
    for number, status in ((1, 200), (5, 200), (5, 200), (3, 409), (6, 200), (1, 200)):
        answer = await append(ask, run, number, log=f"{number}\n")

        assert answer.status == status, number
        if status == 409:
            assert "batch 3 of writer 'w'" in answer.json["message"]
    await end(ask, run)

    log = (await get(ask, f"/repositories{run.path}/log")).data
    assert log == b"1\n5\n6\n"


async def test_what_a_run_has_not_is_called_what_it_is(ask: Asker) -> None:
    run = await begin(ask)
    for part, what in (("metrics", "metric"), ("files", "kept file")):
        for _ in ("while it goes on", "sealed"):
            told = await get(ask, f"/repositories{run.path}/{part}?name=zz")

            assert (told.status, told.json["code"]) == (404, "run-part-not-found")
            assert told.json["message"] == f"{what} not found: 'zz' of run '{run.id}'"
            await end(ask, run)


async def test_nothing_is_written_to_a_version_of_a_model(ask: Asker) -> None:
    output = {"repository": "models", "branch": "fraud@1", "path": "y"}
    refused = await ask("POST", "/lake/runs", json={"outputs": [output]})

    assert (refused.status, refused.json["code"]) == (403, "models-repository")


@pytest.mark.parametrize("kind", ["branch", "tag"])
async def test_what_a_sealed_run_read_outlives_the_ref_that_it_named(
    ask: Asker, kind: str
) -> None:
    """Refs are names: the run has the commit, which stays as long as the run."""
    await ask.put("a", b"base")
    await ask.commit()
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    await ask.put("a", b"only on dev", branch="dev")
    commit = await ask.commit(branch="dev")
    ref = "dev"
    if kind == "tag":
        ref = "v1"
        await ask("POST", "/lake/tags", json={"id": "v1", "ref": commit})
    run = await begin(ask, inputs=[{"repository": "lake", "ref": ref, "path": "a"}])
    sealed = await end(ask, run)

    assert (await ask("DELETE", "/lake/branches/dev")).status == 204
    if kind == "tag":
        assert (await ask("DELETE", "/lake/tags/v1")).status == 204

    assert [each["commit"] for each in sealed["inputs"]] == [commit]
    assert (await ask("GET", f"/lake/refs/{ref}/objects?path=a")).status == 404
    read = await ask("GET", f"/lake/refs/{commit}/objects?path=a")
    assert read.data == b"only on dev"
    again = await begin(
        ask, rerun_of=run.id, inputs=[{"repository": "lake", "ref": ref, "path": "a"}]
    )
    shown = (await get(ask, f"/runs/{again.id}")).json
    assert [each["commit"] for each in shown["inputs"]] == [commit]
