"""Lineage over REST: each use at its address, and nodes as subjects of what is asked next."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from support.api import Served
from support.asking import Asker
from support.runs import Begun, begin, end, get, session_of


@pytest.fixture
async def run(server: Served, ask: Asker) -> Begun:
    """A run that read two files of the same bytes, and wrote a third and another one."""
    await ask.put("a", b"same")
    await ask.put("b%2Fc%40d%20e", b"same")
    await ask.commit("data")
    begun = await begin(ask)
    async with session_of(server, begun) as session:
        asked = Asker(session)
        for path in ("a", "b/c@d e"):
            where = f"/refs/main/objects?path={quote(path, safe='')}"
            assert (await get(asked, f"/repositories/lake{where}")).status == 200
        await asked.put("copy", b"same")
        await asked.put("out", b"other")
    await end(ask, begun)
    return begun


async def lineage(ask: Asker, subject: str, direction: str = "up") -> Any:
    query = f"subject={quote(subject, safe='')}&direction={direction}"
    answer = await get(ask, f"/lineage?{query}")
    assert answer.status == 200, answer
    return answer.json


async def test_each_use_has_its_address_and_its_commit(ask: Asker, run: Begun) -> None:
    found = await lineage(ask, "lakebed://lake/main/out")

    inputs = (await get(ask, f"/runs/{run.id}")).json["inputs"]
    nodes = {each["id"]: each for each in found["nodes"]}
    read = {
        (nodes[edge["source"]]["path"], edge["commit"])
        for edge in found["edges"]
        if edge["target"] == f"run:{run.id}"
    }
    assert read == {(each["path"], each["commit"]) for each in inputs}
    assert {path for path, _ in read} == {"a", "b/c@d e"}
    assert found["is_complete"]


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_each_node_can_be_asked_for(
    ask: Asker, run: Begun, direction: str
) -> None:
    for start in ("a", "out", "copy"):
        found = await lineage(ask, f"lakebed://lake/main/{start}", direction)
        for node in found["nodes"]:
            again = await lineage(ask, node["id"], direction)
            assert again["nodes"][0]["id"] == node["id"]


@pytest.mark.parametrize(
    ("subject", "status"),
    [
        ("file:" + "0" * 64 + "@lake/none", 200),
        ("file:" + "0" * 64 + "@none/none", 404),
        ("file:" + "0" * 63 + "@lake/none", 400),
        ("file:" + "0" * 64 + "@lake/\0", 400),
        ("prefix:" + "0" * 64 + "@lake/" + "x" * 2000, 400),
    ],
)
async def test_an_id_that_is_none_is_refused(
    ask: Asker, run: Begun, subject: str, status: int
) -> None:
    answer = await get(ask, f"/lineage?subject={quote(subject, safe='')}")

    assert answer.status == status, answer
