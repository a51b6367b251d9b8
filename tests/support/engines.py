"""Engines over a real database and real packs, in a directory of their own."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.repository.engine import Engine
from lakebed.server.storage.local import LocalPackStorage
from lakebed.server.storage.store import PackStorage

T = TypeVar("T")

SHARED_MEMORY = Path("/dev/shm")


def make_directory() -> Path:
    """Return a new directory, in memory where that is possible: fsync is free there."""
    where = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    return Path(tempfile.mkdtemp(prefix="lakebed-test-", dir=where))


class Clock:
    """A clock that tests move."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        """Return the time; each reading is a millisecond later than the one before."""
        self.now_ms += 1
        return self.now_ms


@asynccontextmanager
async def open_engine(
    directory: Path, *, storage: PackStorage | None = None, clock: Clock | None = None
) -> AsyncGenerator[Engine]:
    """Open the lake in `directory`, and close it at the end."""
    clock = clock or Clock()
    storage = storage or LocalPackStorage(directory)
    metadata = SqlMetadata.open(directory, storage, clock=clock)
    engine = Engine.create(metadata, storage, clock=clock)
    try:
        yield engine
    finally:
        await engine.close()
        metadata.close()


class BlockingEngine:
    """An engine with a loop of its own, for tests that are not async."""

    def __init__(self) -> None:
        self.directory = make_directory()
        self._runner = asyncio.Runner()
        self._context = open_engine(self.directory)
        self.engine = self.run(self._context.__aenter__())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end."""
        return self._runner.run(work)

    def reopen(self) -> None:
        """Close the lake and open it again, as after a restart."""
        self.run(self._context.__aexit__(None, None, None))
        self._context = open_engine(self.directory)
        self.engine = self.run(self._context.__aenter__())

    def close(self) -> None:
        """Close the lake and remove its directory."""
        self.run(self._context.__aexit__(None, None, None))
        self._runner.close()
        shutil.rmtree(self.directory)
