"""What every operation works with: the database, the bytes, the caches, the clock.

An `Engine` holds no state that a restart would miss: several processes, each with its
own, serve the same repositories. What it caches never changes: nodes and commits.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from ..chunks.blobs import BlobReader
from ..chunks.reader import ChunkReader
from ..errors import CorruptDataError, LakeError
from ..history.commit import Commit, decode_commit
from ..ids import CommitId
from ..refs.store import RefReader, Repository
from ..storage.store import PackStorage
from ..tree.store import NodeCache, StoredNodes
from .contracts import Metadata
from .quarantine import Quarantine
from .steps import Place

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

NODE_CACHE_BYTES = 64 * 1024 * 1024
"""Decoded nodes kept: all 1,707 leaves of 10^6 entries would take about 200 MB, the
inner nodes of 10^9 fit. A worker has 256 MiB in all."""
COMMIT_CACHE_COUNT = 4096
"""Decoded commits kept, about 1 KiB each."""
LOG_PLACES_COUNT = 256
"""Ends of log pages kept: of as many logs that are being read at the same time."""
LOG_PLACE_COMMITS_MAX = 100
"""Commits that a kept end waits for, 10 KiB; of a history without merges it is one."""
BUILDERS = 2
"""Trees built at the same time: they are bound by the one interpreter lock, the second
only overlaps with the first one's reads and syncs."""


def now_ms() -> int:
    """Return the time, in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


class CommitCache:
    """Decoded commits by id, the least recently used dropped first."""

    def __init__(self, count_max: int = COMMIT_CACHE_COUNT) -> None:
        self._count_max = count_max
        self._commits: OrderedDict[CommitId, Commit] = OrderedDict()

    def find(self, commit_id: CommitId) -> Commit | None:
        """Return the commit if it is kept."""
        commit = self._commits.get(commit_id)
        if commit is not None:
            # Snapshots run in threads: another one may have dropped it just now.
            with suppress(KeyError):
                self._commits.move_to_end(commit_id)
        return commit

    def keep(self, commit: Commit) -> None:
        """Keep `commit`, dropping another if there are too many."""
        self._commits[commit.id] = commit
        if len(self._commits) > self._count_max:
            self._commits.popitem(last=False)


class LogPlaces:
    """Where pages of logs ended, the least recently used dropped first.

    A log goes on behind a commit, and what else it waits for there depends on all that
    came before. A page whose end is not kept is found again by walking there.
    """

    def __init__(self, count_max: int = LOG_PLACES_COUNT) -> None:
        self._count_max = count_max
        self._places: OrderedDict[object, Place] = OrderedDict()

    def find(self, key: object) -> Place | None:
        """Return the place kept under `key`, which says all that it depends on."""
        place = self._places.get(key)
        if place is not None:
            with suppress(KeyError):  # dropped just now, by a log in another thread
                self._places.move_to_end(key)
        return place

    def keep(self, key: object, place: Place) -> None:
        """Keep `place`, unless it is too large to."""
        if len(place.waiting) > LOG_PLACE_COMMITS_MAX:
            return
        self._places[key] = place
        if len(self._places) > self._count_max:
            with suppress(KeyError):
                self._places.popitem(last=False)

    def forget(self) -> None:
        """Drop them all: logs go on as after a restart."""
        self._places.clear()


@dataclass(frozen=True, slots=True)
class Engine:
    """One process's way to all repositories of a lake."""

    metadata: Metadata
    storage: PackStorage
    """Where the packs lie: for what reads them whole. All else reads `chunks`."""
    chunks: ChunkReader
    blobs: BlobReader
    nodes: StoredNodes
    commits: CommitCache
    log_places: LogPlaces
    builders: ThreadPoolExecutor
    """Where trees are built: not the loop's own threads, on which builds wait."""
    clock: Callable[[], int]
    """The time in ms; nothing but shown times and ages depends on it (P16)."""
    chores: set[asyncio.Task[None]]
    """Work in the background that nobody waits for, and that a stop may leave undone."""
    quarantine: Quarantine
    """Where reads tell of damage."""

    @classmethod
    def create(
        cls,
        metadata: Metadata,
        storage: PackStorage,
        *,
        clock: Callable[[], int] = now_ms,
        node_cache_bytes: int = NODE_CACHE_BYTES,
    ) -> Engine:
        """Return an engine over a database and the packs that it indexes."""
        quarantine = Quarantine(metadata, clock)
        chunks = ChunkReader(metadata, storage, quarantine.note)
        return cls(
            metadata,
            storage,
            chunks,
            BlobReader(chunks),
            StoredNodes(chunks, NodeCache(node_cache_bytes)),
            CommitCache(),
            LogPlaces(),
            ThreadPoolExecutor(
                min(BUILDERS, os.cpu_count() or 1), thread_name_prefix="builder"
            ),
            clock,
            set(),
            quarantine,
        )

    def start_chore(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` in the background; a failure of it is logged, not raised."""
        task = asyncio.get_running_loop().create_task(_log_failure(work))
        self.chores.add(task)
        task.add_done_callback(self.chores.discard)

    async def close(self) -> None:
        """Stop the chores, wait for what is being built, let the threads end."""
        chores = list(self.chores)
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        await self.quarantine.close()
        await asyncio.to_thread(self.builders.shutdown, wait=True)

    async def build(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `function` in a builder thread and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(
            self.builders, lambda: function(*args, **kwargs)
        )

    def history(
        self, repository: Repository, reader: RefReader | None = None
    ) -> RepositoryCommits:
        """Return the commits of `repository`, read through `reader` or the newest."""
        is_on_loop = reader is None or reader is self.metadata
        return RepositoryCommits(
            reader or self.metadata, repository, self.commits, is_on_loop
        )


async def _log_failure(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except LakeError:
        log.warning("a chore failed", exc_info=True)


@dataclass(frozen=True, slots=True)
class RepositoryCommits:
    """The commits of one repository, for walks from one of its refs.

    A walk begins at a commit that the repository has and follows parents, so whatever
    it meets is the repository's too, and the cache may serve it.
    """

    reader: RefReader
    repository: Repository
    cache: CommitCache
    is_on_loop: bool
    """Read on the event loop, where a walk down a long history lets others run."""

    async def get(self, commit_id: CommitId) -> Commit:
        """Return a commit that a ref or commit of the repository names.

        Raises:
            CorruptDataError: it is not there.
        """
        commit = self.cache.find(commit_id)
        if commit is None:
            if self.is_on_loop:
                await asyncio.sleep(0)
            (row,) = await self.reader.find_commits(self.repository.id, [commit_id])
            if row is None:
                raise CorruptDataError(
                    f"commit '{commit_id.hex()}' of '{self.repository.name}' is missing"
                )
            commit = decode_commit(row.record)
            if commit.id != commit_id:
                raise CorruptDataError(
                    f"commit '{commit_id.hex()}' of '{self.repository.name}' is damaged"
                )
            self.cache.keep(commit)
        return commit
