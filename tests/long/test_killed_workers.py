"""Workers and supervisors are killed at random under load: nothing acknowledged is lost.

    LAKEBED_KILL_ROUNDS=0-24 .venv/bin/pytest -s -m long tests/long/test_killed_workers.py

A round is 20 kills of one lake, chosen by its number; `0-1` is run if nothing is said. A
run that was cut short goes on with the rounds that are left.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from support.edges import at, connect
from support.s3server import ServerProcess, run_server
from support.workers import (
    figure,
    find_processes,
    find_workers,
    is_running,
    kill,
    load,
    wait_until,
)

pytestmark = pytest.mark.long

KILLS = 20
WORKERS = 2
VICTIMS = ("one worker", "all workers", "the supervisor")
WEIGHTS = (3, 1, 1)


def rounds_to_run() -> range:
    first, _, last = os.environ.get("LAKEBED_KILL_ROUNDS", "0-1").partition("-")
    return range(int(first), int(last or first) + 1)


def refuses(server: ServerProcess) -> bool:
    try:
        connect(server).close()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("number", rounds_to_run())
def test_nothing_acknowledged_is_lost_whoever_is_killed(
    lake: Path, number: int
) -> None:
    chance = random.Random(number)
    arguments = ("--workers", str(WORKERS), "--metrics", "127.0.0.1:0")
    counts: Counter[str] = Counter()
    seen: set[int] = set()
    with ExitStack() as stack:
        server = stack.enter_context(run_server(lake, *arguments))
        bucket = server.create_repository("survivor")
        address = server.address
        with load(server, bucket) as running:
            for _ in range(KILLS):
                running.wait_for(chance.randrange(1, 60))
                seen |= find_processes(server)
                victim = chance.choices(VICTIMS, WEIGHTS)[0]
                counts[victim] += 1
                match victim:
                    case "one worker":
                        kill(chance.choice(list(find_workers(server).values())))
                    case "all workers":
                        for pid in find_workers(server).values():
                            os.kill(pid, signal.SIGKILL)
                    case _:
                        server.kill()
                        wait_until("nobody listens", partial(refuses, server))
                        server = stack.enter_context(
                            run_server(lake, *arguments, listen=address)
                        )
                running.wait_for(1)
            current = server
            wait_until(
                "all workers are there",
                lambda: figure(current, "lakebed_ready_workers") == WORKERS,
            )
            seen |= find_processes(server)
        print(
            f"\nround {number}: {dict(counts)}, {len(running.acked)} acknowledged, "
            f"{len(running.broken)} without an answer"
        )
        assert running.broken, "no kill met a request: the test checks nothing"
        running.check_acked(server)
        running.acked["never-written"] = b""
        with pytest.raises(AssertionError):
            running.check_acked(server)  # it would have been noticed
        assert at(server, "figures").send_as_it_is("GET", "/metrics", {}).status == 200
    wait_until("no worker is left", lambda: not any(map(is_running, seen)))
