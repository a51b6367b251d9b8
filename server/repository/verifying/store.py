"""The contract of what verification reads of the database.

`metadata/` keeps it in SQL. Promises, beside those of `Snapshot`:

1. Pages come in ascending order of their keys and miss nothing that is there throughout.
2. Rows of repositories that were deleted, and of branches that are gone, are left out:
   they wait to be purged and mean nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from ...chunks.index import StoredFrame
from ...history.step import CommitStep
from ...ids import CommitId


class PackRow(Struct, frozen=True, gc=False):
    """What the database knows of a pack."""

    name: str
    state: str
    """`writing`, `sealed` or `dead`."""
    size_bytes: int
    """Once it is sealed."""
    chunk_count: int
    """Rows of the index that point into it."""


class NamedCommit(Struct, frozen=True, gc=False):
    """A place of the database that names a commit."""

    key: int
    """Where the next page goes on."""
    repository_id: int
    repository: str
    ref: str
    commit_ids: tuple[CommitId, ...]


class CommitRecord(Struct, frozen=True, gc=False):
    """A commit of a repository."""

    repository_id: int
    repository: str
    id: CommitId
    record: bytes
    expired: bool


class StagedRow(Struct, frozen=True, gc=False):
    """A live staged change that is no tombstone."""

    branch_id: int
    repository: str
    branch: str
    path: bytes
    epoch: int
    entry: bytes


class PartRow(Struct, frozen=True, gc=False):
    """A part of an upload that has not ended."""

    upload_id: str
    number: int
    repository: str
    branch: str
    path: bytes
    size_bytes: int
    pieces: bytes


class RunRow(Struct, frozen=True, gc=False):
    """A sealed run."""

    key: int
    name: str
    record: bytes
    """The id of its record."""


class RunFileRow(Struct, frozen=True, gc=False):
    """A file that is kept with a run."""

    run_id: int
    run: str
    name: str
    blob_id: bytes
    size_bytes: int


class DanglingCommit(Struct, frozen=True, gc=False):
    """A row that names a commit which its repository does not have."""

    table: str
    owner: str
    """The run or model version, as people call it."""
    commit_id: CommitId


class VerifyScanner(Protocol):
    """Reads the index from worker threads."""

    def page_chunks_of_blocking(
        self, pack: str, *, after: tuple[int, bytes], limit: int
    ) -> list[StoredFrame]:
        """Return rows of the index that point into `pack`, by (kind, id).

        Reads the whole index: for packs that are damaged.
        """
        ...


class VerifyReader(Protocol):
    """Reads everything that names something stored."""

    async def list_pack_rows(self) -> list[PackRow]:
        """Return all packs, with how many rows of the index each has."""
        ...

    async def list_homeless(self, *, limit: int) -> list[tuple[int, bytes]]:
        """Return kind and id of rows of the index whose pack has no row."""
        ...

    async def page_damaged(
        self, *, after: tuple[int, bytes], limit: int
    ) -> list[StoredFrame]:
        """Return what is marked as damaged, by (kind, id)."""
        ...

    async def page_refs(self, *, after: int, limit: int) -> list[NamedCommit]:
        """Return branches and tags with their heads."""
        ...

    async def page_ref_log(self, *, after: int, limit: int) -> list[NamedCommit]:
        """Return moves of refs, with the commits from and to."""
        ...

    async def page_commits(
        self, *, after: tuple[int, bytes], limit: int
    ) -> list[CommitRecord]:
        """Return the commits of all repositories, by (repository id, id)."""
        ...

    async def find_commit_step(
        self, repository_id: int, generation: int, commit_id: CommitId
    ) -> CommitStep | None:
        """Return the step of a commit, or None."""
        ...

    async def list_steps_without_commit(self, *, limit: int) -> list[NamedCommit]:
        """Return steps whose commit is not there."""
        ...

    async def missing_commits(
        self, repository_id: int, commit_ids: Sequence[CommitId]
    ) -> list[CommitId]:
        """Return those of `commit_ids` that the repository has not recorded."""
        ...

    async def page_lost_commits(self, *, after: bytes, limit: int) -> list[CommitId]:
        """Return commits that are stored and that no repository has recorded, by id."""
        ...

    async def page_staged(
        self, *, after: tuple[int, bytes, int], limit: int
    ) -> list[StagedRow]:
        """Return live staged rows that are no tombstones, by (branch, path, epoch)."""
        ...

    async def page_parts(self, *, after: tuple[str, int], limit: int) -> list[PartRow]:
        """Return parts of uploads that have not ended, by (upload, number)."""
        ...

    async def page_runs(self, *, after: int, limit: int) -> list[RunRow]:
        """Return sealed runs."""
        ...

    async def page_run_files(
        self, *, after: tuple[int, str], limit: int
    ) -> list[RunFileRow]:
        """Return files of runs, by (run, name)."""
        ...

    async def list_dangling_commits(self, *, limit: int) -> list[DanglingCommit]:
        """Return what of runs and model versions names a commit that is not there."""
        ...

    async def list_tables(self) -> list[str]:
        """Return the names of all tables."""
        ...

    async def check_table(self, table: str) -> list[str]:
        """Return what the database's own check finds wrong with `table`."""
        ...
