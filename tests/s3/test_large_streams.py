"""An object of 256 MiB in one stream; `tests/long/` has the size that people have."""

from __future__ import annotations

from pathlib import Path

from support.large import (
    MIB,
    WORKER_BYTES_MAX,
    Noise,
    check_ranges,
    get_sha256,
    put_stream,
)
from support.s3server import run_server


def test_a_large_stream_takes_little_memory_both_ways(tmp_path: Path) -> None:
    noise = Noise(seed=1, size_bytes=256 * MIB + 17)
    with run_server(tmp_path / "lake") as server:
        target = f"/{server.create_repository('large')}/main/stream"

        answer = put_stream(server, target, noise)

        assert answer.status == 200, answer.body
        assert get_sha256(server, target) == (noise.size_bytes, noise.sha256())
        check_ranges(server, target, noise, 100 * MIB)
        assert server.peak_bytes() <= WORKER_BYTES_MAX
