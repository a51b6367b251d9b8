"""Stop every operation at every storage call: it happened, or it did not.

The lake is opened again afterwards, as after a crash, and must show the state before or
the state after, whole, and read back every byte of it.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lakebed.server.repository.engine import Engine

from support.attempts import attempt
from support.engines import make_directory, open_engine
from support.faults import Fault, FaultPlan
from support.mutations import (
    OPERATIONS,
    PARTS,
    complete,
    prepare,
    read_state,
)

STORING = ["bundle", "put", "put-large", "commit", "complete", "merge"]
"""Those that write to packs; what only the database sees is crashed elsewhere."""


@pytest.fixture
async def prepared() -> AsyncIterator[Path]:
    directory = make_directory()
    async with open_engine(directory / "lake") as engine:
        await prepare(engine)
    yield directory / "lake"
    shutil.rmtree(directory)


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", STORING)
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
        plan = FaultPlan(call, fault)
        state, is_acknowledged, storage = await attempt(
            prepared, OPERATIONS[name], plan, read_state
        )

        assert storage.injected, f"call {call} was not made"
        assert state in (before, after), counted.calls[call]
        if is_acknowledged:
            assert state == after, f"lost after {counted.calls[call]} failed"


async def test_an_upload_can_be_completed_after_a_completion_that_failed(
    prepared: Path,
) -> None:
    _, _, counted = await attempt(prepared, complete, None, read_state)

    for call in range(len(counted.calls)):
        plan = FaultPlan(call, Fault.REFUSED)
        state, _, storage = await attempt(
            prepared, complete, plan, read_state, tries_again=True
        )

        assert storage.injected
        assert state["main"][b"parts"] == b"".join(PARTS)
