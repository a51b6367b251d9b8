"""`lakebed run` in a process of its own, for tests that watch it."""

from __future__ import annotations

import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from typing import Any

from lakebed.client import Client
from lakebed.client.blocking.loop import LoopThread
from lakebed.client.runs.spool import Spool, SpoolHead
from lakebed.client.wire import RunBatch, RunCreation

from support.losing import LosingProxy, losing_proxy

LAKEBED = [sys.executable, "-m", "lakebed.cli"]
PYTHON = sys.executable


def run(
    folder: Path, *arguments: str, code: int | None = 0, **more: Any
) -> tuple[str, subprocess.CompletedProcess[str]]:
    """Run `lakebed run ...`; return the id of the run, and what the process gave."""
    done = subprocess.run(
        [*LAKEBED, "run", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=120,
        **more,
    )
    if code is not None:
        assert done.returncode == code, done
    return id_of(done.stderr), done


def id_of(err: str) -> str:
    last = err.rstrip("\n").rpartition("\n")[2]
    assert last.startswith("run "), err
    return last.removeprefix("run ")


def python(source: str) -> Sequence[str]:
    return ("--", PYTHON, "-c", source)


@contextmanager
def started(
    folder: Path, repository: str, source: str, *options: str, **more: Any
) -> Generator[subprocess.Popen[str]]:
    """Start `lakebed run` and wait for the first line that its command writes."""
    process = subprocess.Popen(
        [*LAKEBED, "run", "--repo", repository, *options, *python(source)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Without a terminal, as under cron or a scheduler.
        start_new_session=True,
        **more,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def leave_behind(url: str, repository: str) -> str:
    """Begin a run, and leave a line of its log to be sent; return its id."""
    with Client(url) as client:
        start = client.begin_run(repository, RunCreation())
    spool = Spool.create(
        SpoolHead(
            server=url,
            repository=repository,
            run=start.run.id,
            writer="left",
            access_key_id=start.access_key_id,
            secret_access_key=start.secret_access_key,
            pid=0,
            started_ms=0,
        )
    )
    spool.append(RunBatch(writer="left", sequence=1, log="a line\n"))
    spool.leave()
    return start.run.id


@contextmanager
def away_on_cue(url: str) -> Generator[LosingProxy]:
    """A proxy before the server, on a loop of its own."""
    loop = LoopThread()
    context = losing_proxy(url)
    try:
        yield loop.run(context.__aenter__())
    finally:
        loop.run(context.__aexit__(None, None, None))
        loop.close()


class Terminal:
    """A command on a terminal of its own, which is the one that controls it."""

    def __init__(self, folder: Path, *argv: str) -> None:
        self.leader, follower = pty.openpty()
        self.resize(40, 100)
        take_terminal = (
            "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
            "os.execv(sys.argv[1], sys.argv[1:])"
        )
        self.process = subprocess.Popen(
            [PYTHON, "-c", take_terminal, *argv],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            cwd=folder,
            start_new_session=True,
        )
        os.close(follower)
        self.shown = b""

    def resize(self, rows: int, columns: int) -> None:
        ioctl(self.leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, data: bytes) -> None:
        os.write(self.leader, data)

    def read_until(self, text: bytes) -> bytes:
        while text not in self.shown:
            ready, _, _ = select.select([self.leader], [], [], 60)
            assert ready, self.shown
            try:
                self.shown += os.read(self.leader, 65536)
            except OSError:
                raise AssertionError(f"it ended after {self.shown!r}") from None
        before, _, self.shown = self.shown.partition(text)
        return before

    def wait(self) -> int:
        """Read to the end, and return the exit code."""
        while True:
            try:
                data = os.read(self.leader, 65536)
            except OSError:  # nobody has the other end any more
                break
            if not data:
                break
            self.shown += data
        os.close(self.leader)
        return self.process.wait(60)

    @property
    def run(self) -> str:
        return id_of(self.shown.decode().replace("\r\n", "\n"))


@contextmanager
def terminal(folder: Path, repository: str, source: str) -> Generator[Terminal]:
    opened = Terminal(folder, *LAKEBED, "run", "--repo", repository, *python(source))
    try:
        yield opened
    finally:
        opened.process.kill()
        opened.process.wait()
