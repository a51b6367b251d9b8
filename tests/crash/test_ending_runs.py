"""Stop the end of a run at every transaction and every storage call: asked for again, it
comes to what it would have come to, once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from lakebed.client.wire.runs import (
    MetricPoints,
    OutputWish,
    RunBatch,
    RunCreation,
    RunEnd,
)
from lakebed.server.chunks.index import Frame, StoredFrame
from lakebed.server.errors import LakeError
from lakebed.server.provenance.adding import append_batch
from lakebed.server.provenance.beginning import SealedKey, begin_run
from lakebed.server.provenance.details import get_details, get_points
from lakebed.server.provenance.ending import end_run
from lakebed.server.provenance.losing import LostRuns
from lakebed.server.provenance.observing import Observer
from lakebed.server.provenance.views import Use, see
from lakebed.server.repository.branches import create_branch, list_branches
from lakebed.server.repository.commits import commit_branch, get_commit
from lakebed.server.repository.contracts import WriteTransaction
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.objects import put_object, read_object, stat_object
from lakebed.server.repository.repositories import create_repository
from lakebed.server.runs.record import decode_record, encode_record
from lakebed.server.runs.rows import RunScope
from lakebed.server.storage.local import LocalPackStorage

from support.engines import Clock, make_directory, open_engine
from support.faults import Fault, FaultPlan, FaultyPackStorage

T = TypeVar("T")
BRANCHES = ("dev", "main")


class KilledError(Exception):
    """Stands for the end of the process."""


class DyingMetadata:
    """Another database, in which the process ends at write number `dies_at`.

    With `after_effect` the transaction is durable, and nobody hears of it.
    """

    def __init__(self, inner: Any, dies_at: int, *, after_effect: bool) -> None:
        self._inner = inner
        self._left = dies_at
        self._after_effect = after_effect
        self.has_died = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def write(
        self,
        action: Callable[[WriteTransaction], Awaitable[T]],
        *,
        frames: Sequence[Frame] = (),
        stored: Sequence[StoredFrame] = (),
    ) -> T:
        if self.has_died:
            raise KilledError
        dies = self._left == 0
        self._left -= 1
        if dies and not self._after_effect:
            self.has_died = True
            raise KilledError
        result: T = await self._inner.write(action, frames=frames, stored=stored)
        if dies:
            self.has_died = True
            raise KilledError
        return result


@dataclass(frozen=True, slots=True)
class Ann:
    """Whoever asks: they may do everything."""

    name: str = "ann"
    user_id: int = 0
    is_admin: bool = True
    run: RunScope | None = None

    def require_read(self, repository: str, ref: str | None) -> None:
        pass

    def require_write(self, repository: str, ref: str) -> None:
        pass

    def may_read(self, repository: str) -> bool:
        return True

    def administers(self, repository: str) -> bool:
        return True


ANN = Ann()


async def prepare(engine: Engine) -> str:
    """Make a lake with a run that has read, written and logged; return its id."""
    await create_repository(engine, "lake", actor="ann")
    await put_object(engine, "lake", "main", b"in", b"input")
    await commit_branch(engine, "lake", "main", message="m", actor="ann")
    await create_branch(engine, "lake", "dev", "main", actor="ann")
    wish = RunCreation(
        outputs=[
            OutputWish(repository="lake", branch=branch, path="out/")
            for branch in BRANCHES
        ],
        params={"rate": 0.1},
        lost_after_s=5,
    )
    run = await begin_run(
        engine, "lake", wish, ANN, make_key=lambda: SealedKey("KEY", b"sealed")
    )
    scope = RunScope(run.id, run.name, run.log_sequence, False, False)
    view = await see(engine, scope, "lake", "main", Use.READ)
    located = await stat_object(engine, "lake", view.ref, b"in")
    await Observer(engine).observe(
        scope, view, located.repository, (located.entry,), located.commit_id
    )
    for branch in BRANCHES:
        view = await see(engine, scope, "lake", branch, Use.WRITE)
        await put_object(engine, "lake", view.ref, b"out/model", branch.encode())
        await put_object(engine, "lake", view.ref, b"in", b"input")
    for sequence in (1, 2):
        points = MetricPoints(
            name="auc", values=[0.5], steps=[sequence], times_ms=[sequence]
        )
        batch = RunBatch(writer="w", sequence=sequence, metrics=[points], log="x\n")
        await append_batch(engine, run, batch, ANN)
    return run.name


async def ask_for_the_end(engine: Engine, run_id: str) -> None:
    run = await engine.metadata.find_run(run_id)
    assert run is not None
    await end_run(engine, run, RunEnd(status="succeeded", exit_code=0), ANN)


async def look(engine: Engine, run_id: str) -> dict[str, Any]:
    """Return all that there is to see of a sealed run, but for ids that have times."""
    run = await engine.metadata.find_run(run_id)
    assert run is not None
    assert run.is_sealed
    details = await get_details(engine, run)
    record = details.record
    assert decode_record(encode_record(record)) == record
    heads = {}
    for branch in BRANCHES:
        commit = await get_commit(engine, "lake", branch)
        assert dict(commit.metadata) == {"run": run_id}
        located = await stat_object(engine, "lake", branch, b"out/model")
        content = [bytes(piece) async for piece in read_object(engine, located.entry)]
        heads[branch] = (commit.generation, b"".join(content))
    branches = await list_branches(engine, "lake", limit=100, hidden=True)
    points = await get_points(engine, run, "auc")
    needed = {
        (edge.repository, edge.commit) for edge in (*record.inputs, *record.outputs)
    }
    return {
        "status": run.status,
        "exit_code": run.exit_code,
        "grade": run.grade,
        "heads": heads,
        "branches": [branch.name for branch in branches.items],
        "inputs": [(edge.path, edge.how) for edge in record.inputs],
        "outputs": [
            (edge.ref, edge.path, edge.how, edge.identity) for edge in record.outputs
        ],
        "commits": len(needed),
        "files": [(file.name, file.size_bytes) for file in record.files],
        "points": list(points.steps),
        "missing": record.missing,
        "work branches": details.work_branches,
    }


@pytest.fixture
async def lake() -> AsyncIterator[tuple[Path, str]]:
    directory = make_directory()
    async with open_engine(directory / "lake") as engine:
        run_id = await prepare(engine)
    yield directory / "lake", run_id
    shutil.rmtree(directory)


async def test_an_end_that_was_cut_off_is_taken_up_where_it_stopped(
    lake: tuple[Path, str],
) -> None:
    directory, run_id = lake
    whole = await _end_whole(directory, run_id)
    assert whole["heads"] == {"dev": (2, b"dev"), "main": (2, b"main")}
    assert whole["branches"] == ["dev", "main"]

    for after_effect in (False, True):
        dies_at = 0
        while await _end_cut_off(directory, run_id, dies_at, after_effect, whole):
            dies_at += 1
        assert dies_at > 6, "the end is of more transactions than these"


async def _end_whole(directory: Path, run_id: str) -> dict[str, Any]:
    copy = make_directory()
    shutil.copytree(directory, copy / "lake")
    async with open_engine(copy / "lake") as engine:
        await ask_for_the_end(engine, run_id)
        seen = await look(engine, run_id)
    shutil.rmtree(copy)
    return seen


async def _end_cut_off(
    directory: Path,
    run_id: str,
    dies_at: int,
    after_effect: bool,
    whole: dict[str, Any],
) -> bool:
    """End the run in a process that dies, then again; False: it did not die."""
    copy = make_directory()
    shutil.copytree(directory, copy / "lake")
    async with open_engine(copy / "lake") as engine:
        dying = DyingMetadata(engine.metadata, dies_at, after_effect=after_effect)
        with suppress(KilledError):
            await ask_for_the_end(replace(engine, metadata=dying), run_id)
        has_died = dying.has_died
    async with open_engine(copy / "lake") as engine:
        run = await engine.metadata.find_run(run_id)
        assert run is not None
        if run.ended_ms is not None and not run.is_sealed:
            # Nobody asks again: whoever looks for lost runs finishes it, as asked.
            clock = engine.clock
            assert isinstance(clock, Clock)
            clock.now_ms += 60_000
            assert await LostRuns(engine, 0).seal() == 1
        await ask_for_the_end(engine, run_id)
        assert await look(engine, run_id) == whole, (dies_at, after_effect)
    shutil.rmtree(copy)
    return has_died


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)
async def test_an_end_that_the_disk_refused_can_be_asked_for_again(
    lake: tuple[Path, str], fault: Fault
) -> None:
    directory, run_id = lake
    whole = await _end_whole(directory, run_id)

    call = 0
    while True:
        copy = make_directory()
        shutil.copytree(directory, copy / "lake")
        storage = FaultyPackStorage(
            LocalPackStorage(copy / "lake"), FaultPlan(call, fault)
        )
        with suppress(LakeError):
            async with open_engine(copy / "lake", storage=storage) as engine:
                await ask_for_the_end(engine, run_id)
        async with open_engine(copy / "lake") as engine:
            await ask_for_the_end(engine, run_id)
            assert await look(engine, run_id) == whole, call
        shutil.rmtree(copy)
        if not storage.injected:
            break
        call += 1

    assert call > 2, "no fault was injected: the test checks nothing"


async def test_two_that_end_one_run_at_once_come_to_one_end(
    lake: tuple[Path, str],
) -> None:
    directory, run_id = lake
    whole = await _end_whole(directory, run_id)
    copy = make_directory()
    shutil.copytree(directory, copy / "lake")

    async with open_engine(copy / "lake") as engine:
        await asyncio.gather(*(ask_for_the_end(engine, run_id) for _ in range(5)))
        assert await look(engine, run_id) == whole

    shutil.rmtree(copy)
