"""Twice what a server can take, with 2,000 slow clients: it stays fast, and stays small.

In the long form, resumable, with a line of figures a minute:

    LAKEBED_SOAK_S=3600 LAKEBED_RESULTS=~/results python3 tasks.py test-durability -k overload

What it can take is measured first. Nothing here is judged by the clock: times and rates
are compared with those of the same run, so that a slow machine changes nothing.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lakebed.server.settings import Settings

from support.crowd import (
    LARGE_BYTES,
    LARGE_KEY,
    MIDDLE_BYTES,
    MIDDLE_KEY,
    RunningCrowd,
    run_crowd,
)
from support.large import MIB, WORKER_BYTES_MAX
from support.offered import Offered, Taken
from support.rounds import Rounds
from support.s3server import ServerProcess, run_server
from support.workers import figure, find_workers, wait_until

pytestmark = pytest.mark.durability

WORKERS = 2
SLOW_CLIENTS = 2000
OVERLOAD = 2.0
"""What is offered, over what the server can take."""
CLIENTS = 32
"""Of the closed loop that finds out what it can take."""
MEASURE_S = 3.0
ROUND_S, ROUNDS = 5.0, 4
LONG_ROUND_S = 60.0
ACCEPTED_PART_MIN = 0.08
"""What must be answered of what the server can take: 0.2 to 0.9 in fact, for refusals cost
a third of an answer, and the load takes half of a machine of two cores. Without giving
way it is nearly nothing."""
TIMES_MAX = 12.0
"""How many times as long as it takes to work off all that is accepted at one time. It is
2 to 4 in fact: what is refused meanwhile takes time as well."""
TRIES = 2
GROWTH_BYTES_MAX = 48 * MIB
"""What a worker may grow from one half of the rounds to the other."""
LEFT_BYTES_MAX = 112 * MIB
"""What a worker may keep when all are gone: caches, and what the allocator holds."""
FILES_LEFT_MAX = 40
"""Descriptors of readers and packs that were opened meanwhile."""


@dataclass(frozen=True)
class Footprint:
    """What one worker takes of the machine."""

    memory_bytes: int
    files: int

    @classmethod
    def of(cls, pid: int) -> Footprint:
        """Look at a process: its own memory, and its part of what is shared."""
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        line = next(each for each in rollup.splitlines() if each.startswith("Pss:"))
        files = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
        return cls(int(line.split()[1]) * 1024, files)


@dataclass
class Stage:
    """A server under load, and what it can take."""

    server: ServerProcess
    load: Offered
    runner: asyncio.Runner
    before: list[Footprint]
    unloaded: Taken
    capacity: Taken
    workers: dict[int, int]
    """Processes by slot."""
    crowd: RunningCrowd | None = None
    after: list[Footprint] = field(default_factory=list[Footprint])
    """Once all clients are gone."""

    def overload(self, seconds: float) -> Taken:
        """Offer more than the server can take.

        Others may have used the machine when that was measured: if the server takes all
        that is offered, it can take more than was thought, and more is offered.
        """
        taken = self._offer(seconds)
        for _ in range(TRIES):
            if taken.refused or taken.rate < self.capacity.rate:
                break
            self.capacity = taken
            taken = self._offer(seconds)
        return taken

    def _offer(self, seconds: float) -> Taken:
        rate = OVERLOAD * self.capacity.rate
        return self.runner.run(self.load.run_open(rate, seconds))

    def footprints(self) -> list[Footprint]:
        """Look at each worker."""
        return [Footprint.of(pid) for pid in find_workers(self.server).values()]


@contextmanager
def staged(lake: Path, *limits: str) -> Generator[Stage]:
    """Run a server with `limits`, find out what it takes, and have the crowd come."""
    arguments = ["--workers", str(WORKERS), "--metrics", "127.0.0.1:0"]
    arguments += [f"--limit={limit}" for limit in limits]
    with (
        asyncio.Runner() as runner,
        run_server(lake, *arguments) as server,
    ):
        bucket = server.create_repository("overload")
        for key, size_bytes in ((LARGE_KEY, LARGE_BYTES), (MIDDLE_KEY, MIDDLE_BYTES)):
            body = os.urandom(size_bytes)
            assert server.send("PUT", f"/{bucket}/main/{key}", body=body).status == 200
        load = Offered(server.address, bucket)
        runner.run(load.fill())
        runner.run(load.run_closed(CLIENTS, 1))  # what is made once is made now
        workers = find_workers(server)
        before = [Footprint.of(pid) for pid in workers.values()]
        unloaded = runner.run(load.run_closed(1, MEASURE_S / 2))
        capacity = runner.run(load.run_closed(CLIENTS, MEASURE_S))
        stage = Stage(server, load, runner, before, unloaded, capacity, workers)
        with run_crowd(server, bucket, SLOW_CLIENTS) as stage.crowd:
            yield stage
        runner.run(load.close())
        wait_until("all connections are gone", lambda: count_open(server) == 0)
        assert find_workers(server) == workers, "a worker has died"
        wait_until("memory has come back", lambda: has_come_back(stage))
        stage.after = stage.footprints()


def has_come_back(stage: Stage) -> bool:
    return all(
        after.memory_bytes < before.memory_bytes + LEFT_BYTES_MAX
        for before, after in zip(stage.before, stage.footprints(), strict=True)
    )


def count_open(server: ServerProcess) -> float:
    return figure(server, "lakebed_open_connections")


def judge(taken: Taken, stage: Stage, places: int) -> None:
    """Check one round: who was accepted, who was refused, and how."""
    judge_answers(taken, stage)
    complaint = find_slowness(taken, stage, places)
    assert complaint is None, complaint


def judge_answers(taken: Taken, stage: Stage) -> None:
    """Check what was answered, whatever the machine does besides."""
    assert not taken.wrong, f"accepted, and failed: {taken.wrong}"
    assert taken.sent + taken.unsent > 1.5 * stage.capacity.rate * taken.seconds
    assert taken.refused > 0, "nobody was told that it is too much"


def find_slowness(taken: Taken, stage: Stage, places: int) -> str | None:
    """Return in which way those that were accepted had to wait too long."""
    if taken.rate <= ACCEPTED_PART_MIN * stage.capacity.rate:
        return f"the good ones starve: {taken.rate:.0f}/s"
    longest_s = TIMES_MAX * places / stage.capacity.rate
    slowest_s = taken.quantile_s(0.99)
    if slowest_s >= longest_s:
        return f"{slowest_s:.2f} s, and at most {longest_s:.2f} s"
    return None


def summary(
    taken: Taken, stage: Stage, footprints: list[Footprint]
) -> dict[str, object]:
    """Return the figures of one round that are kept."""
    assert stage.crowd is not None
    return {
        "capacity": round(stage.capacity.rate),
        "offered": round((taken.sent + taken.unsent) / taken.seconds),
        "accepted": taken.accepted,
        "refused": taken.refused,
        "median_ms": round(1000 * taken.quantile_s(0.5)),
        "p99_ms": round(1000 * taken.quantile_s(0.99)),
        "longest_ms": round(1000 * taken.quantile_s(1)),
        "unloaded_p99_ms": round(1000 * stage.unloaded.quantile_s(0.99)),
        "slow_clients": stage.crowd.connected,
        "gave_way": round(figure(stage.server, "lakebed_gave_way_total")),
        "memory_mib": [round(each.memory_bytes / MIB) for each in footprints],
        "files": [each.files for each in footprints],
    }


def test_at_twice_its_capacity_it_stays_fast_and_small(tmp_path: Path) -> None:
    soak_s = float(os.environ.get("LAKEBED_SOAK_S") or 0)
    round_s = LONG_ROUND_S if soak_s else ROUND_S
    rounds = Rounds("overload", math.ceil(soak_s / round_s) if soak_s else ROUNDS)
    left = list(rounds)
    places = WORKERS * Settings().requests_max
    seen: list[list[Footprint]] = []
    slow: list[str] = []
    with staged(tmp_path / "lake") as stage:
        # The first wave holds each place until it is slow: that is no round yet.
        stage.overload(2 * Settings().grace_s)
        for number in left:
            taken = stage.overload(round_s)
            footprints = stage.footprints()
            kept = summary(taken, stage, footprints)
            print(f"\n{kept}", end="")
            judge_answers(taken, stage)
            slow += filter(None, [find_slowness(taken, stage, places)])
            for each in footprints:
                assert each.memory_bytes < WORKER_BYTES_MAX
            assert stage.crowd is not None
            assert stage.crowd.connected > 0.7 * SLOW_CLIENTS, "there was no crowd"
            seen.append(footprints)
            rounds.note(number, **kept)
    after = stage.after
    print(f"\nbefore {stage.before}, after {after}")
    # Others may take the cores for a while, after it was measured what they can do.
    assert len(slow) <= len(seen) // 2, slow
    for worker in range(WORKERS):
        is_flat([each[worker] for each in seen])
        assert after[worker].files <= stage.before[worker].files + FILES_LEFT_MAX


def is_flat(seen: list[Footprint]) -> None:
    """Check that a worker took no more in the later half of the rounds."""
    middle = len(seen) // 2
    earlier, later = seen[: middle or 1], seen[middle:]
    grown = max(each.memory_bytes for each in later) - max(
        each.memory_bytes for each in earlier
    )
    assert grown < GROWTH_BYTES_MAX, f"it grew by {grown / MIB:.0f} MiB"
    files = [max(each.files for each in part) for part in (earlier, later)]
    assert files[1] < 1.5 * files[0] + FILES_LEFT_MAX, files


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (("requests_max=1000000",), "nobody was told that it is too much"),
        (("grace_s=1000000", "requests_max=128"), "the good ones starve"),
    ],
    ids=["no limit of requests", "nobody gives way"],
)
def test_without_a_limit_it_is_noticed(
    tmp_path: Path, limits: tuple[str, ...], said: str
) -> None:
    with staged(tmp_path / "lake", *limits) as stage:
        stage.overload(2)

        with pytest.raises(AssertionError, match=said):
            judge(stage.overload(ROUND_S), stage, WORKERS * Settings().requests_max)
