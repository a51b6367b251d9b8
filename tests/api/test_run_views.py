"""Every route that names a ref, asked with the key of a run: what it sees and may not do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from lakebed.client.wire import bundle
from lakebed.client.wire import routes as paths
from lakebed.server.api.routes import ROUTES
from lakebed.server.api.routing import ForEach
from lakebed.server.api.unbuilt import UNBUILT
from lakebed.server.provenance import observing
from lakebed.server.provenance.views import Use

from support.api import Served
from support.asking import Asker
from support.runs import Begun, append, begin, end, get, session_of

READ, WRITE, MOVE, ITSELF = Use.READ, Use.WRITE, Use.MOVE, Use.ITSELF

USES: dict[tuple[str, str], tuple[Use | None, tuple[str, ...]]] = {
    ("POST", paths.BRANCHES): (ITSELF, ("body.source",)),
    ("GET", paths.BRANCH): (READ, ()),
    ("PUT", paths.BRANCH): (WRITE, ()),
    ("DELETE", paths.BRANCH): (MOVE, ()),
    ("POST", paths.BRANCH_COMMITS): (WRITE, ()),
    ("GET", paths.BRANCH_DIFF): (WRITE, ()),
    ("POST", paths.BRANCH_REVERT): (WRITE, ("body.ref",)),
    ("POST", paths.BRANCH_CHERRY_PICK): (WRITE, ("body.ref",)),
    ("PUT", paths.BRANCH_HARD_RESET): (WRITE, ("query.ref",)),
    ("POST", paths.BRANCH_OBJECTS): (WRITE, ()),
    ("DELETE", paths.BRANCH_OBJECTS): (WRITE, ()),
    ("POST", paths.OBJECTS_DELETE): (WRITE, ()),
    ("POST", paths.OBJECTS_COPY): (WRITE, ("body.src_ref",)),
    ("POST", paths.OBJECTS_MOVE): (WRITE, ()),
    ("POST", paths.OBJECTS_BUNDLE): (WRITE, ()),
    ("POST", paths.OBJECTS_LINK): (WRITE, ("body.src_ref",)),
    ("PUT", paths.OBJECT_USER_METADATA): (WRITE, ()),
    ("POST", paths.TAGS): (ITSELF, ("body.ref",)),
    ("GET", paths.TAG): (ITSELF, ()),
    ("DELETE", paths.TAG): (ITSELF, ()),
    ("GET", paths.COMMIT): (READ, ()),
    ("GET", paths.REF_COMMITS): (READ, ("query.stop_at",)),
    ("GET", paths.REF_BLAME): (READ, ()),
    ("GET", paths.REF_DIFF): (READ, ("left",)),
    ("GET", paths.REF_MERGE): (READ, ("destination",)),
    ("GET", paths.MERGE_CONFLICTS): (READ, ("destination",)),
    ("POST", paths.REF_MERGE): (WRITE, ("source",)),
    ("GET", paths.REF_OBJECTS): (READ, ()),
    ("HEAD", paths.REF_OBJECTS): (READ, ()),
    ("GET", paths.REF_OBJECT_STAT): (READ, ()),
    ("GET", paths.REF_OBJECTS_LS): (READ, ()),
    ("GET", paths.REF_OBJECT_PROPERTIES): (READ, ()),
    ("POST", paths.REF_OBJECTS_BUNDLE): (READ, ()),
    ("GET", paths.REF_DU): (READ, ()),
    ("GET", paths.REF_PROOF): (READ, ()),
    ("GET", paths.REF_LOG): (ITSELF, ()),
    ("POST", paths.REF_UNDO): (MOVE, ()),
}
"""What each does with its ref, and which others it reads. One that makes, moves or removes
a branch cannot be taken back when the run fails: it is refused."""

IN_LISTS = {
    ("POST", paths.BATCH_STAT),
    ("POST", paths.RUNS),
    ("POST", paths.RUN_BATCHES),
    ("POST", paths.RUN_END),
    ("POST", paths.RUN_FILES),
    ("POST", paths.RUN_VERDICTS),
}
"""Routes that ask for each thing in their bodies: they see refs in there as a run does, or
name none."""


def test_every_route_that_names_a_ref_says_what_it_does_with_it() -> None:
    """A route that is added without a decision here fails."""
    found = {
        (route.method, route.template): (
            route.use_of_ref if route.ref_name is not None else None,
            route.reads,
        )
        for route in ROUTES
        if (route.ref_name is not None or route.reads) and route not in UNBUILT
    }

    listing = {
        (route.method, route.template)
        for route in ROUTES
        if isinstance(route.requirement, ForEach)
    }
    assert listing == IN_LISTS
    models = {key for key in found if key[1].startswith(paths.MODELS)}
    assert {key: found[key] for key in found.keys() - models} == USES


@pytest.fixture
async def commit(ask: Asker) -> str:
    """Commit `a` and `b` on `main`, and make the branch `dev`; return the commit."""
    await ask.put("a", b"first a")
    await ask.put("b", b"first b")
    made = await ask.commit("first")
    body = {"name": "dev", "source": "main"}
    assert (await ask("POST", "/lake/branches", json=body)).status == 201
    return made


@pytest.fixture
async def run(ask: Asker, commit: str) -> Begun:
    """Begin a run, then let `main` and `dev` move on."""
    begun = await begin(ask)
    for branch in ("main", "dev"):
        await ask.put("a", b"second a", branch=branch)
        await ask.put("c", b"new", branch=branch)
        await ask.commit("second", branch=branch)
    await ask.put("loose", b"not committed")
    return begun


@pytest.fixture
async def asked(server: Served, run: Begun) -> AsyncGenerator[Asker]:
    """Ask with the key of the run."""
    async with session_of(server, run) as session:
        yield Asker(session)


async def test_reads_of_a_branch_are_those_of_its_start(
    asked: Asker, commit: str
) -> None:
    assert (await asked("GET", "/lake/branches/main")).json == {
        "id": "main",
        "commit_id": commit,
    }
    assert (await asked("GET", "/lake/commits/main")).json["id"] == commit
    assert (await asked("GET", "/lake/commits/main~0")).json["id"] == commit
    log = (await asked("GET", "/lake/refs/main/commits")).json["results"]
    assert log[0]["id"] == commit
    read = await asked("GET", "/lake/refs/main/objects?path=a")
    assert (read.data, read.headers["X-Lakebed-Commit"]) == (b"first a", commit)
    assert (await asked("GET", "/lake/refs/main/objects/ls")).paths == ["a", "b"]
    assert (await asked("GET", "/lake/refs/main/du")).json["object_count"] == 2
    assert (await asked("GET", "/lake/refs/main/objects/stat?path=c")).status == 404
    assert (await asked("GET", "/lake/refs/main/diff/dev")).json["results"] == []
    blame = (await asked("GET", "/lake/refs/main/blame")).json["results"]
    assert {each["commit"]["id"] for each in blame} == {commit}
    bundled = await asked("POST", "/lake/refs/main/objects/bundle", json={"prefix": ""})
    assert b"first a" in bundled.data
    assert b"new" not in bundled.data
    items = [{"ref": ref, "prefix": ""} for ref in ("main", "dev", "main~0")]
    counted = await asked("POST", "/lake/commits/batch-stat", json={"items": items})
    assert [each["object_count"] for each in counted.json["results"]] == [2, 2, 2]
    proof = await asked("GET", "/lake/refs/main/proof?path=a")
    assert proof.status == 200


async def test_bytes_are_recorded_and_nothing_else(
    ask: Asker, asked: Asker, run: Begun, commit: str
) -> None:
    for path in (
        "/lake/refs/main/objects/stat?path=a",
        "/lake/refs/main/objects/ls",
        "/lake/refs/main/du",
        "/lake/refs/main/blame",
    ):
        assert (await asked("GET", path)).status == 200
    assert (await asked("HEAD", "/lake/refs/main/objects?path=a")).status == 200
    await asked("GET", "/lake/refs/main/objects?path=nosuch")
    shown = (await get(ask, f"/runs/{run.id}")).json
    assert shown["inputs"] == []

    for _ in range(3):
        await asked("GET", "/lake/refs/main/objects?path=a")
    body = {"paths": ["b", "nosuch"]}
    await asked("POST", "/lake/refs/dev/objects/bundle", json=body)

    sealed = await end(ask, run)
    assert [
        (each["path"], each["ref"], each["commit"], each["how"])
        for each in sealed["inputs"]
    ] == [("b", "dev", commit, "observed"), ("a", "main", commit, "observed")]


async def test_a_presigned_read_is_pinned_and_recorded(
    ask: Asker, asked: Asker, run: Begun, commit: str
) -> None:
    route = "/lake/refs/main/objects?path=a&presign=true"
    shown = await asked("GET", route, allow_redirects=False)
    location = shown.headers["Location"]
    assert "refs/main/objects" in location

    async with ask.session.get(
        location.partition("/api/v1")[1] + location.partition("/api/v1")[2],
        headers={"Authorization": ""},
    ) as response:
        assert await response.read() == b"first a"

    sealed = await end(ask, run)
    assert [(each["path"], each["commit"]) for each in sealed["inputs"]] == [
        ("a", commit)
    ]


async def test_writes_of_every_kind_go_to_the_work_branch(
    ask: Asker, asked: Asker, run: Begun, commit: str
) -> None:
    row = bundle.BundleRow("bundled", 1, bundle.md5_of_content(b"x"))
    index = bundle.BundleIndex([row], [], is_last=True)
    head = (await ask("GET", "/lake/branches/main")).json

    async def send(method: str, path: str, status: int, **options: Any) -> Any:
        answer = await asked(method, f"/lake/branches/main{path}", **options)
        assert answer.status == status, (path, answer)
        return answer

    await send("POST", "/objects?path=put", 201, data=b"x")
    await send("POST", "/objects/copy?dest_path=copied", 201, json={"src_path": "a"})
    await send(
        "POST",
        "/objects/copy?dest_path=copied2",
        201,
        json={"src_path": "a", "src_ref": "dev"},
    )
    link = {"src_path": "b", "dst_path": "linked"}
    await send("POST", "/objects/link", 200, json={"links": [link]})
    await send(
        "POST", "/objects/move", 200, json={"src_path": "put", "dst_path": "moved"}
    )
    await send(
        "POST",
        "/objects/bundle",
        200,
        data=bundle.encode_bundle(index, [b"x"]),
        headers={"Content-Type": bundle.MEDIA_TYPE},
    )
    await send(
        "PUT", "/objects/stat/user_metadata?path=b", 201, json={"set": {"k": "v"}}
    )
    await send("DELETE", "/objects?path=a", 204)
    await send("POST", "/objects/delete", 200, json={"paths": ["nosuch"]})
    diff = (await send("GET", "/diff", 200)).paths
    assert diff == ["a", "b", "bundled", "copied", "copied2", "linked", "moved"]
    made = (await send("POST", "/commits", 201, json={"message": "mid"})).json
    assert made["parents"] == [commit]
    assert (await asked("GET", "/lake/branches/main")).json["commit_id"] == made["id"]
    await send("POST", "/objects?path=after", 201, data=b"x")
    await send("PUT", "", 204, json={"type": "object", "path": "after"})
    await send("POST", "/objects?path=last", 201, data=b"x")
    assert (await ask("GET", "/lake/branches/main")).json == head

    sealed = await end(ask, run)

    assert sealed["status"] == "failed"  # `a` was changed by others, and deleted here
    assert "'a'" in sealed["missing"][0]["reason"]
    assert {each["path"] for each in sealed["inputs"]} == {"a", "b"}


async def test_commits_merges_and_resets_of_the_run_are_published_as_one_commit(
    ask: Asker, asked: Asker, run: Begun
) -> None:
    before = (await ask("GET", "/lake/branches/main")).json["commit_id"]

    async def send(method: str, path: str, status: int, **options: Any) -> Any:
        answer = await asked(method, f"/lake{path}", **options)
        assert answer.status == status, (path, answer)
        return answer

    await send("POST", "/branches/dev/objects?path=on-dev", 201, data=b"x")
    await send("POST", "/branches/dev/commits", 201, json={"message": "on dev"})
    await send("POST", "/refs/dev/merge/main", 200, json={})
    await send("POST", "/branches/main/objects?path=one", 201, data=b"1")
    await send("POST", "/branches/main/commits", 201, json={"message": "one"})
    picked = await send("POST", "/branches/main/objects?path=two", 201, data=b"2")
    assert picked.json["path"] == "two"
    await send("POST", "/branches/main/commits", 201, json={"message": "two"})
    reverted = {"ref": "main", "parent_number": 0}
    await send("POST", "/branches/main/revert", 204, json=reverted)

    sealed = await end(ask, run)

    assert sealed["status"] == "succeeded"
    commit = (await ask("GET", "/lake/commits/main")).json
    assert commit["parents"] == [before]
    assert commit["metadata"] == {"run": run.id}
    listed = (await ask("GET", "/lake/refs/main@/objects/ls")).paths
    assert listed == ["a", "b", "c", "on-dev", "one"]


async def test_what_cannot_be_taken_back_is_refused(ask: Asker, asked: Asker) -> None:
    for method, path in (
        ("DELETE", "/lake/branches/dev"),
        ("POST", "/lake/refs/log/dev/undo"),
    ):
        body: dict[str, Any] = {}
        refused = await asked(method, path, json=body)
        assert (refused.status, refused.json["code"]) == (403, "permission-denied")
    assert (await ask("GET", "/lake/branches/dev")).status == 200


async def test_hidden_branches_are_for_transactions_of_the_run_itself(
    ask: Asker, asked: Asker, run: Begun, commit: str
) -> None:
    body = {"name": "tx-1", "source": "main", "hidden": True}
    made = await asked("POST", "/lake/branches", json=body)
    assert (made.status, made.data.decode()) == (201, commit)
    await asked("POST", "/lake/branches/tx-1/objects?path=in-tx", data=b"x")
    done = await asked("POST", "/lake/branches/tx-1/commits", json={"message": "m"})
    assert done.status == 201
    assert (await asked("POST", "/lake/refs/tx-1/merge/main", json={})).status == 200
    assert (await asked("DELETE", "/lake/branches/tx-1")).status == 204

    sealed = await end(ask, run)

    assert [each["path"] for each in sealed["outputs"]] == ["in-tx"]
    found = await ask("GET", "/lake/refs/main/objects?path=in-tx")
    assert found.data == b"x"


async def test_more_reads_than_are_listed_name_the_whole_version(
    ask: Asker,
    asked: Asker,
    run: Begun,
    commit: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observing, "OBSERVED_MAX", 1)

    for path in ("a", "b"):
        await asked("GET", f"/lake/refs/main/objects?path={path}")

    sealed = await end(ask, run)
    assert [(each["path"], each["kind"]) for each in sealed["inputs"]] == [
        ("", "prefix"),
        ("a", "file"),
    ]
    assert {each["commit"] for each in sealed["inputs"]} == {commit}
    assert [each["what"] for each in sealed["missing"]] == ["inputs"]


async def test_inputs_declared_later_are_those_of_the_start_too(
    ask: Asker, run: Begun, commit: str
) -> None:
    wishes = [{"repository": "lake", "ref": "main", "path": "a"}]
    assert (await append(ask, run, inputs=wishes)).status == 200

    sealed = await end(ask, run)

    assert [(each["commit"], each["how"]) for each in sealed["inputs"]] == [
        (commit, "declared")
    ]


async def test_what_a_run_deleted_is_in_its_record(
    ask: Asker, asked: Asker, run: Begun
) -> None:
    await asked.put("own", b"1")
    for path in ("b", "own", "never-there"):
        where = f"/lake/branches/main/objects?path={path}"
        assert (await asked("DELETE", where)).status == 204

    sealed = await end(ask, run)

    head = (await ask("GET", "/lake/branches/main")).json["commit_id"]
    assert sealed["deleted"] == [
        {"repository": "lake", "branch": "main", "path": "b", "commit": head}
    ]
    assert not sealed["outputs"]
    assert (await get(ask, f"/runs/{run.id}")).json["deleted"] == sealed["deleted"]
    assert not any("neither read" in each["text"] for each in sealed["reasons"])
    again = await begin(ask, rerun_of=run.id)
    assert not (await end(ask, again))["deleted"]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
async def test_what_a_run_wrote_that_did_not_succeed_is_counted(
    ask: Asker, asked: Asker, run: Begun, status: str
) -> None:
    await asked.put("new", b"1")
    await asked.commit("half of it")
    await asked.put("a", b"2")
    path = "/lake/branches/main/objects?path=b"
    assert (await asked("DELETE", path)).status == 204

    sealed = await end(ask, run, status)

    (gap,) = [
        each for each in sealed["missing"] if each["what"] == "outputs.unpublished"
    ]
    assert gap["reason"].startswith("3 files of branch 'main' of 'lake' were written")
    assert not sealed["outputs"]
    assert not any("neither read" in each["text"] for each in sealed["reasons"])
    again = await begin(ask)
    assert not (await end(ask, again, status))["missing"]


async def test_two_writers_of_one_run_share_a_work_branch(
    ask: Asker, asked: Asker, run: Begun
) -> None:
    answers = await asyncio.gather(
        *(
            asked("POST", f"/lake/branches/main/objects?path=out-{number}", data=b"x")
            for number in range(8)
        )
    )
    assert {answer.status for answer in answers} == {201}
    shown = (await get(ask, f"/runs/{run.id}")).json
    assert [each["branch"] for each in shown["work_branches"]] == ["main"]

    sealed = await end(ask, run)

    assert len(sealed["outputs"]) == 8


async def test_what_the_run_wrote_and_committed_is_no_input_and_what_was_there_is(
    ask: Asker, asked: Asker, run: Begun, commit: str
) -> None:
    for path in ("own", "b"):
        put = f"/lake/branches/main/objects?path={path}"
        assert (await asked("POST", put, data=b"mine")).status == 201
    done = await asked("POST", "/lake/branches/main/commits", json={"message": "m"})
    assert done.status == 201

    for path, data in (("own", b"mine"), ("b", b"mine"), ("a", b"first a")):
        read = await asked("GET", f"/lake/refs/main/objects?path={path}")
        assert read.data == data
    body = {"prefix": ""}
    await asked("POST", "/lake/refs/main/objects/bundle", json=body)

    sealed = await end(ask, run)
    assert [(each["path"], each["commit"]) for each in sealed["inputs"]] == [
        ("a", commit)
    ]
