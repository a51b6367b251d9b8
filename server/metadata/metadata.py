"""`SqlMetadata`: the database of one process, assembled.

Reads by themselves run on the event loop, on one connection (`turn.py`): they take some
µs, less than a thread hop, and each is one statement that is stepped to its end. Anything
longer is a `snapshot`, in a thread.
Writes go to the group writer. Open one after fork or spawn, never before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Self, TypeVar

from ..auth.grants import Grant
from ..auth.store import User
from ..chunks.appender import PackAppender
from ..chunks.index import Frame, Location, StoredFrame
from ..errors import DurabilityLostError
from ..ids import Kind
from ..refs.names import RESERVED_REPOSITORIES
from ..staging.store import Change
from ..storage.store import PackStorage
from .checkpoint import Checkpointer
from .chunks import find_locations
from .database import READER_CACHE_KIB, WRITER_CACHE_KIB, Session
from .directory import LakeDirectory, LockFile
from .migrations import bring_up_to_date
from .packs import PackRegistry
from .reads import LOOKUPS_MAX, SessionPool, SnapshotReader
from .reserve import Reserve
from .schema import create_database
from .staging import scan
from .submission import Staging, Submission
from .transaction import SqlSnapshot, SqlTransaction
from .turn import TurnSession
from .uploads import find_pieces
from .verifying import page_chunks_of
from .writer import GroupWriter, WriterCounters

T = TypeVar("T")

_PAGE_BYTES = 4096 + 24
"""A page and its header in the write-ahead log."""


def system_clock_ms() -> int:
    """Return the time now, in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


class SqlMetadata(SqlSnapshot):
    """Keeps `Metadata` and `AuthStore` in the SQLite database of a directory."""

    def __init__(
        self,
        directory: LakeDirectory,
        storage: PackStorage,
        *,
        clock: Callable[[], int],
        on_fatal: Callable[[DurabilityLostError], None],
    ) -> None:
        """Use `open` instead."""
        database = directory.database
        super().__init__(TurnSession(database, cache_kib=READER_CACHE_KIB))
        self._directory = directory
        self.clock = clock

        def write_lock() -> LockFile:
            return LockFile(directory.path / "write.lock")

        self._reserve = Reserve(directory.path / "reserve")
        self._reserve.ensure()
        self._checkpointer = Checkpointer(
            database,
            LockFile(directory.path / "checkpoint.lock"),
            write_lock(),
            on_fatal,
        )
        self._registry = PackRegistry(database, write_lock(), self._reserve, clock)
        self._registry.recover(storage)
        self._snapshots = SnapshotReader(database)
        self._lookups = SessionPool(database, LOOKUPS_MAX)
        self._appender = PackAppender(
            storage, self._registry.reserve, self._note_sealed
        )
        writer = Session(database, cache_kib=WRITER_CACHE_KIB, may_write=True)
        writer.connection.set_wal_hook(self._after_commit)
        self._writer = GroupWriter(
            session=writer,
            write_lock=write_lock(),
            appender=self._appender,
            reserve=self._reserve,
            on_full=self._checkpointer.request,
            on_fatal=on_fatal,
        )
        self._is_closed = False

    @classmethod
    def open(
        cls,
        directory: Path,
        storage: PackStorage,
        *,
        clock: Callable[[], int] = system_clock_ms,
        on_fatal: Callable[[DurabilityLostError], None] = lambda error: None,
    ) -> Self:
        """Open the lake in `directory`, made and initialised if it is new. Blocks.

        Args:
            directory: where the database lies.
            storage: where the packs lie.
            clock: the time, in milliseconds since 1970 UTC; decides no order.
            on_fatal: called in a thread after a failed fsync; the process must exit.

        Raises:
            StartupError: the directory is not ours, of a newer version, or unusable.
        """
        opened = LakeDirectory.open(
            directory,
            create=lambda path: create_database(
                path,
                created_by=f"lakebed {version('lakebed')}",
                reserved=sorted(RESERVED_REPOSITORIES),
            ),
            bring_up_to_date=bring_up_to_date,
        )
        try:
            return cls(opened, storage, clock=clock, on_fatal=on_fatal)
        except BaseException:
            opened.close()
            raise

    def close(self) -> None:
        """Finish queued writes, seal the open pack and close. Blocks; again is nothing.

        Raises:
            DurabilityLostError: the open pack could not be made durable.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._writer.close()
        finally:
            self._snapshots.close()
            self._lookups.close()
            self._registry.close()
            self._checkpointer.close()
            self._session.close()
            self._directory.close()

    @property
    def appender(self) -> PackAppender:
        """See `Metadata.appender`."""
        return self._appender

    @property
    def directory(self) -> Path:
        """The directory of the database."""
        return self._directory.path

    @property
    def counters(self) -> WriterCounters:
        """What the writer has done: for metrics."""
        return self._writer.counters

    @property
    def checkpoints(self) -> int:
        """How often this process emptied the write-ahead log."""
        return self._checkpointer.done_count

    def count_packs(self, state: str) -> int:
        """Return how many packs are `writing`, `sealed` or `dead`."""
        row = self._session.row("SELECT count(*) FROM pack WHERE state = ?", (state,))
        return 0 if row is None else int(row[0])

    @property
    def instance_id(self) -> str:
        """The random name of this lake, made with it."""
        row = self._session.row("SELECT value FROM setting WHERE name = 'instance_id'")
        return "" if row is None else str(row[0])

    async def write(
        self,
        action: Callable[[SqlTransaction], Awaitable[T]],
        *,
        frames: Sequence[Frame] = (),
        stored: Sequence[StoredFrame] = (),
    ) -> T:
        """See `Metadata.write`.

        Raises:
            BusyError: too much is waiting already.
            PackGoneError: a pack of `stored` was collected meanwhile.
            StorageFullError: the disk is full; nothing of it happened.
            StorageFailedError: the disk refused; nothing was acknowledged.
        """
        submission = Submission(action, frames, stored, asyncio.get_running_loop())
        self._writer.submit(submission)
        result: T = await submission.future
        return result

    async def stage_change(
        self, branch_id: int, change: Change, *, frames: Sequence[Frame] = ()
    ) -> None:
        """See `Metadata.stage_change`; raises what `write` does."""
        staging = Staging(branch_id, change)
        submission = Submission(staging, frames, (), asyncio.get_running_loop())
        self._writer.submit(submission)
        await submission.future

    async def snapshot(self, action: Callable[[SqlSnapshot], Awaitable[T]]) -> T:
        """See `Metadata.snapshot`."""
        return await self._snapshots.run(action)

    async def purge(self) -> int:
        """Remove some rows that deletes left behind; return how many, 0 at the end.

        Also ends leases whose time is over. For whoever runs chores: again and again
        until nothing is left, and now and then after that.
        """
        return await self.write(lambda tx: tx.purge_some(now_ms=self.clock()))

    def find_blocking(self, kind: Kind, ids: Sequence[bytes]) -> dict[bytes, Location]:
        """See `ChunkIndex.find_blocking`."""
        with self._lookups.session() as session:
            return find_locations(session, kind, ids)

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
        """See `StagingScanner.scan_staged_blocking`."""
        with self._lookups.session() as session:
            return scan(
                session,
                branch_id,
                epoch_min=epoch_min,
                epoch_max=epoch_max,
                start=start,
                after=after,
                stop=stop,
                limit=limit,
            )

    def read_pieces_blocking(
        self, upload_id: str, numbers: Sequence[int]
    ) -> list[bytes | None]:
        """See `UploadScanner.read_pieces_blocking`."""
        with self._lookups.session() as session:
            return find_pieces(session, upload_id, numbers)

    def page_chunks_of_blocking(
        self, pack: str, *, after: tuple[int, bytes], limit: int
    ) -> list[StoredFrame]:
        """See `VerifyScanner.page_chunks_of_blocking`."""
        with self._lookups.session() as session:
            return page_chunks_of(session, pack, after, limit)

    async def create_user(self, name: str, *, is_admin: bool, now_ms: int) -> User:
        """See `AuthStore.create_user`."""
        return await self.write(
            lambda tx: tx.create_user(name, is_admin=is_admin, now_ms=now_ms)
        )

    async def add_credential(
        self, user_id: int, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> None:
        """See `AuthStore.add_credential`."""
        await self.write(
            lambda tx: tx.add_credential(
                user_id, access_key_id, sealed_secret, now_ms=now_ms
            )
        )

    async def delete_user(self, user_id: int) -> bool:
        """See `AuthStore.delete_user`."""
        return await self.write(lambda tx: tx.delete_user(user_id))

    async def delete_credential(self, user_id: int, access_key_id: str) -> bool:
        """See `AuthStore.delete_credential`."""
        return await self.write(lambda tx: tx.delete_credential(user_id, access_key_id))

    async def set_grant(self, user_id: int, grant: Grant) -> None:
        """See `AuthStore.set_grant`."""
        await self.write(lambda tx: tx.set_grant(user_id, grant))

    async def remove_grant(self, user_id: int, repository: str, ref: str) -> bool:
        """See `AuthStore.remove_grant`."""
        return await self.write(lambda tx: tx.remove_grant(user_id, repository, ref))

    async def set_up_first_user(
        self, name: str, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> User | None:
        """See `AuthStore.set_up_first_user`."""
        return await self.write(
            lambda tx: tx.set_up_first_user(
                name, access_key_id, sealed_secret, now_ms=now_ms
            )
        )

    async def set_setup_token(self, digest: str) -> bool:
        """See `AuthStore.set_setup_token`."""
        return await self.write(lambda tx: tx.set_setup_token(digest))

    def _note_sealed(self, pack: str, size_bytes: int) -> None:
        self._writer.note_sealed(pack, size_bytes)

    def _after_commit(self, connection: object, name: str, pages: int) -> int:
        self._checkpointer.look_at(pages * _PAGE_BYTES)
        return 0
