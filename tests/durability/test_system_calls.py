"""Every system call of twelve operations fails, or is the last one of the process.

Whatever was acknowledged is there afterwards, the rest whole or not at all, and the lake
opens by itself. All points, resumable, a few hours:

    LAKEBED_ROUNDS=1000000 LAKEBED_RESULTS=~/results python3 tasks.py test-durability \
        -k system_call
"""

from __future__ import annotations

import random
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.engines import make_directory, open_engine
from support.mutations import OPERATIONS, State, prepare, read_state
from support.rounds import Rounds
from support.system_calls import Point, count_calls, require_strace, run_with

pytestmark = pytest.mark.durability

SAMPLE = 48
HOWS = ("signal=KILL", "error=EIO", "error=ENOSPC")
OPERATOR = "support.mutations"


@pytest.fixture
async def lake() -> AsyncIterator[Path]:
    require_strace()
    directory = make_directory()
    async with open_engine(directory / "lake") as engine:
        await prepare(engine)
    yield directory / "lake"
    shutil.rmtree(directory)


async def look(lake: Path) -> State:
    async with open_engine(lake) as engine:
        return await read_state(engine)


class Copy:
    """A copy of a lake to be spoilt."""

    def __init__(self, lake: Path) -> None:
        self._folder = make_directory()
        self.lake = self._folder / "lake"
        shutil.copytree(lake, self.lake)

    @property
    def log(self) -> Path:
        return self._folder / "log"

    def remove(self) -> None:
        shutil.rmtree(self._folder)


def list_points(lake: Path) -> list[tuple[str, Point]]:
    """Return every call of every operation, with all that can become of it."""
    points: list[tuple[str, Point]] = []
    for name in OPERATIONS:
        copy = Copy(lake)
        counts = count_calls(OPERATOR, str(copy.lake), name, log=copy.log)
        copy.remove()
        assert counts["fdatasync"] + counts["fsync"], "nothing is synced: is it traced?"
        points += (
            (name, Point(call, number, how, for_ever))
            for call in sorted(counts)
            for number in range(1, counts[call] + 1)
            for how in HOWS
            for for_ever in (False, True)
            if not (for_ever and how == "signal=KILL")
        )
    return points


async def test_every_system_call_may_fail_or_be_the_last(lake: Path) -> None:
    points = list_points(lake)
    print(f"\n{len(points)} points")
    rounds = Rounds("system-calls", SAMPLE)
    random.Random(5).shuffle(points)
    before = await look(lake)
    after: dict[str, State] = {}
    for name in OPERATIONS:
        copy = Copy(lake)
        async with open_engine(copy.lake) as engine:
            await OPERATIONS[name](engine)
        after[name] = await look(copy.lake)
        copy.remove()

    for number in rounds:
        if number >= len(points):
            break
        name, point = points[number]
        state, is_acknowledged = await spoil(lake, name, point)

        assert same(state, before) or same(state, after[name]), (name, point)
        if is_acknowledged:
            assert same(state, after[name]), f"{name} is lost after {point}"
        rounds.note(number, operation=name, point=str(point), acked=is_acknowledged)


async def test_an_acknowledgement_that_comes_too_early_is_noticed(lake: Path) -> None:
    before = await look(lake)
    point = Point("fdatasync", 1, "error=EIO")

    state, is_acknowledged = await spoil(lake, "put", point, "hasty")

    assert is_acknowledged
    assert state == before


async def spoil(
    lake: Path, name: str, point: Point, *options: str
) -> tuple[State, bool]:
    """Do an operation on a copy, with one call changed; return what is there then."""
    copy = Copy(lake)
    done = run_with(point, OPERATOR, str(copy.lake), name, *options)
    state = await look(copy.lake)
    copy.remove()
    return state, "acknowledged" in done.stdout


def same(one: State, other: State) -> bool:
    """Compare what two lakes show; ids of new commits differ by their times."""

    def strip(state: State) -> State:
        return {
            ref: found for ref, found in state.items() if not ref.startswith("tag:")
        }

    tags = {ref for ref in one if ref.startswith("tag:")}
    return strip(one) == strip(other) and tags == set(other) - set(strip(other))
