"""What deletes leave behind goes in batches, and nothing else goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lakebed.server.history.step import CommitStep
from lakebed.server.ids import CommitId, Kind
from lakebed.server.metadata.database import READER_CACHE_KIB, Session
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.metadata.purge import ROWS_AT_ONCE
from lakebed.server.refs.store import CommitRow, Repository
from lakebed.server.repository.contracts import WriteTransaction
from lakebed.server.staging.store import Change

from support.databases import (
    NOW_MS,
    chunk,
    lake_directory,
    make_branch,
    make_repository,
    open_metadata,
)

ROWS = ROWS_AT_ONCE + 500


@pytest.fixture
def directory() -> Iterator[Path]:
    with lake_directory() as path:
        yield path


async def fill(metadata: SqlMetadata, name: str) -> Repository:
    """Make a repository with more staged rows and commits than one batch removes."""
    repository = await make_repository(metadata, name)
    branch = await make_branch(metadata, repository)
    changes: list[Change] = [(b"%d" % n, None) for n in range(ROWS)]
    await metadata.write(lambda tx: tx.stage(branch.id, changes))

    async def record(tx: WriteTransaction) -> None:
        for n in range(ROWS):
            commit_id = CommitId(n.to_bytes(32, "big"))
            step = CommitStep(commit_id, n, b"", 0, None)
            commit = CommitRow(commit_id, b"record", step=step)
            await tx.record_commit(repository.id, commit)

    await metadata.write(record)
    return repository


async def purge(metadata: SqlMetadata) -> list[int]:
    """Purge to the end; return the size of each batch."""
    batches: list[int] = []
    while count := await metadata.purge():
        batches.append(count)
    return batches


def count_rows(directory: Path) -> dict[str, int]:
    session = Session(directory / "lakebed.db", cache_kib=READER_CACHE_KIB)
    counts = {
        table: session.rows(f"SELECT count(*) FROM {table}")[0][0]
        for table in [
            *("repository", "ref", "ref_log", "commit_record", "staged", "purge"),
            *("commit_step", "lease", "lease_item"),
        ]
    }
    session.close()
    return counts


async def test_a_deleted_repository_goes_in_batches_and_alone(directory: Path) -> None:
    with open_metadata(directory) as metadata:
        await fill(metadata, "kept")
        kept = count_rows(directory)
        gone = await fill(metadata, "gone")

        await metadata.write(lambda tx: tx.delete_repository(gone.id))
        batches = await purge(metadata)

        assert count_rows(directory) == kept
        assert sum(batches) >= 2 * ROWS
        assert max(batches) <= 2 * ROWS_AT_ONCE


async def test_staged_rows_of_a_deleted_branch_go(directory: Path) -> None:
    with open_metadata(directory) as metadata:
        repository = await fill(metadata, "lake")
        await metadata.write(
            lambda tx: tx.delete_ref(
                repository.id, "main", kind="branch", actor="a", now_ms=NOW_MS
            )
        )
        again = await make_branch(metadata, repository)
        await metadata.write(lambda tx: tx.stage(again.id, [(b"new", None)]))

        await purge(metadata)

        assert count_rows(directory)["staged"] == 1
        assert await metadata.has_live_changes(again)


async def test_a_purge_that_was_cut_short_goes_on_later(directory: Path) -> None:
    with open_metadata(directory) as metadata:
        gone = await fill(metadata, "gone")
        await metadata.write(lambda tx: tx.delete_repository(gone.id))
        await metadata.purge()

    with open_metadata(directory) as metadata:
        await purge(metadata)

        assert not any(count_rows(directory).values())


async def test_leases_end_with_their_time(directory: Path) -> None:
    with open_metadata(directory) as metadata:
        frame = chunk(b"x")

        async def lease(tx: WriteTransaction, expires_at_ms: int) -> None:
            lease_id = await tx.create_lease(expires_at_ms)
            assert not await tx.ensure(Kind.CHUNK, [frame.id], lease_id)

        await metadata.write(lambda tx: lease(tx, NOW_MS - 1), frames=[frame])
        await metadata.write(lambda tx: lease(tx, NOW_MS + 1))

        await purge(metadata)

        assert count_rows(directory)["lease"] == 1
        assert count_rows(directory)["lease_item"] == 1


async def test_what_a_commit_left_goes_with_a_branch_that_was_reset_and_deleted(
    directory: Path,
) -> None:
    with open_metadata(directory) as metadata:
        repository = await make_repository(metadata)
        branch = await make_branch(metadata, repository)
        await metadata.write(lambda tx: tx.stage(branch.id, [(b"a", None)]))
        await metadata.write(
            lambda tx: tx.move_branch(
                branch,
                head=branch.head,
                floor=2,
                action="commit",
                actor="me",
                now_ms=NOW_MS,
            )
        )
        await metadata.write(lambda tx: tx.stage(branch.id, [(b"b", None)]))
        await metadata.write(lambda tx: tx.discard_staged(branch.id, path=b"b"))

        await metadata.write(
            lambda tx: tx.delete_ref(
                repository.id, branch.name, kind="branch", actor="me", now_ms=NOW_MS
            )
        )
        await purge(metadata)

    assert count_rows(directory)["staged"] == 0
