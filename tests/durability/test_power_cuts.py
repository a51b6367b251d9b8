"""The power fails under load: what was acknowledged is there, the rest whole or not at all.

In the long form, resumable:

    LAKEBED_ROUNDS=300 LAKEBED_RESULTS=~/results python3 tasks.py test-durability -k power
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.power import Disk, open_disk, require_disk
from support.rounds import Rounds
from support.s3server import ServerProcess, run_server
from support.witness import Violated, Witness, hear, make_witnesses, working

pytestmark = pytest.mark.durability

CUTS = 20
SERVERS = 2
WITNESSES = 8
LOAD_S_MAX = 1.5
ACKED_MIN = 10
"""Requests that are acknowledged before a cut, or it says little."""
USED_MAX = 0.7
"""Of a disk: then a new one, with a new lake, goes on."""
CONTROL_CUTS_MAX = 8
"""Cuts in which a server without a safeguard must have lost something."""


@contextmanager
def run_servers(lake: Path, safeguard: str) -> Generator[list[ServerProcess]]:
    """Run the servers of a lake; each takes one safeguard away."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(run_server(lake, without=safeguard))
            for _ in range(SERVERS)
        ]


def run_round(
    disk: Disk, witnesses: Sequence[Witness], load_s: float, safeguard: str
) -> float:
    """Load, cut, start again, and hear the witnesses; return how long the start took.

    Raises:
        Violated: something that was acknowledged is lost.
    """
    lake = disk.path / "lake"
    with run_servers(lake, safeguard) as servers, working(servers, witnesses) as stop:
        threading.Event().wait(load_s)
        # Nobody hears an answer from a machine without power. Here the servers live on for
        # a moment, in which a sync that waits for the aborted journal may say 0.
        stop.set()
        disk.cut()
        for server in servers:
            server.kill()
    disk.power_on()
    began = time.monotonic()
    try:
        with run_server(lake, without=safeguard) as server:
            start_s = time.monotonic() - began
            hear(witnesses, server)
    except RuntimeError as error:  # it does not start on what is left
        raise Violated(str(error)) from error
    return start_s


def prepare(disk: Disk, seed: int) -> list[Witness]:
    with run_server(disk.path / "lake") as server:
        return make_witnesses(server, "power", WITNESSES, seed)


@pytest.mark.parametrize("file_system", ["ext4", "xfs"])
def test_a_power_cut_loses_nothing_that_was_acknowledged(file_system: str) -> None:
    require_disk(file_system)
    rounds = Rounds(f"power-{file_system}", CUTS)
    numbers = iter(rounds)
    number = next(numbers, None)
    while number is not None:
        with open_disk(file_system) as disk:
            witnesses = prepare(disk, seed=number)
            # On a full disk everything is refused, and a cut has nothing to lose.
            while number is not None and disk.used < USED_MAX:
                load_s = random.Random(number).uniform(0.2, LOAD_S_MAX)
                before = sum(witness.acked for witness in witnesses)
                start_s = run_round(disk, witnesses, load_s, "none")
                acked = sum(witness.acked for witness in witnesses) - before
                rounds.note(number, acked=acked, start_s=round(start_s, 2))
                number = next(numbers, None)
    print(f"\n{len(rounds.results)} cuts, {rounds.total('acked')} acknowledged")
    idle = [result for result in rounds.results if result["acked"] < ACKED_MIN]
    assert len(idle) <= len(rounds.results) / 5, "there was no load"


# Not `folder-sync`: ext4 keeps the name of a new file that was synced itself.
@pytest.mark.parametrize("safeguard", ["database-sync", "pack-sync"])
def test_without_a_safeguard_a_power_cut_is_noticed(safeguard: str) -> None:
    require_disk("ext4")
    with open_disk() as disk:
        witnesses = prepare(disk, seed=1)
        assert any(
            loses(disk, witnesses, number, safeguard)
            for number in range(CONTROL_CUTS_MAX)
        )


def loses(
    disk: Disk, witnesses: Sequence[Witness], number: int, safeguard: str
) -> bool:
    """Cut the power once; tell whether something that was acknowledged is lost."""
    try:
        load_s = random.Random(number).uniform(0.5, LOAD_S_MAX)
        run_round(disk, witnesses, load_s, safeguard)
    except Violated:
        return True
    return False
