"""Histories of 8 clients on two servers, one of which is killed again and again.

In the long form: `LAKEBED_ROUNDS=300 LAKEBED_RESULTS=~/results python3 tasks.py
test-durability -k linearizable`.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.linearizable import Operation, is_linearizable
from support.registers import (
    Connection,
    ObjectRegister,
    RefRegister,
    Register,
    work,
)
from support.rounds import Rounds
from support.s3server import ServerProcess, run_server

pytestmark = pytest.mark.durability

HISTORIES = 10
"""Of each of the two kinds of registers."""
OPERATIONS = 2000
CLIENTS = 8
KILLS = 2
"""In each history."""
REPOSITORY = "linear"
CONTROL_HISTORIES_MAX = 5
BACK_S_MAX = 60.0


class Killable:
    """A server that is killed and started again at the same place."""

    def __init__(self, lake: Path, without: str) -> None:
        self._lake = lake
        self._without = without
        self._up = threading.Event()
        self.server: ServerProcess | None = None

    def get(self) -> ServerProcess:
        """Return the server; waits while there is none."""
        assert self._up.wait(BACK_S_MAX)
        assert self.server is not None
        return self.server

    def wait(self) -> None:
        """Wait until it is there again."""
        assert self._up.wait(BACK_S_MAX)

    @contextmanager
    def live(self) -> Generator[Callable[[], None]]:
        """Run it; what is yielded ends this life, as a kill, and begins the next."""
        lives = [run_server(self._lake, without=self._without)]
        self.server = lives[0].__enter__()
        self._up.set()

        def kill() -> None:
            assert self.server is not None
            address = self.server.address
            self._up.clear()
            self.server.kill()
            lives[0].__exit__(None, None, None)
            lives[0] = run_server(self._lake, listen=address, without=self._without)
            self.server = lives[0].__enter__()
            self._up.set()

        try:
            yield kill
        finally:
            lives[0].__exit__(None, None, None)


Make = Callable[[Connection, int], Register]


def record(
    servers: list[Killable], make: Make, number: int, kill: Callable[[], None] | None
) -> list[Operation]:
    """Return a history of all clients together."""
    count = OPERATIONS // CLIENTS
    done = threading.Barrier(CLIENTS + 1)

    def run(client: int) -> list[Operation]:
        server = servers[client % len(servers)]
        connection = Connection(server.get)
        register = make(connection, number)
        done.wait(60)
        return work(register, connection, count, f"{number}/{client}", server.wait)

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(run, client) for client in range(CLIENTS)]
        done.wait(60)
        chance = random.Random(number)
        for _ in range(KILLS if kill else 0):
            threading.Event().wait(chance.uniform(0.1, 0.8))
            assert kill is not None
            kill()
        return [each for client in clients for each in client.result()]


def make_commits(server: ServerProcess) -> list[str]:
    """Return five commits to move a branch to."""
    server.create_repository(REPOSITORY)
    commits: list[str] = []
    for number in range(5):
        server.send("PUT", f"/{REPOSITORY}/main/a", body=b"%d" % number)
        commits.append(server.commit(REPOSITORY))
    return commits


def run_histories(
    lake: Path, kind: str, rounds: Rounds, *, without: str = "none"
) -> list[bool]:
    """Record and judge the histories that are left to do."""
    stable, killable = Killable(lake, without), Killable(lake, without)
    verdicts: list[bool] = []
    with stable.live(), killable.live() as kill:
        commits = make_commits(stable.get())

        def make(connection: Connection, number: int) -> Register:
            if kind == "object":
                return ObjectRegister(connection, f"/{REPOSITORY}/main/{number}")
            path = f"/repositories/{REPOSITORY}/branches/x{number}"
            return RefRegister(connection, path, commits)

        for number in rounds:
            history = record([stable, killable], make, number, kill)
            verdicts.append(is_linearizable(history))
            rounds.note(number, operations=len(history), linearizable=verdicts[-1])
            if not verdicts[-1]:
                break
    return verdicts


@pytest.mark.parametrize("kind", ["object", "ref"])
def test_histories_are_linearizable(kind: str, tmp_path: Path) -> None:
    rounds = Rounds(f"linearizable-{kind}", HISTORIES)

    verdicts = run_histories(tmp_path / "lake", kind, rounds)

    print(
        f"\n{rounds.total('operations')} operations in {len(rounds.results)} histories"
    )
    assert all(verdicts)


def test_without_the_compare_of_a_write_it_is_noticed(tmp_path: Path) -> None:
    rounds = Rounds("control", CONTROL_HISTORIES_MAX)

    verdicts = run_histories(tmp_path / "lake", "object", rounds, without="compare")

    assert not all(verdicts)
