"""What tests run in processes of their own. Importable, for `spawn`."""

from __future__ import annotations

import asyncio
import os
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from lakebed.server.tree.entry import PackedEntry

from support.databases import chunk, open_metadata


def initialise(directory: str, barrier: Barrier, answers: Queue[str]) -> None:
    """Open `directory` at the same moment as the others; answer with its instance id."""
    barrier.wait(60)
    with open_metadata(Path(directory)) as metadata:
        answers.put(metadata.instance_id)


def write_for_ever(
    directory: str, branch_id: int, name: str, acked: Connection
) -> None:
    """Stage pairs of paths from 16 tasks until killed; send each number once acked.

    Both paths of a pair hold the id of a chunk that came with the write, so that a torn
    write, or one whose chunk is missing, shows.
    """
    asyncio.run(_write_for_ever(directory, branch_id, name, acked))


async def _write_for_ever(
    directory: str, branch_id: int, name: str, acked: Connection
) -> None:
    numbers = iter(range(10**9))

    async def write(number: int) -> None:
        frame = chunk(f"{name} {number} ".encode() + os.urandom(200))
        content = PackedEntry(frame.id)
        changes = [(f"{name}/{number}/{side}".encode(), content) for side in "ab"]
        await metadata.write(lambda tx: tx.stage(branch_id, changes), frames=[frame])
        acked.send(number)

    async def work() -> None:
        for number in numbers:
            await write(number)

    with open_metadata(Path(directory)) as metadata:
        await asyncio.gather(*(work() for _ in range(16)))
