"""Large objects and pages over S3: one stream of 64 MiB each way, a listing of 1,000.

Guards: GET of 64 MiB, every chunk verified, >= 700 MB/s; PUT of 64 MiB in one stream,
durable, >= 0.6 of MD5 of the same bytes in the same run; ListObjectsV2 of 1,000 keys in
<= 12 ms; the server at <= 256 MiB all the while. The server runs on one core, the client
on another.

    python -m benchmarks.s3_large [--rounds 5] [--dir DIR]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import socket
import statistics
import tempfile
import time
from pathlib import Path

from .report import report
from .s3_load import measure, sign
from .s3_servers import LOAD_CORE, Served, lakebed

SIZE_BYTES = 64 * 1024 * 1024
LISTED, IN_ALL = 1000, 20_000
PEAK_MIB_MAX = 256
_WINDOW_BYTES = 1024 * 1024


def exchange(port: int, request: bytes, sink: memoryview) -> tuple[float, bytes, int]:
    """Send `request`; return seconds to the end of the answer, its head, its bytes."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        start = time.perf_counter()
        connection.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        head, _, first = head.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        size = int(fields[b"content-length"])
        at = len(first)
        while at < size:
            got = connection.recv_into(sink)
            if not got:
                break
            at += got
        seconds = time.perf_counter() - start
    if not head.startswith(b"HTTP/1.1 200") or at != size:
        raise RuntimeError(f"refused: {head!r} {first[:500]!r}")
    return seconds, head, size


def measure_streams(server: Served, rounds: int) -> None:
    """Put and get objects, each of fresh bytes, in one stream."""
    sink = memoryview(bytearray(_WINDOW_BYTES))
    speeds: dict[str, list[float]] = {"put": [], "put_signed": [], "get": [], "md5": []}
    for number in range(rounds):
        for name, payload in (("put", "UNSIGNED-PAYLOAD"), ("put_signed", "")):
            data = os.urandom(SIZE_BYTES)
            target = f"/bench/main/large/{name}/{number}"
            request = sign(server.port, "PUT", target, data, payload=payload)
            seconds = exchange(server.port, request, sink)[0]
            speeds[name].append(SIZE_BYTES / seconds / 1e6)
        start = time.perf_counter()
        hashlib.md5(data, usedforsecurity=False).digest()
        speeds["md5"].append(SIZE_BYTES / (time.perf_counter() - start) / 1e6)
        seconds, _, size = exchange(server.port, sign(server.port, "GET", target), sink)
        speeds["get"].append(size / seconds / 1e6)
    md5 = statistics.median(speeds["md5"])
    for name in ("put", "put_signed"):
        speed = statistics.median(speeds[name])
        report(
            f"s3.{name}_large",
            size="64 MiB, one stream, durable, server on one core",
            value=speed,
            unit="MB/s",
            limit=0.6 * md5 if name == "put" else None,
            peer=md5,
            peer_name="MD5",
            ratio=speed / md5,
            peak_mib=server.peak_mib(),
        )
    report(
        "s3.get_large",
        size="64 MiB, one stream, verified, server on one core",
        value=statistics.median(speeds["get"]),
        unit="MB/s",
        limit=700.0,
        peak_mib=server.peak_mib(),
    )


def measure_listing(server: Served, rounds: int) -> None:
    """Ask for pages of a listing of committed objects, one after the other."""
    objects = [
        sign(server.port, "PUT", f"/bench/main/list/{number:08}/data.parquet", b"x")
        for number in range(IN_ALL)
    ]
    measure(server.port, objects, 32, 120)
    sink = memoryview(bytearray(_WINDOW_BYTES))
    times: list[float] = []
    for number in range(20 * rounds):
        after = f"main/list/{number * 97 % (IN_ALL - LISTED):08}/data.parquet"
        target = f"/bench?list-type=2&max-keys={LISTED}&prefix=main%2Flist%2F"
        target += f"&start-after={after.replace('/', '%2F')}"
        times.append(exchange(server.port, sign(server.port, "GET", target), sink)[0])
    report(
        "s3.list",
        size=f"{LISTED} of {IN_ALL} staged keys, any page, server on one core",
        value=1000 * statistics.median(times),
        unit="ms",
        limit=12.0,
        peak_mib=server.peak_mib(),
    )


def main() -> None:
    """Measure both directions, a listing, and the memory of it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", default=None, help="a folder on the disk to measure")
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        with lakebed(Path(folder)) as server:
            measure_streams(server, options.rounds)
            measure_listing(server, options.rounds)
            peak_mib = server.peak_mib()
        report(
            "s3.memory",
            size="peak of the server over all of this script",
            value=peak_mib,
            unit="MiB",
            limit=float(PEAK_MIB_MAX),
        )


if __name__ == "__main__":
    main()
