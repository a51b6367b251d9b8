"""Stop what changes models at every storage call: it happened whole, or it did not."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from lakebed.server.errors import RepositoryNotFoundError
from lakebed.server.provenance import aliases, models, registering
from lakebed.server.repository import branches, listings, objects, tags
from lakebed.server.repository.engine import Engine
from lakebed.server.tree.entry import Entry

from support.attempts import attempt
from support.engines import make_directory, open_engine
from support.faults import Fault, FaultPlan
from support.models import ANN, make_version, train

RUN = "a" * 32
FILES = {f"model/{number:03}".encode(): b"%d" % number for number in range(300)}
"""More than a leaf holds, so that a version brings nodes of its own."""


async def read_state(engine: Engine) -> dict[str, Any]:
    """Return all that is told of models, and every byte of their files."""
    state: dict[str, Any] = {}
    for view in (await models.list_models(engine, limit=9)).items:
        page = await models.list_versions(engine, view.model.name, limit=9)
        state[view.model.name] = (
            view.latest,
            view.aliases,
            [each.version.number for each in page.items],
        )
    with suppress(RepositoryNotFoundError):
        refs = [
            *(each.name for each in (await branches.list_branches(engine, "models", limit=99)).items),
            *(each.name for each in (await tags.list_tags(engine, "models", limit=99)).items),
        ]  # fmt: skip
        for ref in refs:
            listing = await listings.list_objects(engine, "models", ref, limit=1000)
            state[f"files of {ref}"] = {
                item.path: await read_bytes(engine, item)
                for item in listing.items
                if isinstance(item, Entry)
            }
    return state


async def read_bytes(engine: Engine, entry: Entry) -> bytes:
    return b"".join([bytes(p) async for p in objects.read_object(engine, entry)])


OPERATIONS: dict[str, Callable[[Engine], Awaitable[object]]] = {
    "register": lambda e: registering.register(e, ANN, "fraud", RUN),
    "register first": lambda e: registering.register(e, ANN, "new", RUN),
    "register a file": lambda e: registering.register(
        e, ANN, "fraud", RUN, path="model/007"
    ),
}


@pytest.fixture
async def prepared() -> AsyncIterator[Path]:
    directory = make_directory()
    async with open_engine(directory / "lake") as engine:
        await make_version(engine)
        await aliases.promote(engine, ANN, "fraud", "prod", 1)
        await train(engine, FILES, name=RUN)
    yield directory / "lake"
    shutil.rmtree(directory)


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", OPERATIONS)
async def test_it_happened_or_it_did_not(
    prepared: Path, name: str, fault: Fault
) -> None:
    async def nothing(engine: Engine) -> None:
        pass

    before, _, _ = await attempt(prepared, nothing, None, read_state)
    after, _, counted = await attempt(prepared, OPERATIONS[name], None, read_state)
    assert before != after
    assert counted.calls, "the operation stores nothing: the test checks nothing"

    for call in range(len(counted.calls)):
        state, is_acknowledged, storage = await attempt(
            prepared, OPERATIONS[name], FaultPlan(call, fault), read_state
        )

        assert storage.injected, f"call {call} was not made"
        assert state in (before, after), counted.calls[call]
        if is_acknowledged:
            assert state == after, f"lost after {counted.calls[call]} failed"
