"""A worker that gives trouble is noticed, named, and brought to an end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
from lakebed.server.supervising import process as module
from lakebed.server.supervising import slot as slot_module
from lakebed.server.supervising.messages import Figures
from lakebed.server.supervising.process import Recipe, WorkerProcess
from lakebed.server.supervising.slot import Slot
from lakebed.server.supervising.tally import Tally

PATIENCE_S = 30.0
TESTS = Path(__file__).parents[3]

Start = Callable[[str], Awaitable[WorkerProcess]]


@pytest.fixture(autouse=True)
def odd_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MODULE", "support.odd_worker")
    monkeypatch.setattr(module, "ASK_S", 0.01)
    monkeypatch.setattr(module, "UNANSWERED_MAX", 5)
    monkeypatch.setenv("PYTHONPATH", str(TESTS))


def note_change(worker: WorkerProcess) -> None:
    pass


def note_figures(worker: WorkerProcess, figures: Figures) -> None:
    pass


@pytest.fixture
async def start() -> AsyncGenerator[Start]:
    started: list[WorkerProcess] = []

    async def start_one(manner: str) -> WorkerProcess:
        worker = await WorkerProcess.start(
            0,
            Recipe([manner], (), (None, None)),
            sets_up=False,
            on_change=note_change,
            on_figures=note_figures,
        )
        started.append(worker)
        async with asyncio.timeout(PATIENCE_S):
            await worker.settled.wait()
        return worker

    yield start_one
    for worker in started:
        worker.send_signal(signal.SIGKILL)
        await worker.gone.wait()


async def test_one_that_answers_nothing_is_killed(start: Start) -> None:
    worker = await start("hangs")
    assert worker.is_ready

    async with asyncio.timeout(PATIENCE_S):
        await worker.gone.wait()

    assert worker.end == "signal 9 (SIGKILL)"
    assert not worker.is_ready


async def test_one_that_says_what_is_wrong_is_quoted(start: Start) -> None:
    worker = await start("fails")

    assert not worker.was_ready
    assert worker.end == worker.failure == "the moon is full"


async def test_one_that_makes_no_sense_is_let_go(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNANSWERED_MAX", 10**6)
    worker = await start("mutters")

    async with asyncio.timeout(PATIENCE_S):
        await worker.gone.wait()

    assert worker.was_ready
    assert worker.end == "exit code 0"


async def test_figures_are_not_waited_for_for_ever(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNANSWERED_MAX", 10**6)
    worker = await start("hangs")

    async with asyncio.timeout(PATIENCE_S):
        await worker.ask(0.05)

    assert worker.is_ready


async def test_one_that_does_not_end_is_killed_and_another_one_is_there_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "UNANSWERED_MAX", 10**6)
    monkeypatch.setattr(slot_module, "LAST_S", 0.0)
    slot = Slot(
        0,
        Recipe(["stays"], (), (None, None)),
        Tally(1),
        last_s_max=0.2,
        on_change=lambda: None,
    )
    assert await slot.start()
    (first,) = slot.living
    keeping = asyncio.ensure_future(slot.keep())
    async with asyncio.timeout(PATIENCE_S):
        await first.gone.wait()
    there = slot.living
    keeping.cancel()

    assert there, "the next one does not wait for the end of the first"
    assert first.end == "signal 9 (SIGKILL)"
    for worker in slot.living:
        worker.send_signal(signal.SIGKILL)
        await worker.gone.wait()


async def test_no_room_for_a_process_is_a_failed_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*arguments: object, **options: object) -> None:
        raise BlockingIOError(11, "resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    recipe = Recipe([], (), (None, None))
    slot = Slot(0, recipe, Tally(1), last_s_max=1, on_change=lambda: None)

    assert not await slot.start()
    assert slot.failed_starts == 1
    assert "cannot start a process" in slot.end
    assert not await slot.replace()
