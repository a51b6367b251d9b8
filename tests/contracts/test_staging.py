"""Every database keeps the promises about staged changes in `server/staging/store.py`.

The interleavings of `docs/design/transactions.md` that one statement or one transaction
must withstand are here with their schedules forced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lakebed.server.errors import RefNotFoundError
from lakebed.server.refs.store import Branch, Tag
from lakebed.server.repository.contracts import Metadata
from lakebed.server.staging.store import Change
from lakebed.server.tree.entry import PackedEntry

from support.databases import (
    NOW_MS,
    commit_id,
    lake_directory,
    make_branch,
    make_repository,
    open_metadata,
)


def entry(text: str) -> PackedEntry:
    return PackedEntry(text.encode())


async def stage(metadata: Metadata, branch: Branch, *changes: Change) -> None:
    await metadata.write(lambda tx: tx.stage(branch.id, changes))


async def seal(metadata: Metadata, branch: Branch) -> Branch:
    sealed = await metadata.write(lambda tx: tx.seal_epoch(branch.id))
    assert sealed is not None
    return sealed


async def scan(
    metadata: Metadata,
    branch: Branch,
    *,
    epochs: tuple[int, int] = (1, 99),
    start: bytes = b"",
    after: bool = False,
    stop: bytes | None = None,
    limit: int = 99,
) -> list[Change]:
    return await metadata.scan_staged(
        branch.id,
        epoch_min=epochs[0],
        epoch_max=epochs[1],
        start=start,
        after=after,
        stop=stop,
        limit=limit,
    )


async def publish(metadata: Metadata, seen: Branch, head: int) -> bool:
    return await metadata.write(
        lambda tx: tx.move_branch(
            seen,
            head=commit_id(head),
            floor=seen.epoch,
            action="commit",
            actor="ann",
            now_ms=NOW_MS,
        )
    )


class StagingContract:
    """Subclass with a `metadata` fixture to hold an implementation to the contract."""

    @pytest.fixture
    async def branch(self, metadata: Metadata) -> Branch:
        return await make_branch(metadata, await make_repository(metadata))

    async def test_a_staged_change_is_read_with_its_branch(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        await stage(metadata, branch, (b"a", entry("1")), (b"b", None))

        put = await metadata.read_path("lake", "main", b"a")
        deleted = await metadata.read_path("lake", "main", b"b")
        untouched = await metadata.read_path("lake", "main", b"c")

        assert put is not None
        assert deleted is not None
        assert untouched is not None
        assert (put.is_staged, put.staged) == (True, entry("1"))
        assert (deleted.is_staged, deleted.staged) == (True, None)
        assert (untouched.is_staged, untouched.staged) == (False, None)
        assert put.ref == branch
        assert put.repository.name == "lake"

    async def test_unknown_names_read_as_none(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        assert await metadata.read_path("lake", "other", b"a") is None
        assert await metadata.read_path("pond", "main", b"a") is None

    async def test_a_tag_reads_with_nothing_staged(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        await metadata.write(
            lambda tx: tx.create_tag(
                branch.repository_id, "v1", commit_id(1), actor="a", now_ms=NOW_MS
            )
        )

        state = await metadata.read_path("lake", "v1", b"a")

        assert state is not None
        assert not state.is_staged
        assert state.ref == Tag(branch.repository_id, "v1", commit_id(1), NOW_MS)

    async def test_the_newest_epoch_of_a_path_wins(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        await stage(metadata, branch, (b"a", entry("old")))
        await seal(metadata, branch)
        await stage(metadata, branch, (b"a", entry("new")))

        state = await metadata.read_path("lake", "main", b"a")

        assert state is not None
        assert state.staged == entry("new")
        assert await scan(metadata, branch) == [(b"a", entry("new"))]
        assert await scan(metadata, branch, epochs=(1, 1)) == [(b"a", entry("old"))]

    async def test_staging_on_a_deleted_branch_is_refused(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        await metadata.write(
            lambda tx: tx.delete_ref(
                branch.repository_id, "main", kind="branch", actor="a", now_ms=NOW_MS
            )
        )

        with pytest.raises(RefNotFoundError):
            await stage(metadata, branch, (b"a", None))

    async def test_sealing_opens_an_epoch_only_over_rows(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        assert (await seal(metadata, branch)).epoch == 1

        await stage(metadata, branch, (b"a", None))

        assert (await seal(metadata, branch)).epoch == 2
        assert (await seal(metadata, branch)).epoch == 2

    async def test_a_write_after_the_seal_survives_the_commit(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        """Had the writer kept the epoch it saw before, its row would be dropped."""
        await stage(metadata, branch, (b"a", entry("1")))
        sealed = await seal(metadata, branch)

        await stage(metadata, branch, (b"late", entry("2")))
        assert await publish(metadata, sealed, 1)

        committed = await metadata.read_path("lake", "main", b"a")
        late = await metadata.read_path("lake", "main", b"late")
        assert committed is not None
        assert late is not None
        assert not committed.is_staged
        assert late.staged == entry("2")

    async def test_a_reset_between_seal_and_publish_stops_the_commit(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        await stage(metadata, branch, (b"a", entry("1")))
        sealed = await seal(metadata, branch)

        await metadata.write(lambda tx: tx.discard_staged(branch.id))

        assert not await publish(metadata, sealed, 1)
        state = await metadata.read_path("lake", "main", b"a")
        assert state is not None
        assert not state.is_staged

    async def test_of_two_commits_of_one_epoch_one_wins(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        await stage(metadata, branch, (b"a", entry("1")))
        first = await seal(metadata, branch)
        second = await seal(metadata, branch)

        assert await publish(metadata, first, 1)
        assert not await publish(metadata, second, 2)

    async def test_a_dead_committer_leaves_its_epochs_to_the_next(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        await stage(metadata, branch, (b"a", entry("1")), (b"b", entry("1")))
        await seal(metadata, branch)  # and dies
        await stage(metadata, branch, (b"b", None), (b"c", entry("2")))

        sealed = await seal(metadata, branch)

        assert (sealed.floor, sealed.epoch) == (1, 3)
        assert await scan(metadata, branch, epochs=(1, 2)) == [
            (b"a", entry("1")),
            (b"b", None),
            (b"c", entry("2")),
        ]

    async def test_rows_below_the_floor_are_invisible_and_purged_in_batches(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        await stage(metadata, branch, *((b"%d" % n, None) for n in range(7)))
        await publish(metadata, await seal(metadata, branch), 1)
        await stage(metadata, branch, (b"3", entry("live")))
        now = await metadata.find_branch(branch.id)
        assert now is not None

        batches = [
            await metadata.write(lambda tx: tx.purge_dead(branch.id, limit=3))
            for _ in range(4)
        ]

        assert batches == [3, 3, 1, 0]
        assert await scan(metadata, branch) == [(b"3", entry("live"))]
        assert await metadata.has_live_changes(now)

    async def test_a_branch_is_clean_after_a_commit_though_rows_wait_for_the_purge(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        assert not await metadata.has_live_changes(branch)
        await stage(metadata, branch, (b"a", None))
        assert await metadata.has_live_changes(branch)

        await publish(metadata, await seal(metadata, branch), 1)

        now = await metadata.find_branch(branch.id)
        assert now is not None
        assert not await metadata.has_live_changes(now)

    @pytest.mark.parametrize(
        ("path", "prefix", "left", "count"),
        [
            (b"d/a", None, [b"d", b"d/b", b"d0", b"e"], 2),
            (None, b"d/", [b"d", b"d0", b"e"], 3),
            (None, b"d", [b"e"], 5),
            (b"zzz", None, [b"d", b"d/a", b"d/b", b"d0", b"e"], 0),
            (None, None, [], 1),
        ],
    )
    async def test_discarding_takes_what_it_names(
        self,
        metadata: Metadata,
        branch: Branch,
        path: bytes | None,
        prefix: bytes | None,
        left: list[bytes],
        count: int,
    ) -> None:
        names = [b"d", b"d/a", b"d/b", b"d0", b"e"]
        await stage(metadata, branch, (b"d/a", entry("old")))
        await seal(metadata, branch)
        await stage(metadata, branch, *((name, entry("x")) for name in names))

        gone = await metadata.write(
            lambda tx: tx.discard_staged(branch.id, path=path, prefix=prefix)
        )

        now = await metadata.find_branch(branch.id)
        assert now is not None
        live = await scan(metadata, now, epochs=(now.floor, now.epoch))
        assert gone == count
        assert now.resets == (1 if count else 0)
        assert [name for name, _ in live] == left
        assert await metadata.has_live_changes(now) == bool(left)

    async def test_discarding_on_a_clean_branch_is_nothing(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        assert await metadata.write(lambda tx: tx.discard_staged(branch.id)) == 0
        assert await metadata.find_branch(branch.id) == branch

    async def test_discarding_the_last_change_makes_the_branch_clean(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        await stage(metadata, branch, (b"a", None))

        await metadata.write(lambda tx: tx.discard_staged(branch.id, path=b"a"))

        now = await metadata.find_branch(branch.id)
        assert now is not None
        assert not await metadata.has_live_changes(now)

    async def test_scans_have_a_start_and_a_stop(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        await stage(metadata, branch, *((b"%d" % n, None) for n in range(6)))

        async def paths(
            start: bytes, *, after: bool = False, stop: bytes | None = None
        ) -> bytes:
            found = await scan(metadata, branch, start=start, after=after, stop=stop)
            return b"".join(path for path, _ in found)

        assert await paths(b"2") == b"2345"
        assert await paths(b"2", after=True) == b"345"
        assert await paths(b"2", after=True, stop=b"4") == b"3"
        assert await paths(b"", stop=b"0") == b""

    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 50])
    async def test_pages_of_any_size_give_each_path_once(
        self, metadata: Metadata, branch: Branch, limit: int
    ) -> None:
        """Paths have up to nine epochs each, so that pages end within all of them."""
        expected: dict[bytes, PackedEntry | None] = {}
        for epoch in range(9):
            changes: list[Change] = [
                (b"%d" % n, entry(f"{epoch}")) for n in range(epoch % 4, 9)
            ]
            await stage(metadata, branch, *changes)
            expected.update(changes)
            await seal(metadata, branch)
        found: list[Change] = []

        while True:
            start = found[-1][0] if found else b""
            page = await scan(
                metadata, branch, start=start, after=bool(found), limit=limit
            )
            found += page
            if len(page) < limit:
                break

        assert found == sorted(expected.items())

    async def test_threads_scan_the_same(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        await stage(metadata, branch, (b"a", entry("1")), (b"b", None))

        found = metadata.scan_staged_blocking(
            branch.id,
            epoch_min=1,
            epoch_max=1,
            start=b"",
            after=False,
            stop=None,
            limit=9,
        )

        assert found == await scan(metadata, branch)

    async def test_paths_are_ordered_by_bytes(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        names = ["é", "z", "Z", "a/b", "a-b", "a", "ÿ", "\U0001f600"]
        await stage(metadata, branch, *((name.encode(), None) for name in names))

        found = [path for path, _ in await scan(metadata, branch)]

        assert found == sorted(name.encode() for name in names)


class TestSqlStaging(StagingContract):
    @pytest.fixture
    async def metadata(self) -> AsyncIterator[Metadata]:
        with lake_directory() as path, open_metadata(path) as metadata:
            yield metadata
