"""Every database keeps the promises about names in `server/refs/store.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lakebed.server.errors import (
    RefExistsError,
    RepositoryExistsError,
    RepositoryNotFoundError,
)
from lakebed.server.history.step import CommitStep
from lakebed.server.ids import CommitId
from lakebed.server.refs.store import Branch, CommitRow, Repository, Tag
from lakebed.server.repository.contracts import Metadata, WriteTransaction

from support.databases import (
    NOW_MS,
    commit_id,
    lake_directory,
    make_branch,
    make_repository,
    open_metadata,
)


async def move(
    metadata: Metadata, seen: Branch, head: int, *, floor: int = 1, now_ms: int = NOW_MS
) -> bool:
    return await metadata.write(
        lambda tx: tx.move_branch(
            seen,
            head=commit_id(head),
            floor=floor,
            action="commit",
            actor="ann",
            now_ms=now_ms,
        )
    )


async def make_tag(metadata: Metadata, repository: Repository, name: str) -> Tag:
    return await metadata.write(
        lambda tx: tx.create_tag(
            repository.id, name, commit_id(7), actor="ann", now_ms=NOW_MS
        )
    )


class RefsContract:
    """Subclass with a `metadata` fixture to hold an implementation to the contract."""

    async def test_a_repository_is_found_by_name(self, metadata: Metadata) -> None:
        made = await make_repository(metadata)

        assert await metadata.find_repository("lake") == made
        assert await metadata.find_repository("pond") is None

    async def test_a_repository_name_is_taken_once(self, metadata: Metadata) -> None:
        await make_repository(metadata)

        with pytest.raises(RepositoryExistsError, match="'lake'"):
            await make_repository(metadata)

    async def test_repositories_are_paged_by_name(self, metadata: Metadata) -> None:
        for name in ["b-two", "a-one", "b-one", "c"]:
            await make_repository(metadata, name)

        async def names(prefix: str, after: str, limit: int) -> list[str]:
            page = await metadata.list_repositories(
                prefix=prefix, after=after, limit=limit
            )
            return [repository.name for repository in page]

        assert await names("", "", 2) == ["a-one", "b-one"]
        assert await names("", "b-one", 9) == ["b-two", "c"]
        assert await names("b", "", 9) == ["b-one", "b-two"]
        assert await names("b", "a-one", 9) == ["b-one", "b-two"]
        assert await names("b", "b-one", 9) == ["b-two"]
        assert await names("b-one", "b-one", 9) == []

    async def test_branches_and_tags_share_one_namespace(
        self, metadata: Metadata
    ) -> None:
        repository = await make_repository(metadata)
        branch = await make_branch(metadata, repository, "x")
        tag = await make_tag(metadata, repository, "y")

        with pytest.raises(RefExistsError, match="'x'"):
            await make_tag(metadata, repository, "x")
        with pytest.raises(RefExistsError, match="'y'"):
            await make_branch(metadata, repository, "y")
        assert await metadata.find_ref(repository.id, "x") == branch
        assert await metadata.find_ref(repository.id, "y") == tag
        assert await metadata.find_branch(branch.id) == branch

    async def test_branches_and_tags_are_listed_apart(self, metadata: Metadata) -> None:
        repository = await make_repository(metadata)
        for name in ["b2", "b1"]:
            await make_branch(metadata, repository, name)
        await make_tag(metadata, repository, "b0")
        await metadata.write(
            lambda tx: tx.create_branch(
                repository.id,
                "b3",
                commit_id(1),
                hidden=True,
                actor="ann",
                now_ms=NOW_MS,
            )
        )

        async def branches(*, hidden: bool, prefix: str = "", after: str = "") -> str:
            page = await metadata.list_branches(
                repository.id, prefix=prefix, after=after, limit=9, hidden=hidden
            )
            return " ".join(branch.name for branch in page)

        tags = await metadata.list_tags(repository.id, prefix="", after="", limit=9)
        assert await branches(hidden=False) == "b1 b2"
        assert await branches(hidden=True) == "b1 b2 b3"
        assert await branches(hidden=True, prefix="b2") == "b2"
        assert await branches(hidden=True, after="b1") == "b2 b3"
        assert [tag.name for tag in tags] == ["b0"]

    async def test_a_branch_id_is_never_used_twice(self, metadata: Metadata) -> None:
        repository = await make_repository(metadata)
        first = await make_branch(metadata, repository)
        gone = await metadata.write(
            lambda tx: tx.delete_ref(
                repository.id, "main", kind="branch", actor="ann", now_ms=NOW_MS
            )
        )

        second = await make_branch(metadata, repository)

        assert gone
        assert second.id > first.id
        assert await metadata.find_branch(first.id) is None
        assert not await move(metadata, first, 1)

    async def test_deleting_names_the_kind(self, metadata: Metadata) -> None:
        repository = await make_repository(metadata)
        await make_branch(metadata, repository)

        gone = await metadata.write(
            lambda tx: tx.delete_ref(
                repository.id, "main", kind="tag", actor="ann", now_ms=NOW_MS
            )
        )

        assert not gone
        assert await metadata.find_ref(repository.id, "main") is not None

    async def test_of_two_movers_from_one_state_one_wins(
        self, metadata: Metadata
    ) -> None:
        seen = await make_branch(metadata, await make_repository(metadata))

        assert await move(metadata, seen, 1)
        assert not await move(metadata, seen, 2)

        now = await metadata.find_branch(seen.id)
        assert now is not None
        assert now.head == commit_id(1)

    async def test_a_move_needs_the_floor_it_saw(self, metadata: Metadata) -> None:
        """A commit that changes nothing moves only the floor: others must notice."""
        seen = await make_branch(metadata, await make_repository(metadata))

        assert await move(metadata, seen, 0, floor=2)
        assert not await move(metadata, seen, 1)

    async def test_a_move_needs_the_resets_it_saw(self, metadata: Metadata) -> None:
        seen = await make_branch(metadata, await make_repository(metadata))
        await metadata.write(lambda tx: tx.stage(seen.id, [(b"a", None)]))

        await metadata.write(lambda tx: tx.discard_staged(seen.id, path=b"a"))

        assert not await move(metadata, seen, 1)

    async def test_the_open_epoch_never_lies_below_the_floor(
        self, metadata: Metadata
    ) -> None:
        seen = await make_branch(metadata, await make_repository(metadata))

        await move(metadata, seen, 1, floor=5)

        now = await metadata.find_branch(seen.id)
        assert now is not None
        assert now.epoch >= now.floor == 5

    async def test_each_move_is_in_the_log(self, metadata: Metadata) -> None:
        repository = await make_repository(metadata)
        branch = await make_branch(metadata, repository)
        await move(metadata, branch, 1)
        await metadata.write(
            lambda tx: tx.delete_ref(
                repository.id, "main", kind="branch", actor="bob", now_ms=NOW_MS
            )
        )

        log = await metadata.list_ref_log(repository.id, "main", before=None, limit=9)

        assert [(row.action, row.actor, row.old, row.new) for row in log] == [
            ("delete", "bob", commit_id(1), None),
            ("commit", "ann", commit_id(0), commit_id(1)),
            ("create", "ann", None, commit_id(0)),
        ]
        assert [row.sequence for row in log] == sorted(
            (row.sequence for row in log), reverse=True
        )
        rest = await metadata.list_ref_log(
            repository.id, "main", before=log[0].sequence, limit=1
        )
        assert rest == log[1:2]

    async def test_a_move_to_the_same_head_is_not_in_the_log(
        self, metadata: Metadata
    ) -> None:
        repository = await make_repository(metadata)
        branch = await make_branch(metadata, repository)

        await move(metadata, branch, 0, floor=2)

        log = await metadata.list_ref_log(repository.id, "main", before=None, limit=9)
        assert [row.action for row in log] == ["create"]

    async def test_times_of_a_ref_never_go_back(self, metadata: Metadata) -> None:
        repository = await make_repository(metadata)
        branch = await make_branch(metadata, repository)

        await move(metadata, branch, 1, now_ms=5)

        log = await metadata.list_ref_log(repository.id, "main", before=None, limit=9)
        assert [row.at_ms for row in log] == [NOW_MS, NOW_MS]

    async def test_a_ref_is_found_as_it_was(self, metadata: Metadata) -> None:
        repository = await make_repository(metadata)
        branch = await make_branch(metadata, repository)
        await move(metadata, branch, 1, now_ms=NOW_MS + 10)
        now = await metadata.find_branch(branch.id)
        assert now is not None
        await move(metadata, now, 2, now_ms=NOW_MS + 10)

        async def head_at(at_ms: int) -> object:
            row = await metadata.find_ref_at(repository.id, "main", at_ms)
            return None if row is None else row.new

        assert await head_at(NOW_MS - 1) is None
        assert await head_at(NOW_MS + 9) == commit_id(0)
        assert await head_at(NOW_MS + 10) == commit_id(2)  # the later of that moment
        assert await head_at(NOW_MS + 99) == commit_id(2)

    async def test_a_commit_belongs_to_the_repository_that_recorded_it(
        self, metadata: Metadata
    ) -> None:
        ours = await make_repository(metadata, "ours")
        theirs = await make_repository(metadata, "theirs")
        row = CommitRow(commit_id(3), b"record")

        for _ in range(2):  # again is nothing
            await metadata.write(lambda tx: tx.record_commit(ours.id, row))

        unknown = commit_id(4)
        assert await metadata.find_commits(ours.id, [unknown, row.id, row.id]) == [
            None,
            row,
            row,
        ]
        assert await metadata.find_commits(theirs.id, [row.id]) == [None]
        assert await metadata.find_commits(ours.id, []) == []

    @pytest.mark.parametrize("digits", [1, 2, 7, 63, 64])
    async def test_commits_are_found_by_a_hex_prefix(
        self, metadata: Metadata, digits: int
    ) -> None:
        repository = await make_repository(metadata)
        rows = [CommitRow(commit_id(n), b"r") for n in (0x1234, 0x1235, 0xFFFF)]

        async def record(tx: WriteTransaction) -> None:
            for row in rows:
                await tx.record_commit(repository.id, row)

        await metadata.write(record)
        prefix = rows[0].id.hex()[:digits]

        found = await metadata.find_commit_ids(repository.id, prefix, limit=9)

        assert found == [row.id for row in rows if row.id.hex().startswith(prefix)]
        assert await metadata.find_commit_ids(repository.id, "f" * digits, limit=9) == [
            rows[2].id
        ]

    async def test_steps_come_in_the_order_of_walks(self, metadata: Metadata) -> None:
        ours = await make_repository(metadata)
        theirs = await make_repository(metadata, "pond")
        steps = [
            CommitStep(commit_id(n), generation, bytes(commit_id(1)), n, traces)
            for n, generation, traces in (
                (4, 7, None),
                (9, 7, b""),
                (2, 5, b"abcd"),
                (3, 5, None),
                (8, 2**40, b""),
            )
        ]

        async def record(tx: WriteTransaction) -> None:
            for step in [*reversed(steps), steps[0]]:
                row = CommitRow(step.id, b"r", step=step)
                await tx.record_commit(ours.id, row)

        await metadata.write(record)
        ordered = [steps[4], *steps[:4]]

        async def scan(
            generation: int, after: CommitId | None, limit: int = 10
        ) -> list[CommitStep]:
            return await metadata.scan_steps(
                ours.id, generation=generation, after=after, limit=limit
            )

        assert await scan(2**50, None) == ordered
        assert await scan(7, None) == ordered[1:]
        assert await scan(6, None) == ordered[3:]
        assert await scan(7, commit_id(4)) == ordered[2:]
        assert await scan(7, commit_id(9), 1) == [ordered[3]]
        assert await scan(7, commit_id(4), 2) == ordered[2:4]
        assert await scan(5, commit_id(3)) == []
        assert (
            await metadata.scan_steps(theirs.id, generation=9, after=None, limit=9)
            == []
        )

    async def test_a_deleted_repository_leaves_nothing_to_act_on(
        self, metadata: Metadata
    ) -> None:
        repository = await make_repository(metadata)
        branch = await make_branch(metadata, repository)
        row = CommitRow(commit_id(1), b"record")
        await metadata.write(lambda tx: tx.stage(branch.id, [(b"a", None)]))

        await metadata.write(lambda tx: tx.delete_repository(repository.id))

        assert await metadata.find_repository("lake") is None
        assert await metadata.find_branch(branch.id) is None
        assert await metadata.find_ref(repository.id, "main") is None
        assert await metadata.read_path("lake", "main", b"a") is None
        assert not await move(metadata, branch, 1)
        with pytest.raises(RepositoryNotFoundError):
            await metadata.write(lambda tx: tx.record_commit(repository.id, row))
        with pytest.raises(RepositoryNotFoundError):
            await make_branch(metadata, repository, "other")
        again = await make_repository(metadata)
        assert again.id != repository.id
        assert await metadata.find_ref(again.id, "main") is None


class TestSqlRefs(RefsContract):
    @pytest.fixture
    async def metadata(self) -> AsyncIterator[Metadata]:
        with lake_directory() as path, open_metadata(path) as metadata:
            yield metadata
