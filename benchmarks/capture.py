"""Capture a run in a Git work tree of 10^4 files: what `lakebed run` adds to a command.

Guards `lakebed run adds <= 400 ms on a work tree of 10^4 files`, of which this is the part
before the command begins: code, environment, hardware and configuration. Told beside
`git status` of the same work tree, and as CPU of this process and of those it starts;
`import` is the CPU that loading the code for it takes where the client's shapes are there.
`--quick` with 10^3 files.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lakebed.client.capture import CapturedRun, capture_commits, capture_run

from .report import report

T = TypeVar("T")

_ROUNDS = 7
_LIMIT_S = 0.4
_FOLDER_FILES = 100
_CHANGED = 20
_UNTRACKED = 50


def main() -> None:
    """Run the benchmark; `--quick` with 10^3 files."""
    count = 1000 if "--quick" in sys.argv[1:] else 10_000
    size = f"{count} files"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "work"
        make_work_tree(root, count)
        argv = [sys.executable, "train.py", "--config", "config.toml"]
        status_s, _, _ = measure(lambda: git(root, "status", "--porcelain", "-uall"))

        clean_s, clean_cpu_s, captured = measure(lambda: capture_run(root, argv))
        tell("clean", size, clean_s, clean_cpu_s, status_s, captured)

        change(root)
        dirty_s, dirty_cpu_s, captured = measure(lambda: capture_run(root, argv))
        tell("dirty", size, dirty_s, dirty_cpu_s, status_s, captured)

        git(root, "init", "-q", "--bare", f"{folder}/bare.git")
        git(root, "remote", "add", "origin", f"{folder}/bare.git")
        git(root, "push", "-q", "origin", "HEAD")
        commit(root)
        code = capture_run(root, argv).code
        commits_s, commits_cpu_s, commits = measure(lambda: capture_commits(code))
        report(
            "capture.commits",
            size=size,
            value=commits_s,
            unit="s",
            cpu_s=commits_cpu_s,
            kept_bytes=sum(len(file.content) for file in commits.files),
        )
    _, import_cpu_s, _ = measure(import_capture)
    _, bare_cpu_s, _ = measure(import_client)
    cost_s = import_cpu_s - bare_cpu_s
    report("capture.import", size="1", value=cost_s, unit="s", beside=bare_cpu_s)


def tell(
    state: str,
    size: str,
    wall_s: float,
    cpu_s: float,
    status_s: float,
    run: CapturedRun,
) -> None:
    """Report one state of the work tree."""
    report(
        f"capture.{state}",
        size=size,
        value=wall_s,
        unit="s",
        limit=_LIMIT_S,
        peer=status_s,
        cpu_s=cpu_s,
        files=len(run.files),
        distributions=len(run.environment.distributions),
        kept_bytes=sum(len(file.content) for file in run.files),
    )


def measure(work: Callable[[], T]) -> tuple[float, float, T]:
    """Return the least wall time and the least CPU of some rounds, and the last result."""
    walls: list[float] = []
    cpus: list[float] = []
    while True:
        wall, cpu = time.perf_counter(), cpu_s()
        result = work()
        walls.append(time.perf_counter() - wall)
        cpus.append(cpu_s() - cpu)
        if len(walls) == _ROUNDS:
            return min(walls), min(cpus), result


def cpu_s() -> float:
    """Return the CPU that this process and those it started have used."""
    used = (
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return sum(each.ru_utime + each.ru_stime for each in used)


def make_work_tree(root: Path, count: int) -> None:
    """Commit `count` files of some lines each."""
    for folder in range(count // _FOLDER_FILES):
        (root / f"package{folder}").mkdir(parents=True)
        for file in range(_FOLDER_FILES):
            path = root / f"package{folder}" / f"module{file}.py"
            path.write_text(f"value = {folder * file}\n" * 20)
    (root / "train.py").write_text("print('training')\n")
    (root / "config.toml").write_text("lr = 0.1\n[model]\nhidden = [64, 32]\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    commit(root)
    # Files that changed in the second of the index are read again each time.
    for path in root.rglob("*.py"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    git(root, "status")


def change(root: Path) -> None:
    """Change some tracked files, and add some that are not."""
    for number in range(min(_CHANGED, len(list(root.glob("package*"))))):
        with (root / f"package{number}" / "module1.py").open("a") as file:
            file.write("changed = True\n")
    for number in range(_UNTRACKED):
        (root / f"fresh{number}.py").write_text("fresh = True\n" * 100)


def commit(root: Path) -> None:
    """Commit all there is."""
    git(root, "add", "-A")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "All")


def git(root: Path, *arguments: str) -> None:
    """Run git."""
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def import_capture() -> None:
    """Load the client's shapes and what captures, in a fresh process."""
    subprocess.run(
        [sys.executable, "-c", "import lakebed.client.wire, lakebed.client.capture"],
        check=True,
    )


def import_client() -> None:
    """Load the client's shapes alone."""
    subprocess.run([sys.executable, "-c", "import lakebed.client.wire"], check=True)


if __name__ == "__main__":
    main()
