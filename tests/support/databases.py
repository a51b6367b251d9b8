"""The SQLite implementation, over real packs, in a directory of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from lakebed.server.chunks.index import Frame
from lakebed.server.errors import DurabilityLostError
from lakebed.server.ids import CommitId, Kind, hash_chunk
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.refs.store import Branch, Repository
from lakebed.server.repository.contracts import Metadata
from lakebed.server.storage.local import LocalPackStorage
from lakebed.server.storage.store import PackStorage

NOW_MS = 1_700_000_000_000


@contextmanager
def lake_directory() -> Generator[Path]:
    """Yield a new empty directory, in memory where possible: fsync is free there."""
    shared = Path("/dev/shm")
    path = Path(
        tempfile.mkdtemp(
            prefix="lakebed-test-", dir=shared if shared.is_dir() else None
        )
    )
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def open_metadata(
    directory: Path,
    storage: PackStorage | None = None,
    *,
    clock: Callable[[], int] = lambda: NOW_MS,
    on_fatal: Callable[[DurabilityLostError], None] = lambda error: None,
) -> Generator[SqlMetadata]:
    """Open the lake in `directory` and close it at the end."""
    metadata = SqlMetadata.open(
        directory,
        LocalPackStorage(directory) if storage is None else storage,
        clock=clock,
        on_fatal=on_fatal,
    )
    try:
        yield metadata
    finally:
        metadata.close()


def commit_id(number: int) -> CommitId:
    """Return a commit id that is like no other number's."""
    return CommitId(number.to_bytes(2, "big") * 16)


def chunk(data: bytes) -> Frame:
    """Return the frame of the chunk `data`."""
    return Frame(Kind.CHUNK, hash_chunk(data), data)


async def make_repository(metadata: Metadata, name: str = "lake") -> Repository:
    """Create a repository without refs."""
    return await metadata.write(
        lambda tx: tx.create_repository(
            name=name,
            storage_namespace="local://x",
            default_branch="main",
            read_only=False,
            created_ms=NOW_MS,
        )
    )


async def make_branch(
    metadata: Metadata, repository: Repository, name: str = "main", head: int = 0
) -> Branch:
    """Create a branch at commit number `head`."""
    return await metadata.write(
        lambda tx: tx.create_branch(
            repository.id,
            name,
            commit_id(head),
            hidden=False,
            actor="ann",
            now_ms=NOW_MS,
        )
    )
