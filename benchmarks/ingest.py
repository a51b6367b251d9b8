"""Large objects into packs: speed beside MD5 of the same bytes, and what an edit stores.

Guards two promises: 1 GiB goes through the chunker into durable packs at 0.7 of the speed
of its MD5 or more (MD5 is the slowest step that S3 makes us take, and is part of what is
measured), and 1 MiB inserted in the middle of 1 GiB stores at most 4 MiB.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lakebed.server.chunks.appender import PackAppender
from lakebed.server.chunks.index import StoredFrame
from lakebed.server.chunks.ingest import BlobWriter
from lakebed.server.storage.local import LocalPackStorage

from .report import report

_PIECE_BYTES = 256 * 1024
"""As a server receives them."""

_MEBIBYTE = 1024 * 1024


def main() -> None:
    """Run the benchmark; `--quick` with 64 MiB."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    size_bytes = 64 * _MEBIBYTE if options.quick else 1024 * _MEBIBYTE
    size = f"{size_bytes // _MEBIBYTE} MiB"
    data = b"".join(
        random.Random(seed).randbytes(_MEBIBYTE)
        for seed in range(size_bytes // _MEBIBYTE)
    )
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        best = 0.0
        lake = _Lake(Path(folder) / "first")
        for round_number in range(options.rounds):
            if round_number:
                lake = _Lake(Path(folder) / str(round_number))
            started = time.perf_counter()
            hashlib.md5(data, usedforsecurity=False).digest()
            md5_s = time.perf_counter() - started
            started = time.perf_counter()
            lake.write([memoryview(data)])
            ingest_s = time.perf_counter() - started
            speed = size_bytes / _MEBIBYTE / ingest_s
            md5_speed = size_bytes / _MEBIBYTE / md5_s
            best = max(best, speed / md5_speed)
            report(
                "chunks.ingest",
                size=size,
                value=speed,
                unit="MiB/s",
                peer=md5_speed,
                limit=0.7 * md5_speed,
                ratio=speed / md5_speed,
                best_ratio=best,
            )
        middle = size_bytes // 2
        view = memoryview(data)
        inserted = random.Random(2).randbytes(_MEBIBYTE)
        written = lake.write([view[:middle], memoryview(inserted), view[middle:]])
        stored_bytes = sum(f.location.stored_bytes for f in written)
        report(
            "chunks.insertion",
            size=f"1 MiB into {size}",
            value=stored_bytes / _MEBIBYTE,
            unit="MiB stored",
            limit=4.0,
            chunks=len(written),
        )


class _Lake:
    """Packs in a folder and an index of what they hold."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._appender = PackAppender(
            LocalPackStorage(folder), lambda name: None, lambda name, size: None
        )
        self._known: set[bytes] = set()

    def write(self, parts: Sequence[memoryview]) -> list[StoredFrame]:
        """Store an object durably; return what was newly stored for it."""
        writer = BlobWriter(self._appender, self._known.intersection)
        for part in parts:
            for start in range(0, len(part), _PIECE_BYTES):
                writer.write(bytes(part[start : start + _PIECE_BYTES]))
        blob = writer.finish()
        stored = [*blob.stored, *self._appender.append(blob.frames)]
        self._appender.sync()
        self._known.update(frame.id for frame in stored)
        return stored


if __name__ == "__main__":
    main()
