"""Processes that write one database while they are killed: P1 and P2 of the promises."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest
from lakebed.server.ids import Kind, hash_chunk
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.refs.store import Branch
from lakebed.server.storage.local import LocalPackStorage

from support.databases import (
    lake_directory,
    make_branch,
    make_repository,
    open_metadata,
)
from support.processes import write_for_ever

ACKED_BEFORE_THE_KILL = 300


class Writer:
    """A process that writes, and what it was told is durable."""

    def __init__(self, directory: Path, branch: Branch, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.acks, theirs = context.Pipe(duplex=False)
        self.name = name
        self.acked: list[int] = []
        self.process: SpawnProcess = context.Process(
            target=write_for_ever, args=(str(directory), branch.id, name, theirs)
        )
        self.process.start()
        theirs.close()

    def kill(self) -> None:
        """Kill the process in the middle of what it does, and read its last words."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        try:
            while True:
                self.acked.append(self.acks.recv())
        except (EOFError, OSError):
            self.process.join()


def read_acks(writers: list[Writer], count: int) -> None:
    """Read acknowledgements until each of `writers` has `count` more."""
    wanted = {writer.acks: (writer, len(writer.acked) + count) for writer in writers}
    while wanted:
        for ready in wait(list(wanted), timeout=60):
            assert isinstance(ready, Connection)
            writer, enough = wanted[ready]
            writer.acked.append(ready.recv())
            if len(writer.acked) >= enough:
                del wanted[ready]


@pytest.fixture
def directory() -> Iterator[Path]:
    with lake_directory() as path:
        yield path


async def test_every_acknowledged_write_survives_and_none_is_torn(
    directory: Path,
) -> None:
    """Two write, one is killed; the other goes on, and is killed in its turn."""
    with open_metadata(directory) as metadata:
        branch = await make_branch(metadata, await make_repository(metadata))
    first, second = (Writer(directory, branch, name) for name in ["p", "q"])

    read_acks([first, second], ACKED_BEFORE_THE_KILL)
    first.kill()
    read_acks([second], ACKED_BEFORE_THE_KILL)  # nobody waits for a dead one's locks
    second.kill()

    storage = LocalPackStorage(directory)
    with open_metadata(directory, storage) as metadata:
        for writer in [first, second]:
            assert len(writer.acked) >= ACKED_BEFORE_THE_KILL
            await check(metadata, storage, branch, writer)
        assert metadata.count_packs("writing") == 0, "the packs were not recovered"
        assert metadata.count_packs("sealed") == 2


async def check(
    metadata: SqlMetadata, storage: LocalPackStorage, branch: Branch, writer: Writer
) -> None:
    rows = await metadata.scan_staged(
        branch.id,
        epoch_min=1,
        epoch_max=1,
        start=writer.name.encode() + b"/",
        after=False,
        stop=writer.name.encode() + b"0",
        limit=10**6,
    )
    found: dict[int, list[bytes]] = {}
    for path, chunk_id in rows:
        assert chunk_id is not None
        found.setdefault(int(path.split(b"/")[1]), []).append(chunk_id)

    lost = set(writer.acked) - set(found)
    assert not lost, f"acknowledged and lost: {sorted(lost)[:5]}"
    for number, ids in found.items():
        assert len(ids) == 2, f"write {number} is torn"
        assert ids[0] == ids[1]
    locations = await metadata.find(Kind.CHUNK, [ids[0] for ids in found.values()])
    for ids in found.values():
        place = locations[ids[0]]
        stored = storage.read_blocking(place.pack, place.offset, place.stored_bytes)
        if place.codec == 0:
            assert hash_chunk(stored) == ids[0]
