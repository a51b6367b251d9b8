"""The contract of the transactional database, as the operations see it.

`Metadata` joins the contracts of refs, staging, chunks, uploads and models and adds what
only the whole can promise. `metadata/` keeps it; nothing here or below knows SQL.

1. `write` runs its action in one transaction. It returns after the transaction and
   every frame that came with it are durable; if it raises, nothing of it happened.
2. Actions of one group run in order, each in a savepoint: one that raises does not
   fail its neighbours. An action may run more than once; it must have no effect but on
   its transaction, and must await nothing but the transaction.
3. `snapshot` runs its action in a worker thread, where it may block to read nodes and
   staged rows, on one consistent state, which includes every write that was
   acknowledged before.
4. Bytes first: no transaction that names a frame commits before the frame is durable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..chunks.appender import PackAppender
from ..chunks.index import ChunkIndex, ChunkTransaction, Frame, StoredFrame
from ..refs.store import RefReader, RefTransaction
from ..registry.store import ModelReader, ModelTransaction
from ..runs.graph import GraphReader
from ..runs.store import RunReader, RunTransaction
from ..staging.store import Change, StagingReader, StagingScanner, StagingTransaction
from .upload_store import UploadReader, UploadScanner, UploadTransaction
from .verifying.store import VerifyReader, VerifyScanner

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation that carried an idempotency key answered the first time."""

    request_digest: bytes
    """Hash of what was asked: the same key with another request is an error."""
    response: bytes


class IdempotencyTransaction(Protocol):
    """Remembers outcomes in the transaction of their effect."""

    async def find_outcome(self, scope: str, key: str) -> Outcome | None:
        """Return the outcome recorded under `key` by `scope` (a user), or None."""
        ...

    async def record_outcome(
        self, scope: str, key: str, outcome: Outcome, *, now_ms: int
    ) -> None:
        """Record an outcome; old ones are dropped after a day."""
        ...


class Snapshot(
    RefReader,
    StagingReader,
    StagingScanner,
    ChunkIndex,
    UploadReader,
    GraphReader,
    ModelReader,
    RunReader,
    VerifyReader,
    Protocol,
):
    """Everything readable, on one state."""


class WriteTransaction(
    RefReader,
    StagingReader,
    UploadReader,
    ModelReader,
    RefTransaction,
    StagingTransaction,
    ChunkTransaction,
    UploadTransaction,
    ModelTransaction,
    RunReader,
    RunTransaction,
    IdempotencyTransaction,
    Protocol,
):
    """Everything that one transaction can do."""


class Metadata(
    RefReader,
    StagingReader,
    StagingScanner,
    ChunkIndex,
    UploadReader,
    UploadScanner,
    ModelReader,
    RunReader,
    VerifyScanner,
    Protocol,
):
    """The database: reads by itself, each on the newest state; writes by action."""

    @property
    def appender(self) -> PackAppender:
        """The open pack of this process, for frames too large to ride with a write."""
        ...

    async def write(
        self,
        action: Callable[[WriteTransaction], Awaitable[T]],
        *,
        frames: Sequence[Frame] = (),
        stored: Sequence[StoredFrame] = (),
    ) -> T:
        """Run `action` in a transaction and return what it returns, once durable.

        `frames` are appended to the open pack if they are not stored yet (a stored one
        is `ensure`d instead); `stored` were appended before, through `appender`. Both
        are durable and recorded before `action` runs.
        """
        ...

    async def stage_change(
        self, branch_id: int, change: Change, *, frames: Sequence[Frame] = ()
    ) -> None:
        """Stage one change, as `write` with `StagingTransaction.stage` would.

        It is what most writes are: those of one group are staged together, which costs
        a fraction of as many actions.

        Raises:
            RefNotFoundError: the branch was deleted meanwhile.
        """
        ...

    async def snapshot(self, action: Callable[[Snapshot], Awaitable[T]]) -> T:
        """Run `action` on one consistent state and return what it returns."""
        ...

    async def purge(self) -> int:
        """Remove a batch of rows that deletes left invisible; return how many."""
        ...
