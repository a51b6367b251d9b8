"""The group writer: durable before acknowledged, and what happens when it cannot be."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lakebed.server.chunks.index import StoredFrame
from lakebed.server.errors import (
    BusyError,
    DurabilityLostError,
    LakeError,
    StorageFailedError,
    StorageFullError,
)
from lakebed.server.ids import Kind
from lakebed.server.metadata import writer as writer_module
from lakebed.server.metadata.chunks import find_stored
from lakebed.server.metadata.database import Session
from lakebed.server.metadata.directory import LockFile
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.metadata.reads import SNAPSHOTS_MAX
from lakebed.server.metadata.reserve import Reserve
from lakebed.server.refs.store import Branch
from lakebed.server.repository.contracts import Snapshot, WriteTransaction
from lakebed.server.storage.local import LocalPackStorage

from support.databases import (
    chunk,
    lake_directory,
    make_branch,
    make_repository,
    open_metadata,
)
from support.faults import Fault, FaultPlan, FaultyPackStorage


@pytest.fixture
def directory() -> Iterator[Path]:
    with lake_directory() as path:
        yield path


async def put(metadata: SqlMetadata, branch: Branch, number: int) -> None:
    """Stage a path with a chunk, as a small PUT does."""
    frame = chunk(b"%d" % number * 100)
    path = b"%d" % number
    await metadata.write(lambda tx: tx.stage(branch.id, [(path, None)]), frames=[frame])


async def delete(metadata: SqlMetadata, branch: Branch, number: int) -> None:
    """Stage a tombstone."""
    path = b"%d" % number
    await metadata.write(lambda tx: tx.stage(branch.id, [(path, None)]))


async def is_staged(metadata: SqlMetadata, number: int) -> bool:
    state = await metadata.read_path("lake", "main", b"%d" % number)
    assert state is not None
    return state.is_staged


async def test_frames_are_synced_before_the_transaction_and_that_before_the_answer(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FaultyPackStorage(LocalPackStorage(directory))
    with open_metadata(directory, storage) as metadata:
        branch = await make_branch(metadata, await make_repository(metadata))
        await put(metadata, branch, 0)
        events = storage.calls
        run = Session.run

        def record(session: Session, sql: str, values: Any = ()) -> int:
            changed = run(session, sql, values)
            if sql in ("BEGIN IMMEDIATE", "COMMIT"):
                events.append(sql)
            return changed

        monkeypatch.setattr(Session, "run", record)
        events.clear()

        await put(metadata, branch, 1)
        events.append("answered")

        assert events == ["append", "sync", "BEGIN IMMEDIATE", "COMMIT", "answered"]


async def test_a_transaction_waits_its_turn_among_processes(directory: Path) -> None:
    """Writers queue on the lock file; SQLite's own retries would starve some of them."""
    with open_metadata(directory) as metadata:
        branch = await make_branch(metadata, await make_repository(metadata))
        other = LockFile(directory / "write.lock")
        other.acquire()

        waiting = asyncio.create_task(delete(metadata, branch, 1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.1)
        other.close()

        await waiting
        assert await is_staged(metadata, 1)


async def test_snapshots_that_hold_every_connection_look_up_chunks_all_the_same(
    directory: Path,
) -> None:
    """With one pool for both, each would wait for the connection of another."""
    with open_metadata(directory) as metadata:
        frame = chunk(b"x")
        await metadata.write(_nothing, frames=[frame])
        all_inside = threading.Barrier(SNAPSHOTS_MAX)

        async def look(_: Snapshot) -> int:
            all_inside.wait(30)
            return len(metadata.find_blocking(Kind.CHUNK, [frame.id]))

        found = await asyncio.gather(
            *(metadata.snapshot(look) for _ in range(SNAPSHOTS_MAX))
        )
        assert found == [1] * SNAPSHOTS_MAX


async def test_many_writes_share_one_sync_and_one_transaction(directory: Path) -> None:
    storage = FaultyPackStorage(LocalPackStorage(directory))
    with open_metadata(directory, storage) as metadata:
        branch = await make_branch(metadata, await make_repository(metadata))
        await put(metadata, branch, 0)
        storage.calls.clear()
        before = metadata.counters.groups

        await asyncio.gather(*(put(metadata, branch, n) for n in range(1, 301)))

        assert metadata.counters.groups - before < 100
        assert storage.calls.count("sync") < 100
        assert metadata.counters.waiting == metadata.counters.waiting_bytes == 0


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.SHORT, Fault.FULL])
@pytest.mark.parametrize("call", range(4))
async def test_whatever_storage_call_fails_nothing_unacknowledged_shows(
    directory: Path, fault: Fault, call: int
) -> None:
    """After each failure but a lost fsync the next write succeeds, in a new pack."""
    storage = FaultyPackStorage(LocalPackStorage(directory), FaultPlan(call, fault))
    lost: list[DurabilityLostError] = []
    with open_metadata(directory, on_fatal=lost.append) as plain:
        branch = await make_branch(plain, await make_repository(plain))
    metadata = SqlMetadata.open(directory, storage, on_fatal=lost.append)

    results = await asyncio.gather(
        *(put(metadata, branch, n) for n in range(20)), return_exceptions=True
    )

    assert storage.injected
    failed = [n for n, result in enumerate(results) if result is not None]
    assert all(isinstance(results[n], LakeError) for n in failed)
    if lost:
        assert storage.calls[-1] == "sync", "after a lost fsync nothing may be tried"
        with pytest.raises(DurabilityLostError):
            await delete(metadata, branch, 99)
        with pytest.raises(DurabilityLostError):
            metadata.close()
    else:
        await asyncio.gather(*(put(metadata, branch, n) for n in failed))
        metadata.close()
    with open_metadata(directory) as again:
        for n, result in enumerate(results):
            if result is None or not lost:
                assert await is_staged(again, n)
                frame = chunk(b"%d" % n * 100)
                assert frame.id in await again.find(Kind.CHUNK, [frame.id])
            else:
                assert not await is_staged(again, n)


async def test_a_group_whose_commit_fails_fails_whole(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_metadata(directory) as metadata:
        branch = await make_branch(metadata, await make_repository(metadata))
        run = Session.run

        def fail_commit(session: Session, sql: str, values: Any = ()) -> int:
            if sql == "COMMIT":
                raise StorageFailedError("commit: injected")
            return run(session, sql, values)

        monkeypatch.setattr(Session, "run", fail_commit)
        results = await asyncio.gather(
            *(delete(metadata, branch, n) for n in range(9)), return_exceptions=True
        )
        monkeypatch.undo()

        assert {type(result) for result in results} == {StorageFailedError}
        assert len({id(result) for result in results}) == 9, (
            "waiters share an exception"
        )
        assert not any([await is_staged(metadata, n) for n in range(9)])
        await delete(metadata, branch, 1)
        assert await is_staged(metadata, 1)


async def test_nobody_is_told_what_was_only_so_in_a_lost_transaction(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_metadata(directory) as metadata:
        repository = await make_repository(metadata)
        run = Session.run

        def fail_commit(session: Session, sql: str, values: Any = ()) -> int:
            if sql == "COMMIT":
                raise StorageFailedError("commit: injected")
            return run(session, sql, values)

        monkeypatch.setattr(Session, "run", fail_commit)
        results = await asyncio.gather(
            *(make_branch(metadata, repository, "dev") for _ in range(2)),
            return_exceptions=True,
        )
        monkeypatch.undo()

        assert {type(result) for result in results} == {StorageFailedError}
        await make_branch(metadata, repository, "dev")


async def test_an_action_cannot_hide_that_the_transaction_is_lost(
    directory: Path,
) -> None:
    """SQLite may end a transaction by itself; what ran after that would commit alone."""
    with open_metadata(directory) as metadata:
        branch = await make_branch(metadata, await make_repository(metadata))

        async def swallow(tx: WriteTransaction) -> None:
            session: Session = vars(tx)["_session"]
            session.run("ROLLBACK")
            session.failed = StorageFullError("injected")
            with contextlib.suppress(StorageFullError):
                await tx.stage(branch.id, [(b"1", None)])

        with pytest.raises(StorageFullError):
            await metadata.write(swallow)

        assert not await is_staged(metadata, 1)
        await delete(metadata, branch, 2)


async def test_a_chunk_collected_after_it_was_seen_is_stored_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the index and the transaction, the sweeper deletes it."""
    with open_metadata(directory) as metadata:
        branch = await make_branch(metadata, await make_repository(metadata))
        await put(metadata, branch, 1)
        frame = chunk(b"1" * 100)
        before = (await metadata.find(Kind.CHUNK, [frame.id]))[frame.id]
        swept: list[set[bytes]] = []

        def find_and_sweep(session: Session, kind: Kind, ids: Any) -> set[bytes]:
            found = find_stored(session, kind, ids)
            if not swept:
                swept.append(found)
                session.run("DELETE FROM chunk")
            return found

        monkeypatch.setattr(writer_module, "find_stored", find_and_sweep)
        await put(metadata, branch, 1)

        after = (await metadata.find(Kind.CHUNK, [frame.id]))[frame.id]
        assert swept == [{frame.id}]
        assert after != before


async def test_on_a_full_disk_deletes_go_on_and_new_bytes_are_refused(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says `full` once, as if its log could not grow; then the reserve is given."""
    with open_metadata(directory) as metadata:
        branch = await make_branch(metadata, await make_repository(metadata))
        reserve = directory / "reserve"
        assert reserve.stat().st_size > 0
        run = Session.run
        full = [True]

        def fill(session: Session, sql: str, values: Any = ()) -> int:
            if sql == "COMMIT" and full and reserve.exists():
                raise StorageFullError("commit: injected")
            return run(session, sql, values)

        monkeypatch.setattr(Session, "run", fill)
        monkeypatch.setattr(Reserve, "ensure", _find_no_room)

        await delete(metadata, branch, 1)
        assert await is_staged(metadata, 1)
        assert not reserve.exists()
        with pytest.raises(StorageFullError, match="free some space"):
            await put(metadata, branch, 2)
        await delete(metadata, branch, 3)

        full.clear()
        monkeypatch.undo()
        reserve.touch()
        assert not await is_staged(metadata, 2)
    with open_metadata(directory) as metadata:
        assert reserve.stat().st_size > 0, "the reserve was not made again"
        await put(metadata, branch, 2)


async def test_closing_finishes_what_is_queued_and_seals_the_pack(
    directory: Path,
) -> None:
    with open_metadata(directory) as metadata:
        branch = await make_branch(metadata, await make_repository(metadata))
    metadata = SqlMetadata.open(directory, LocalPackStorage(directory))
    waiting = [asyncio.create_task(put(metadata, branch, n)) for n in range(50)]
    await asyncio.sleep(0)

    metadata.close()

    assert await asyncio.gather(*waiting) == [None] * 50
    with pytest.raises(BusyError, match="stopping"):
        await delete(metadata, branch, 1)
    with open_metadata(directory) as again:
        assert all([await is_staged(again, n) for n in range(50)])
        assert again.count_packs("writing") == 0
        assert again.count_packs("sealed") == 1


async def test_a_pack_of_a_living_writer_is_not_recovered(directory: Path) -> None:
    with open_metadata(directory) as metadata:
        stored: list[StoredFrame] = metadata.appender.append([chunk(b"x")])

        with open_metadata(directory) as other:
            assert other.count_packs("writing") == 1
        await metadata.write(_nothing, stored=stored)


async def test_the_log_is_emptied_when_it_is_long(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakebed.server.metadata.checkpoint.WAL_BYTES_MAX", 100_000)
    with open_metadata(directory) as metadata:
        branch = await make_branch(metadata, await make_repository(metadata))
        longest = 0

        for n in range(400):
            await delete(metadata, branch, n)
            size = (directory / "lakebed.db-wal").stat().st_size
            longest = max(longest, size)

        assert metadata.checkpoints > 0
        assert longest < 3_000_000


def _find_no_room(_: Reserve) -> bool:
    """Stand for `Reserve.ensure` on a full disk."""
    return False


async def _nothing(_: WriteTransaction) -> None:
    """Change nothing."""
