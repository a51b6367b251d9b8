"""What it costs to be recorded: a command on a large Git work tree, and a point.

    python3 tasks.py bench recording [--quick]

`lakebed run -- true` in a work tree of 10,000 files, beside `true`, and beside
`lakebed repo list` (the peer), which has to start and to ask the server as well; CPU of
all its processes, git among them. And points of a metric: what a training loop waits for each, and the
CPU of all that is done with them until the server has them.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lakebed.client import Lake, connect

from .report import report
from .s3_load import KEY_ID, SECRET
from .s3_servers import lakebed

ROUNDS = 5
LAKEBED = (sys.executable, "-m", "lakebed.cli")
ADDED_MS_MAX = 400.0
POINTS_MIN = 20_000


def main() -> None:
    """Measure both, and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    files = 500 if quick else 10_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with lakebed(folder) as server:
            url = f"http://127.0.0.1:{server.port}"
            os.environ |= {
                "XDG_STATE_HOME": str(folder / "state"),
                "LAKEBED_SERVER": url,
                "LAKEBED_ACCESS_KEY_ID": KEY_ID,
                "LAKEBED_SECRET_ACCESS_KEY": SECRET,
            }
            os.chdir(make_work_tree(folder / "code", files))
            measure_command(f"{files:,} files in Git")
            with connect(url) as lake:
                measure_points(lake, 20_000 if quick else 1_000_000)


def make_work_tree(root: Path, files: int) -> Path:
    """Make a Git work tree of `files` committed files."""
    for number in range(files):
        path = root / f"folder{number // 100}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"value = {number}\n")
    who = ("-c", "user.name=ann", "-c", "user.email=ann@localhost")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Code")):
        subprocess.run(["git", *who, *words], cwd=root, check=True)
    return root


def measure_command(size: str) -> None:
    """Report what recording adds to a command."""
    bare = cost_of(["true"])
    asking = cost_of([*LAKEBED, "repo", "list"])
    recorded = cost_of([*LAKEBED, "run", "--repo", "bench", "--", "true"])
    for at, what in enumerate(("cpu", "wall")):
        report(
            f"run.added_{what}",
            size=size,
            value=recorded[at] - bare[at],
            unit="ms",
            limit=ADDED_MS_MAX,
            peer=asking[at] - bare[at],
        )


def cost_of(argv: Sequence[str]) -> tuple[float, float]:
    """Return the CPU and the time that `argv` takes, in ms: medians of several rounds."""
    rounds = [_cost_once(argv) for _ in range(ROUNDS + 1)][1:]
    return (
        statistics.median(cpu for cpu, _ in rounds),
        statistics.median(wall for _, wall in rounds),
    )


def _cost_once(argv: Sequence[str]) -> tuple[float, float]:
    before, start_s = _children_s(), time.perf_counter()
    subprocess.run(
        argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return (_children_s() - before) * 1000, (time.perf_counter() - start_s) * 1000


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_points(lake: Lake, count: int) -> None:
    """Report how many points a second can be logged, and how many can be brought over."""
    size = f"{count:,} points"
    run = lake.run(repository="bench").start()
    start_s, cpu_s = time.perf_counter(), time.process_time()
    for step in range(count):
        run.log_metric("loss", 0.5, step=step)
    logged_s = time.perf_counter() - start_s
    if not run.flush(600):
        raise SystemExit("the server has not taken the points")
    taken_s = time.perf_counter() - start_s
    spent_s = time.process_time() - cpu_s
    run.end()
    logged, taken = count / logged_s, count / taken_s
    report("run.logged", size=size, value=logged, unit="1/s", limit=POINTS_MIN)
    report("run.taken", size=size, value=taken, unit="1/s", limit=POINTS_MIN)
    report("run.point_cpu", size=size, value=spent_s / count * 1e6, unit="us")


if __name__ == "__main__":
    main()
