"""System calls of a process, counted, and made to fail or to be its last: by `strace`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

WRITING = (
    "write,pwrite64,pwritev,pwritev2,fsync,fdatasync,ftruncate,fallocate,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat"
)
"""Those that change what is on a disk, but for `openat`, of which imports make thousands."""
RUN_S_MAX = 120.0
_TRACE = ("strace", "-f", "-qq", "--seccomp-bpf")
_LINE = re.compile(r"^(\d+) +([a-z0-9_]+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Point:
    """A system call, and what becomes of it."""

    call: str
    number: int
    """Of this call in its thread, from 1."""
    how: str
    """`signal=KILL`, `error=EIO`, `error=ENOSPC`."""
    is_for_ever: bool = False

    def __str__(self) -> str:
        """Return it as `strace` wants it."""
        more = "+" if self.is_for_ever else ""
        return f"{self.call}:{self.how}:when={self.number}{more}"


def require_strace() -> None:
    """Skip the test, loudly, where processes cannot be traced."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace here")
    tried = subprocess.run(
        ["strace", "-o", "/dev/null", "true"], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip("strace may not trace here")


def count_calls(module: str, *arguments: str, log: Path) -> Counter[str]:
    """Run a module; return how often a thread of it made each call, at the most."""
    done = _strace(["-o", str(log), "-e", f"trace={WRITING}"], module, *arguments)
    assert done.returncode == 0, done.stderr
    by_thread = Counter(_LINE.findall(log.read_text()))
    highest: Counter[str] = Counter()
    for (_, call), count in by_thread.items():
        highest[call] = max(highest[call], count)
    return highest


def run_with(
    point: Point, module: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a module with one system call changed."""
    options = ["-o", "/dev/null", "-e", f"trace={point.call}", "-e", f"inject={point}"]
    return _strace(options, module, *arguments)


def _strace(
    options: list[str], module: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [*_TRACE, *options, sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
        env=environment,
    )
