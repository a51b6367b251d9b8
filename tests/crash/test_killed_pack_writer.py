"""A writer that is killed in the middle leaves every synced frame readable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lakebed.server.chunks.scanning import PackEnd, PackScan
from lakebed.server.ids import ChunkId
from lakebed.server.storage.local import LocalPackStorage

WRITER = """
import sys
from pathlib import Path
from lakebed.server.chunks.appender import PackAppender
from lakebed.server.chunks.index import Frame
from lakebed.server.ids import Kind, hash_chunk
from lakebed.server.storage.local import LocalPackStorage

appender = PackAppender(
    LocalPackStorage(Path(sys.argv[1])),
    lambda name: None,
    lambda name, size: None,
    pack_bytes_max=int(sys.argv[2]),
)
number = 0
while True:
    frames = []
    for _ in range(20):
        data = b"%d," % number * 300
        frames.append(Frame(Kind.CHUNK, hash_chunk(data), data))
        number += 1
    stored = appender.append(frames)
    appender.sync()
    print(*(frame.id.hex() for frame in stored), flush=True)
"""


def no_base(base: ChunkId) -> bytes:
    raise AssertionError(base.hex())


@pytest.mark.parametrize("pack_bytes_max", [20_000, 64 * 1024 * 1024])
def test_every_synced_frame_of_a_killed_writer_is_found_by_a_scan(
    tmp_path: Path, pack_bytes_max: int
) -> None:
    acknowledged: set[str] = set()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), str(pack_bytes_max)],
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            acknowledged.update(line.split())
            if len(acknowledged) >= 1000:
                break
        writer.kill()
        rest = writer.stdout.read().rpartition("\n")[0]
        acknowledged.update(rest.split())

    storage = LocalPackStorage(tmp_path)
    found: set[str] = set()
    open_count = 0
    for name in storage.names():
        scan = PackScan(storage, name)
        found.update(frame.id.hex() for frame in scan.iter_verified(no_base))
        assert scan.tail is not None
        open_count += scan.tail.end is not PackEnd.SEALED
        claim = storage.claim(name)
        assert claim is not None, "the claim died with its process"
        claim.release()
    storage.close()

    assert acknowledged <= found
    assert open_count <= 1
