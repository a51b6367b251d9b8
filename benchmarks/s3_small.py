"""Small objects over S3: signed GETs of 1 KiB, durable PUTs of 4 KiB.

Guards two promises: a signed, verified GET reaches 0.25 of what the same HTTP server
does when it answers with constant bytes, and twice what SeaweedFS does; a durable PUT
reaches twice what SeaweedFS does. Servers run on one core, the load comes from another;
the sides of a comparison take turns in one run, and the median of the rounds counts.

    python -m benchmarks.s3_small [--rounds 3] [--seconds 4] [--dir DIR] [--skip-peer]
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from .report import report
from .s3_load import for_ever, measure, sign
from .s3_servers import LOAD_CORE, bare, lakebed, seaweedfs

GET_BYTES, GET_CLIENTS, GET_OBJECTS = 1024, 16, 512
PUT_BYTES, PUT_CLIENTS = 4096, 32


def puts(port: int, bucket: str, count: int) -> list[bytes]:
    """Return PUTs of different bytes under different keys."""
    run = secrets.token_hex(4)
    return [
        sign(port, "PUT", f"/{bucket}/{run}/{number:06}", os.urandom(PUT_BYTES))
        for number in range(count)
    ]


def gets(port: int, bucket: str) -> list[bytes]:
    """Return GETs of all objects, signed now."""
    return [sign(port, "GET", f"/{bucket}/{number}") for number in range(GET_OBJECTS)]


def fill(port: int, bucket: str) -> None:
    """Store the objects that are read."""
    objects = [
        sign(port, "PUT", f"/{bucket}/{number}", os.urandom(GET_BYTES))
        for number in range(GET_OBJECTS)
    ]
    measure(port, objects, GET_CLIENTS, 60)


def measure_gets(folder: Path, rounds: int, seconds: float, *, with_peer: bool) -> None:
    """Compare signed GETs with a server that does nothing, and with SeaweedFS."""
    with ExitStack() as stack:
        server = stack.enter_context(lakebed(folder))
        ports = {"bench/main": server.port}
        if with_peer:
            ports["bench"] = stack.enter_context(seaweedfs(folder))
        for bucket, port in ports.items():
            fill(port, bucket)
        bare_port = stack.enter_context(bare(folder, GET_BYTES))
        rates: dict[str, list[float]] = {name: [] for name in (*ports, "bare")}
        for _ in range(rounds):
            for bucket, port in ports.items():
                requests = for_ever(gets(port, bucket))
                rates[bucket].append(measure(port, requests, GET_CLIENTS, seconds))
            requests = for_ever(gets(server.port, "bench/main"))
            rates["bare"].append(measure(bare_port, requests, GET_CLIENTS, seconds))
        peak_mib = server.peak_mib()
    rate, peer = (statistics.median(rates[name]) for name in ("bench/main", "bare"))
    size = f"{GET_BYTES} B, {GET_CLIENTS} clients, server on one core"
    report(
        "s3.get_small",
        size=size,
        value=rate,
        unit="requests/s",
        limit=0.25 * peer,
        peer=peer,
        peer_name="bare aiohttp",
        ratio=rate / peer,
        us_each=1e6 / rate,
        peak_mib=peak_mib,
    )
    if with_peer:
        peer = statistics.median(rates["bench"])
        report(
            "s3.get_small_peer",
            size=size,
            value=rate,
            unit="requests/s",
            limit=2 * peer,
            peer=peer,
            peer_name="SeaweedFS",
            ratio=rate / peer,
        )


def measure_puts(folder: Path, rounds: int, seconds: float, *, with_peer: bool) -> None:
    """Compare durable PUTs with SeaweedFS."""
    with ExitStack() as stack:
        server = stack.enter_context(lakebed(folder))
        peer_port = stack.enter_context(seaweedfs(folder)) if with_peer else 0
        ours: list[float] = []
        theirs: list[float] = []
        count = int(9000 * seconds)
        for _ in range(rounds):
            requests = puts(server.port, "bench/main", count)
            ours.append(measure(server.port, requests, PUT_CLIENTS, seconds))
            if with_peer:
                requests = puts(peer_port, "bench", count)
                theirs.append(measure(peer_port, requests, PUT_CLIENTS, seconds))
        peak_mib = server.peak_mib()
    rate = statistics.median(ours)
    peer = statistics.median(theirs) if theirs else None
    report(
        "s3.put_small",
        size=f"{PUT_BYTES} B, {PUT_CLIENTS} clients, server on one core",
        value=rate,
        unit="requests/s",
        limit=2 * peer if peer else None,
        peer=peer,
        peer_name="SeaweedFS" if peer else "",
        ratio=rate / peer if peer else 0.0,
        us_each=1e6 / rate,
        peak_mib=peak_mib,
    )


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--dir", default=None, help="a folder on the disk to measure")
    parser.add_argument("--skip-peer", action="store_true", help="without SeaweedFS")
    parser.add_argument("--only", choices=["get", "put"])
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    for name, measure_them in (("get", measure_gets), ("put", measure_puts)):
        if options.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory(dir=options.dir) as folder:
            measure_them(
                Path(folder),
                options.rounds,
                options.seconds,
                with_peer=not options.skip_peer,
            )


if __name__ == "__main__":
    main()
