"""Several workers beside one: signed GETs of 1 KiB, durable PUTs of 4 KiB.

Guards that a second worker is worth a core: two serve at least 1.6 times the GETs of one,
and no fewer PUTs. What counts is the rate, with the load on cores of its own. Where a
machine has no more cores than workers, load and workers share them, and the rate says
little; `by_cpu` says what the workers would reach on cores of their own: how many requests
a second of CPU serves, times the workers, less what the busiest has more to do than the
others. It leaves out what waits for the disk.

    python -m benchmarks.workers [--workers 2] [--rounds 3] [--seconds 4] [--dir DIR]
        [--quick]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .report import report
from .s3_load import for_ever, measure
from .s3_servers import Served, lakebed
from .s3_small import GET_BYTES, PUT_BYTES, fill, gets, puts

CLIENTS = 64
"""The kernel deals connections out at random: of 64 the busier of two workers has some 36,
of 16 it often has 11."""
BUCKET = "bench/main"
GET_RATIO, PUT_RATIO = 1.6, 1.0


@dataclass(frozen=True)
class Round:
    """What one round came to."""

    rate: float
    by_cpu: float
    """Requests a second, if each worker had a core of its own."""


def run_round(
    server: Served, requests: Iterable[bytes], workers: int, seconds: float
) -> Round:
    """Put load on `server` for some seconds."""
    before = server.cpu_s_of_each()
    rate = measure(server.port, requests, CLIENTS, seconds)
    spent = [
        now - then for now, then in zip(server.cpu_s_of_each(), before, strict=True)
    ]
    busiest = max(max(spent), 1e-9)
    # As long as the busiest takes for its share, all of them together serve the whole.
    return Round(rate, rate * seconds / busiest)


def compare(
    name: str,
    servers: dict[int, Served],
    make: Callable[[int], Iterable[bytes]],
    options: argparse.Namespace,
    *,
    size: str,
    limit: float,
    shares_cores: bool,
) -> None:
    """Measure both servers in turns, and report the medians."""
    rounds: dict[int, list[Round]] = {workers: [] for workers in servers}
    for _ in range(options.rounds):
        for workers, server in servers.items():
            done = run_round(server, make(server.port), workers, options.seconds)
            rounds[workers].append(done)
    rate = {n: statistics.median(one.rate for one in rounds[n]) for n in rounds}
    by_cpu = {n: statistics.median(one.by_cpu for one in rounds[n]) for n in rounds}
    many = options.workers
    report(
        f"workers.{name}",
        size=f"{size}, {CLIENTS} clients, {many} workers",
        value=rate[many],
        unit="requests/s",
        limit=limit * rate[1],
        peer=rate[1],
        peer_name="one worker",
        ratio=rate[many] / rate[1],
        by_cpu=by_cpu[many],
        by_cpu_of_one=by_cpu[1],
        ratio_by_cpu=by_cpu[many] / by_cpu[1],
        load_shares_cores=shares_cores,
    )


def main() -> None:
    """Compare GETs and PUTs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--dir", default=None, help="a folder on the disk to measure")
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1.0
    cores = sorted(os.sched_getaffinity(0))
    spare = set(cores[options.workers :])
    serving = cores[: options.workers]
    if spare:
        os.sched_setaffinity(0, spare)
    with ExitStack() as stack:
        servers: dict[int, Served] = {}
        for workers in (1, options.workers):
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(dir=options.dir))
            )
            servers[workers] = stack.enter_context(
                lakebed(folder, workers=workers, cores=serving)
            )
            fill(servers[workers].port, BUCKET)
        count = int(20_000 * options.seconds)
        compare(
            "get_small",
            servers,
            lambda port: for_ever(gets(port, BUCKET)),
            options,
            size=f"{GET_BYTES} B",
            limit=GET_RATIO,
            shares_cores=not spare,
        )
        compare(
            "put_small",
            servers,
            lambda port: puts(port, BUCKET, count),
            options,
            size=f"{PUT_BYTES} B",
            limit=PUT_RATIO,
            shares_cores=not spare,
        )


if __name__ == "__main__":
    main()
