"""A run that does another one again reads what that one read, whatever moved since."""

from __future__ import annotations

import io
from typing import Any

import pytest

from support.api import Served
from support.asking import Asker
from support.runs import Begun, append, begin, end, get, session_of


def wish(ref: str = "main", path: str = "data/") -> dict[str, str]:
    return {"repository": "lake", "ref": ref, "path": path}


async def inputs_of(ask: Asker, run: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (await get(ask, f"/runs/{run}")).json["inputs"]
    return found


@pytest.fixture
async def data(ask: Asker) -> str:
    """Some data on `main`; the id of its commit."""
    await ask.put("data/a", b"1")
    return await ask.commit()


@pytest.mark.parametrize("ref", ["main", "main~0", "dev"])
async def test_a_ref_means_the_commit_that_the_first_run_read(
    ask: Asker, data: str, ref: str
) -> None:
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    first = await begin(ask, inputs=[wish(ref)])
    await end(ask, first)
    await ask.put("data/a", b"2")
    await ask.commit()
    if ref == "dev":
        await ask("DELETE", "/lake/branches/dev")

    again = await begin(ask, rerun_of=first.id, inputs=[wish(ref)])

    before, after = await inputs_of(ask, first.id), await inputs_of(ask, again.id)
    assert [each["commit"] for each in after] == [data]
    assert before == after


async def test_what_the_first_run_did_not_declare_is_read_at_its_start(
    ask: Asker, data: str
) -> None:
    first = await begin(ask)
    await end(ask, first)
    await ask.put("data/a", b"2")
    await ask.commit()

    again = await begin(ask, rerun_of=first.id, inputs=[wish()])

    assert [each["commit"] for each in await inputs_of(ask, again.id)] == [data]


async def test_an_input_that_is_declared_later_is_read_as_the_first_run_did(
    ask: Asker, data: str
) -> None:
    first = await begin(ask, inputs=[wish()])
    await end(ask, first)
    await ask.put("data/a", b"2")
    await ask.commit()
    again = await begin(ask, rerun_of=first.id)

    await append(ask, again, inputs=[wish()])

    assert await inputs_of(ask, again.id) == await inputs_of(ask, first.id)


async def test_a_rerun_of_a_rerun_reads_what_the_first_of_all_read(
    ask: Asker, data: str
) -> None:
    runs = [await begin(ask, inputs=[wish()])]
    await end(ask, runs[0])
    for number in (2, 3):
        await ask.put("data/a", f"{number}".encode())
        await ask.commit()
        runs.append(await begin(ask, rerun_of=runs[-1].id, inputs=[wish()]))
        await end(ask, runs[-1])

    for run in runs:
        assert [each["commit"] for each in await inputs_of(ask, run.id)] == [data]


async def test_a_run_that_does_none_again_reads_what_there_is_now(
    ask: Asker, data: str
) -> None:
    first = await begin(ask, inputs=[wish()])
    await end(ask, first)
    await ask.put("data/a", b"2")
    now = await ask.commit()

    other = await begin(ask, inputs=[wish()])

    assert [each["commit"] for each in await inputs_of(ask, other.id)] == [now]


async def as_run(
    server: Served, run: Begun, method: str, path: str, **more: Any
) -> Any:
    """Send a request with the key of `run`; return its status and its body."""
    async with session_of(server, run) as session:
        answer = await Asker(session)(method, path, **more)
        return answer.status, answer.data


@pytest.mark.parametrize("ref", ["main", "main~0", "dev", "v1"])
async def test_what_was_read_without_a_word_is_read_again(
    server: Served, ask: Asker, data: str, ref: str
) -> None:
    """A branch that moved or is gone, an expression, and a tag that was made anew."""
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    await ask("POST", "/lake/tags", json={"id": "v1", "ref": "main"})
    read = f"/lake/refs/{ref}/objects?path=data/a"
    first = await begin(ask)
    assert await as_run(server, first, "GET", read) == (200, b"1")
    await end(ask, first)
    await ask.put("data/a", b"2")
    await ask.commit()
    assert (await ask("DELETE", "/lake/branches/dev")).status == 204
    assert (await ask("DELETE", "/lake/tags/v1")).status == 204
    await ask("POST", "/lake/tags", json={"id": "v1", "ref": "main"})
    again = await begin(ask, rerun_of=first.id)

    assert await as_run(server, again, "GET", read) == (200, b"1")

    await end(ask, again)
    before, after = await inputs_of(ask, first.id), await inputs_of(ask, again.id)
    assert [each["commit"] for each in before] == [data]
    assert before == after


async def test_what_it_writes_it_reads_and_nobody_else_does(
    server: Served, ask: Asker, data: str
) -> None:
    first = await begin(ask, inputs=[wish()])
    await end(ask, first)
    await ask.put("data/a", b"2")
    head = await ask.commit()
    again = await begin(ask, rerun_of=first.id)
    path = "/lake/branches/main/objects?path=out"

    written = await as_run(server, again, "POST", path, data=io.BytesIO(b"made"))
    read = await as_run(server, again, "GET", "/lake/refs/main/objects?path=out")
    sealed = await end(ask, again)

    assert written[0] == 201
    assert read == (200, b"made")
    assert (await ask("GET", "/lake/refs/main/objects?path=out")).status == 404
    assert (await ask("GET", "/lake/branches/main")).json["commit_id"] == head
    (output,) = sealed["outputs"]
    assert (output["path"], output["branch"][:4]) == ("out", "run-")
    there = await ask("GET", f"/lake/refs/{output['commit']}/objects?path=out")
    assert there.data == b"made"
    listed = (await ask("GET", "/lake/branches?show_hidden=true")).json["results"]
    assert [each["id"] for each in listed] == ["main"]


async def test_what_came_out_the_same_has_the_same_identity(
    server: Served, ask: Asker, data: str
) -> None:
    sealed: list[Any] = []
    outputs = [{"repository": "lake", "branch": "main", "path": "out/"}]
    for _ in range(2):
        first = sealed[0]["id"] if sealed else None
        run = await begin(ask, rerun_of=first, outputs=outputs)
        path = "/lake/branches/main/objects?path=out/m"
        await as_run(server, run, "POST", path, data=io.BytesIO(b"model"))
        sealed.append(await end(ask, run))
        await ask.put(f"out/{run.id}", b"of somebody else")
        await ask.commit()

    identities = [
        {(each["path"], each["identity"]) for each in run["outputs"]} for run in sealed
    ]
    assert identities[0] == identities[1]
    assert {path for path, _ in identities[0]} == {"out/", "out/m"}
