"""Verifying a lake: large objects, and small ones; bytes a second of CPU.

    python -m benchmarks.verify [--quick]

Guards "verify >= 1 GB/s a core": CPU time of the process, beside BLAKE3 alone over as
many bytes in the same run. Small objects cost by the frame, not by the byte.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

from blake3 import blake3
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.repository import commits, objects, repositories
from lakebed.server.repository.bundles import SmallObject, put_many
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.verifying.report import Report
from lakebed.server.repository.verifying.run import verify
from lakebed.server.storage.local import LocalPackStorage

from .report import report

R = "bench"
BYTES_A_SECOND_MIN = 1e9
LARGE_BYTES = 64 * 1024 * 1024
SMALL_BYTES = 4096
BATCH = 1000


async def measure(directory: Path, *, large: int, small: int) -> Report:
    """Store so many objects, and verify them in one thread."""
    storage = LocalPackStorage(directory)
    metadata = SqlMetadata.open(directory, storage)
    engine = Engine.create(metadata, storage)
    await repositories.create_repository(engine, R, actor="bench")
    for number in range(large):
        await objects.put_object(
            engine, R, "main", b"large/%d" % number, os.urandom(LARGE_BYTES)
        )
    for start in range(0, small, BATCH):
        some: list[SmallObject] = []
        for number in range(start, min(small, start + BATCH)):
            data = os.urandom(SMALL_BYTES)
            md5 = hashlib.md5(data, usedforsecurity=False).digest()
            some.append(SmallObject(b"small/%07d" % number, data, md5))
        await put_many(engine, R, "main", some)
    await commits.commit_branch(engine, R, "main", message="bench", actor="bench")
    found = await verify(engine, threads=1)
    assert found.is_sound, found.faults
    await engine.close()
    metadata.close()
    storage.close()
    return found


def hash_alone(size_bytes: int) -> float:
    """Return the CPU seconds of hashing so many bytes in chunks of average size."""
    data = os.urandom(256 * 1024)
    started_s = time.process_time()
    for _ in range(size_bytes // len(data)):
        blake3(data).digest()
    return time.process_time() - started_s


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    is_quick = parser.parse_args().quick
    for what, large, small in (
        ("large", 2 if is_quick else 32, 0),
        ("small", 0, 10_000 if is_quick else 200_000),
    ):
        directory = Path(tempfile.mkdtemp(prefix="lakebed-bench-"))
        try:
            found = asyncio.run(measure(directory / "lake", large=large, small=small))
        finally:
            shutil.rmtree(directory)
        frames = sum(found.frames.values())
        report(
            f"verify.{what}",
            size=f"{found.pack_bytes / 1e9:.2f} GB in {frames} frames",
            value=found.pack_bytes / found.cpu_seconds / 1e9,
            unit="GB a CPU second",
            limit=BYTES_A_SECOND_MIN / 1e9 if what == "large" else None,
            peer=found.pack_bytes / hash_alone(found.pack_bytes) / 1e9,
            frames_a_cpu_second=frames / found.cpu_seconds,
            seconds=found.seconds,
            peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )


if __name__ == "__main__":
    main()
