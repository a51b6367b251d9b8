"""Workers and servers are killed under load: what was acknowledged is there.

In the long form, resumable:

    LAKEBED_ROUNDS=500 LAKEBED_RESULTS=~/results python3 tasks.py test-durability -k kills
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.rounds import Rounds
from support.s3server import ServerProcess, run_server
from support.witness import Violated, Witness, hear, make_witnesses, working
from support.workers import find_processes, find_workers, is_running, kill, wait_until

pytestmark = pytest.mark.durability

KILLS = 40
WITNESSES = 8
LOAD_S_MAX = 1.0
CONTROL_KILLS_MAX = 8
VICTIMS = ("one worker", "all workers", "the supervisor")


def strike(server: ServerProcess, victim: str, chance: random.Random) -> None:
    """Kill what `victim` says, and nothing else."""
    workers = list(find_workers(server).values())
    match victim:
        case "one worker":
            kill(chance.choice(workers))
        case "all workers":
            for pid in workers:
                kill(pid)
        case _:
            server.kill()
            wait_until("no worker is left", lambda: not any(map(is_running, workers)))


def test_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    rounds = Rounds("kills", KILLS)
    lake = tmp_path / "lake"
    left = iter(list(rounds))
    witnesses: list[Witness] = []
    number = next(left, None)
    while number is not None:
        began = time.monotonic()
        with run_server(lake, "--workers", "2") as server:
            start_s = round(time.monotonic() - began, 2)
            witnesses = witnesses or make_witnesses(server, "kills", WITNESSES, number)
            hear(witnesses, server)
            is_up = True
            while number is not None and is_up:
                chance = random.Random(number)
                victim = chance.choices(VICTIMS, [3, 1, 1])[0]
                before = sum(witness.acked for witness in witnesses)
                with working([server], witnesses):
                    threading.Event().wait(chance.uniform(0.1, LOAD_S_MAX))
                    strike(server, victim, chance)
                acked = sum(witness.acked for witness in witnesses) - before
                is_up = victim != "the supervisor"
                if is_up:
                    wait_until(
                        "they are back", lambda: len(find_processes(server)) == 2
                    )
                    hear(witnesses, server)
                rounds.note(number, victim=victim, acked=acked, start_s=start_s)
                number = next(left, None)
    with run_server(lake, "--workers", "2") as server:
        hear(witnesses, server)
    print(f"\n{len(rounds.results)} kills, {rounds.total('acked')} acknowledged")
    assert rounds.total("acked") > 10 * len(rounds.results), "there was no load"


def test_an_acknowledgement_that_waits_for_nothing_is_noticed(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    with run_server(lake) as server:
        witnesses = make_witnesses(server, "kills", WITNESSES, 1)

    assert any(loses(lake, witnesses, number) for number in range(CONTROL_KILLS_MAX))


def loses(lake: Path, witnesses: Sequence[Witness], number: int) -> bool:
    """Kill a hasty server; tell whether something that it acknowledged is lost."""
    with (
        run_server(lake, without="waiting") as server,
        working([server], witnesses),
    ):
        threading.Event().wait(random.Random(number).uniform(0.3, LOAD_S_MAX))
        server.kill()
    with run_server(lake) as server:
        try:
            hear(witnesses, server)
        except Violated:
            return True
    return False
