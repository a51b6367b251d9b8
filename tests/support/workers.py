"""Servers of several workers: which processes they are, and load that notices a loss."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from time import monotonic

from prometheus_client.parser import text_string_to_metric_families

from .edges import at
from .s3server import ServerProcess, admin_basic

PATIENCE_S = 60.0
_LOOK_S = 0.01


def find_workers(server: ServerProcess) -> dict[int, int]:
    """Return the processes of the workers by the number of their slot.

    Where one takes over from another it is the younger, which is not always the one with
    the larger number: numbers of processes begin anew.
    """
    youngest_last = sorted(_iter_workers(server), key=lambda one: _started(one[0]))
    return dict(sorted({slot: pid for pid, slot in youngest_last}.items()))


def _started(pid: int) -> int:
    """Return when a process was started, in ticks since the machine was; 0: it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[19])


def find_processes(server: ServerProcess) -> set[int]:
    """Return all processes of workers, also of those that are about to end."""
    return {pid for pid, _ in _iter_workers(server)}


def _iter_workers(server: ServerProcess) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    children: list[str] = []
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended just now
            children += (task / "children").read_text().split()
    for pid in map(int, children):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            continue  # it has ended just now
        if '{"slot":' in command:
            slot = command.partition('{"slot":')[2].partition(",")[0]
            found.append((pid, int(slot)))
    return found


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    """Wait until the function `holds` says so."""
    pause = threading.Event()
    end = monotonic() + PATIENCE_S
    while not holds():
        assert monotonic() < end, f"waited in vain until {what}"
        pause.wait(_LOOK_S)


def is_running(pid: int) -> bool:
    """Tell whether a process is there, and is no mere entry of one that has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def kill(pid: int) -> None:
    """Kill a process, and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    wait_until(f"process {pid} is gone", lambda: not is_running(pid))


def scrape(server: ServerProcess) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:  # fmt: skip
    """Return all figures by name and labels."""
    shown = at(server, "figures").send_as_it_is("GET", "/metrics", {}).body.decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(shown)
        for sample in family.samples
    }


def figure(server: ServerProcess, name: str, **labels: str) -> float:
    """Return the sum of the figures of that name that have those labels."""
    return sum(
        value
        for (each, found), value in scrape(server).items()
        if each == name and found >= set(labels.items())
    )


@dataclass
class Load:
    """Clients that write objects and read them again, on connections that they keep."""

    server: ServerProcess
    bucket: str
    acked: dict[str, bytes] = field(default_factory=dict[str, bytes])
    broken: list[str] = field(default_factory=list[str])
    """Requests that were accepted, or may have been, and got no whole answer."""
    refused: int = 0
    """Connections that were refused: nothing was accepted."""
    _numbers: count[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    clients: list[Future[None]] = field(default_factory=list[Future[None]])

    def wait_for(self, more: int) -> None:
        """Wait until so many more objects were written."""
        wanted = len(self.acked) + more

        def are_there() -> bool:
            for client in self.clients:
                if client.done():
                    client.result()
            return len(self.acked) >= wanted

        wait_until(f"{more} more objects are written", are_there)

    def stop(self) -> None:
        """Let the clients come to an end."""
        self._over.set()

    def _run(self) -> None:
        connection = HTTPConnection(self.server.address, timeout=PATIENCE_S)
        try:
            while not self._over.is_set():
                with self._lock:
                    number = next(self._numbers)
                body = os.urandom(2000 if number % 20 else 300_000)
                path = f"{number:06}"
                if self._ask(connection, "POST", "branches", path, body) is not None:
                    with self._lock:
                        self.acked[path] = body
                    read = self._ask(connection, "GET", "refs", path)
                    assert read in (None, body), f"{path} is another object"
        finally:
            connection.close()

    def _ask(
        self,
        connection: HTTPConnection,
        method: str,
        kind: str,
        path: str,
        body: bytes | None = None,
    ) -> bytes | None:
        """Return the answer; None if there is none, which is noted."""
        target = f"/api/v1/repositories/{self.bucket}/{kind}/main/objects?path={path}"
        headers = {
            "Authorization": admin_basic(),
            "Content-Type": "application/octet-stream",
        }
        try:
            if connection.sock is None:
                connection.connect()
        except OSError:
            self.refused += 1
            self._over.wait(_LOOK_S)
            return None
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, HTTPException) as error:
            connection.close()
            with self._lock:
                self.broken.append(f"{method} {path}: {error!r}")
            return None
        assert answer.status in (200, 201), (answer.status, text)
        return text

    def check_acked(self, server: ServerProcess) -> None:
        """Check that each object that was acknowledged is there, as it was written."""
        self.server = server
        connection = HTTPConnection(server.address, timeout=PATIENCE_S)
        for path, body in self.acked.items():
            assert self._ask(connection, "GET", "refs", path) == body, path
        connection.close()


@contextmanager
def load(server: ServerProcess, bucket: str, clients: int = 6) -> Generator[Load]:
    """Put load on `server` until the context ends."""
    running = Load(server, bucket)
    with ThreadPoolExecutor(clients) as pool:
        running.clients += [pool.submit(running._run) for _ in range(clients)]  # pyright: ignore[reportPrivateUsage]
        try:
            yield running
        finally:
            running.stop()
    for client in running.clients:
        client.result()
