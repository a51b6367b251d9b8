"""The contract of staged changes.

A staged row is (branch id, path, epoch, change). *Live* are the rows with
epoch >= floor; the newest epoch of a path wins; a change of None is a tombstone. Kept
by `metadata/`, held to it by `tests/contracts/test_staging.py`:

1. `read_path` sees ref, head, floor and the staged change in one statement: never a
   head of before a commit with the staging area of after it.
2. `stage` reads the open epoch in the transaction that inserts, so that no change goes
   in under an epoch that a commit has sealed.
3. A scan gives each path once, ascending by bytes, with its newest change in the range.
4. Rows below the floor are invisible at once and removed later, in batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from ..refs.store import Branch, Ref, Repository
from ..tree.entry import PackedEntry

Change = tuple[bytes, PackedEntry | None]
"""A path and what it becomes; None deletes it. A plain pair: commits move millions."""


class PathState(Struct, frozen=True, gc=False):
    """A path at a ref, as one statement saw it."""

    repository: Repository
    ref: Ref
    is_staged: bool
    """The branch has a live staged change of the path."""
    staged: PackedEntry | None
    """That change; None is a tombstone (or nothing staged)."""


class StagingReader(Protocol):
    """Reads staged changes."""

    async def read_path(
        self, repository: str, ref: str, path: bytes
    ) -> PathState | None:
        """Return what names and staging say of `path`; None if either is unknown.

        `ref` is a branch or tag name, never an expression.
        """
        ...

    async def has_live_changes(self, branch: Branch) -> bool:
        """Tell whether `branch` has live staged rows."""
        ...

    async def scan_staged(
        self,
        branch_id: int,
        *,
        epoch_min: int,
        epoch_max: int,
        start: bytes,
        after: bool,
        stop: bytes | None,
        limit: int,
    ) -> list[Change]:
        """Return up to `limit` changes by path, from `start` on (or above it, `after`).

        `stop` ends the range before that path. Fewer than `limit` means there are no
        more.
        """
        ...


class StagingScanner(Protocol):
    """Reads staged changes from worker threads, beside nodes of the tree."""

    def scan_staged_blocking(
        self,
        branch_id: int,
        *,
        epoch_min: int,
        epoch_max: int,
        start: bytes,
        after: bool,
        stop: bytes | None,
        limit: int,
    ) -> list[Change]:
        """Return what `StagingReader.scan_staged` does; never on the event loop."""
        ...


class StagingTransaction(Protocol):
    """Changes the staging area, inside one write transaction."""

    async def stage(self, branch_id: int, changes: Sequence[Change]) -> None:
        """Stage `changes` under the open epoch of the branch.

        Raises:
            RefNotFoundError: the branch was deleted meanwhile.
        """
        ...

    async def purge_dead(self, branch_id: int, *, limit: int) -> int:
        """Remove up to `limit` rows below the floor; return how many."""
        ...
