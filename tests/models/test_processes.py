"""Two servers on one directory register and promote at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.engines import open_engine
from support.models import train
from support.s3server import ServerProcess, run_server

ROUNDS = 8
"""Of each of four threads."""
RUN = "b" * 32


async def fill(directory: Path) -> None:
    async with open_engine(directory) as engine:
        await train(engine, name=RUN)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[ServerProcess]]:
    asyncio.run(fill(tmp_path / "lake"))
    with run_server(tmp_path / "lake") as one, run_server(tmp_path / "lake") as other:
        yield [one, other]


def test_numbers_are_given_once_and_the_log_is_one_chain(
    servers: list[ServerProcess],
) -> None:
    def work(server: ServerProcess) -> list[int]:
        numbers: list[int] = []
        for _ in range(ROUNDS):
            made = server.rest("POST", "/models/fraud/versions", {"run": RUN})
            numbers.append(made["version"])
            server.rest("PUT", "/models/fraud/aliases/prod", {"version": numbers[-1]})
        return numbers

    with ThreadPoolExecutor(4) as pool:
        given = [n for some in pool.map(work, servers * 2) for n in some]

    assert sorted(given) == list(range(1, 4 * ROUNDS + 1))
    log = servers[0].rest("GET", "/models/fraud/aliases/prod/log?amount=100")["results"]
    log.reverse()
    assert sorted(move["new"] for move in log) == sorted(given)
    assert log[0]["old"] is None
    assert [move["old"] for move in log[1:]] == [move["new"] for move in log[:-1]]
    for server in servers:
        alias = server.rest("GET", "/models/fraud/aliases/prod")["version"]
        assert alias == log[-1]["new"]
        refs = {
            ref["id"]: ref["commit_id"]
            for kind in ("branches", "tags")
            for ref in server.rest("GET", f"/repositories/models/{kind}?amount=100")[
                "results"
            ]
        }
        assert refs["fraud@prod"] == refs[f"fraud@{alias}"]
        assert refs["fraud"] == refs[f"fraud@{4 * ROUNDS}"]
        assert len(refs) == 4 * ROUNDS + 2
