"""Small requests over REST: the stat of an object, a branch made, a page of a listing.

Guards: a stat reaches 0.2 of what the same HTTP server does when it answers with constant
bytes; branches are made, durable, at 2,000/s; a page of 1,000 objects takes 8 ms. The
server runs on one core, the load comes from another; the median of the rounds counts.

    python -m benchmarks.rest_small [--rounds 3] [--seconds 4] [--dir DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from .report import report
from .s3_large import exchange
from .s3_load import for_ever, measure, sign
from .s3_servers import LOAD_CORE, Served, authorization, bare, lakebed

STAT_BYTES = 330
"""Of the JSON that a stat answers with: the bare server sends as many."""
CLIENTS, WRITERS = 16, 32
OBJECTS = 512
LISTED, IN_ALL = 1000, 20_000
_REPOSITORY = "/api/v1/repositories/bench"


def ask(port: int, method: str, target: str, body: object = None) -> bytes:
    """Return a request of the REST interface as it goes over the wire."""
    data = b"" if body is None else json.dumps(body).encode()
    lines = [
        f"{method} {_REPOSITORY}{target} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: {authorization()}",
    ]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join([*lines, "", ""]).encode() + data


def measure_stats(folder: Path, server: Served, rounds: int, seconds: float) -> None:
    """Compare stats with a server that does nothing."""
    stats = [
        ask(server.port, "GET", f"/refs/main/objects/stat?path=list/{number:08}")
        for number in range(OBJECTS)
    ]
    rates: list[float] = []
    peers: list[float] = []
    with bare(folder, STAT_BYTES) as bare_port:
        for _ in range(rounds):
            rates.append(measure(server.port, for_ever(stats), CLIENTS, seconds))
            peers.append(measure(bare_port, for_ever(stats), CLIENTS, seconds))
    rate, peer = statistics.median(rates), statistics.median(peers)
    report(
        "rest.stat",
        size=f"of {IN_ALL} staged objects, {CLIENTS} clients, server on one core",
        value=rate,
        unit="requests/s",
        limit=0.2 * peer,
        peer=peer,
        peer_name="bare aiohttp",
        ratio=rate / peer,
        us_each=1e6 / rate,
    )


def measure_branches(server: Served, rounds: int, seconds: float) -> None:
    """Make branches, each durable before it is answered."""
    rates: list[float] = []
    for turn in range(rounds):
        creations = [
            ask(
                server.port,
                "POST",
                "/branches",
                {"name": f"b{turn}-{number}", "source": "main"},
            )
            for number in range(int(6000 * seconds))
        ]
        rates.append(measure(server.port, creations, WRITERS, seconds))
    rate = statistics.median(rates)
    report(
        "rest.create_branch",
        size=f"{WRITERS} clients, durable, server on one core",
        value=rate,
        unit="requests/s",
        limit=2000.0,
        us_each=1e6 / rate,
    )


def measure_listing(server: Served, rounds: int) -> None:
    """Ask for pages of a listing, one after the other."""
    sink = memoryview(bytearray(1024 * 1024))
    times: list[float] = []
    for number in range(20 * rounds):
        after = f"list/{number * 97 % (IN_ALL - LISTED):08}"
        target = f"/refs/main/objects/ls?amount={LISTED}&after={after}"
        times.append(exchange(server.port, ask(server.port, "GET", target), sink)[0])
    report(
        "rest.list",
        size=f"{LISTED} of {IN_ALL} staged objects, any page, server on one core",
        value=1000 * statistics.median(times),
        unit="ms",
        limit=8.0,
        peak_mib=server.peak_mib(),
    )


def main() -> None:
    """Measure all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--dir", default=None, help="a folder on the disk to measure")
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.dir)))
        server = stack.enter_context(lakebed(folder))
        objects = [
            sign(server.port, "PUT", f"/bench/main/list/{number:08}", b"x")
            for number in range(IN_ALL)
        ]
        measure(server.port, objects, WRITERS, 120)
        measure_stats(folder, server, options.rounds, options.seconds)
        measure_listing(server, options.rounds)
        measure_branches(server, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
