"""A run that does another one again reads what that one read, whatever moved since."""

from __future__ import annotations

import pytest

from support.asking import Asker
from support.runs import append, begin, end, get


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
