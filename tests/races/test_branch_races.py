"""The interleavings that the rules for branches answer, each with its schedule forced.

`docs/design/transactions.md` has the rules. In each test a step runs in the middle of an
operation, as another process would; the operation's writes are counted from 0.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

import pytest
from lakebed.server.errors import (
    DirtyBranchError,
    InvalidValueError,
    NothingToCommitError,
    ObjectNotFoundError,
    PreconditionFailedError,
    RefMovedError,
    RefNotFoundError,
)
from lakebed.server.history.commit import Commit
from lakebed.server.repository import (
    branches,
    commits,
    copies,
    diffs,
    listings,
    merges,
    objects,
    picking,
    publishing,
    repositories,
    resolving,
)
from lakebed.server.repository.contracts import Metadata, Snapshot
from lakebed.server.repository.deleting import Deletion, delete_objects
from lakebed.server.repository.describing import update_extra
from lakebed.server.repository.diffs import DiffScope
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.objects import Condition
from lakebed.server.tree.extra import decode_extra

from support.engines import make_directory, open_engine
from support.schedules import CrashError, Schedule, Step

T = TypeVar("T")

R = "repo"
SEAL, PUBLISH = 0, 1
"""The writes of a commit; every other operation here publishes with its first."""


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    directory = make_directory()
    async with open_engine(directory) as engine:
        await repositories.create_repository(engine, R, actor="me")
        yield engine
    shutil.rmtree(directory)


async def put(engine: Engine, path: bytes, body: bytes, branch: str = "main") -> None:
    await objects.put_object(engine, R, branch, path, body)


async def read(engine: Engine, path: bytes, ref: str = "main") -> bytes | None:
    try:
        located = await objects.stat_object(engine, R, ref, path)
    except ObjectNotFoundError:
        return None
    pieces = objects.read_object(engine, located.entry)
    return b"".join([bytes(piece) async for piece in pieces])


async def commit(engine: Engine, branch: str = "main") -> Commit:
    return await commits.commit_branch(engine, R, branch, message="m", actor="me")


async def staged(engine: Engine, branch: str = "main") -> list[bytes]:
    page = await diffs.diff_staged(engine, R, branch, DiffScope(100))
    return [item.path for item in page.items]


async def test_a_write_that_began_before_a_commit_is_not_lost(engine: Engine) -> None:
    await put(engine, b"a", b"1")
    schedule = Schedule(engine, {0: lambda: commit(engine)})

    await put(schedule.engine, b"b", b"2")

    schedule.check_all_ran()
    assert await read(engine, b"b") == b"2"
    assert await staged(engine) == [b"b"]
    await commit(engine)
    assert await read(engine, b"b", "main@") == b"2"


async def test_a_write_after_the_seal_stays_staged(engine: Engine) -> None:
    await put(engine, b"a", b"old")
    schedule = Schedule(engine, {PUBLISH: lambda: put(engine, b"a", b"new")})

    await commit(schedule.engine)

    schedule.check_all_ran()
    assert await read(engine, b"a", "main@") == b"old"
    assert await read(engine, b"a") == b"new"
    assert await staged(engine) == [b"a"]


async def test_of_two_commits_of_the_same_changes_one_says_who_took_them(
    engine: Engine,
) -> None:
    await put(engine, b"a", b"1")
    schedule = Schedule(engine, {PUBLISH: lambda: commit(engine)})

    with pytest.raises(NothingToCommitError) as error:
        await commit(schedule.engine)

    schedule.check_all_ran()
    head = await commits.get_commit(engine, R, "main")
    assert head.id.hex() in str(error.value)
    assert head.generation == 1


async def test_a_commit_that_sealed_less_loses_to_one_that_took_more(
    engine: Engine,
) -> None:
    await put(engine, b"a", b"1")

    async def write_and_commit() -> None:
        await put(engine, b"b", b"2")
        await commit(engine)

    schedule = Schedule(engine, {PUBLISH: write_and_commit})
    with pytest.raises(NothingToCommitError):
        await commit(schedule.engine)

    schedule.check_all_ran()
    assert await read(engine, b"a", "main@") == b"1"
    assert await read(engine, b"b", "main@") == b"2"


async def test_a_commit_that_sealed_more_builds_again_on_the_winner(
    engine: Engine,
) -> None:
    """The earlier commit publishes {a: 1} while the later one has built {a: 3, b}."""
    await put(engine, b"a", b"1")
    branch = await branches.get_branch(engine, R, "main")
    await engine.metadata.write(lambda tx: tx.seal_epoch(branch.id))
    await put(engine, b"b", b"2")
    await put(engine, b"a", b"3")
    head = await commits.get_commit(engine, R, "main")
    schedule = Schedule(
        engine, {PUBLISH: lambda: _commit_up_to(engine, head, epoch=branch.epoch)}
    )

    later = await commit(schedule.engine)

    schedule.check_all_ran()
    assert later.generation == 2
    assert await read(engine, b"a", "main~1") == b"1"
    assert await read(engine, b"b", "main~1") is None
    assert await read(engine, b"a", "main@") == b"3"
    assert await read(engine, b"b", "main@") == b"2"
    assert await staged(engine) == []


async def _commit_up_to(engine: Engine, head: Commit, *, epoch: int) -> None:
    """Publish the commit of someone who sealed `epoch` before later writes came."""
    where = await resolving.get_repository(engine, R)
    seen = await branches.get_branch(engine, R, "main")
    built = await commits.build_sealed(engine, head, seen, epoch)
    description = publishing.Description("early", {}, "other", 1)
    published = await publishing.publish(
        engine,
        where,
        seen,
        built,
        parents=(head,),
        description=description,
        floor=epoch + 1,
        action="commit",
        refuse_dirty=False,
    )
    assert published is not None


async def test_a_reset_during_a_commit_wins(engine: Engine) -> None:
    await put(engine, b"a", b"1")
    schedule = Schedule(
        engine, {PUBLISH: lambda: branches.reset_branch(engine, R, "main")}
    )

    with pytest.raises(NothingToCommitError, match="reset"):
        await commit(schedule.engine)

    schedule.check_all_ran()
    assert await read(engine, b"a") is None
    assert (await commits.get_commit(engine, R, "main")).generation == 0


async def test_a_reset_of_one_path_during_a_commit_wins(engine: Engine) -> None:
    await put(engine, b"a", b"1")
    await put(engine, b"b", b"2")
    schedule = Schedule(
        engine, {PUBLISH: lambda: branches.reset_branch(engine, R, "main", path=b"a")}
    )

    with pytest.raises(NothingToCommitError, match="reset"):
        await commit(schedule.engine)

    schedule.check_all_ran()
    assert await read(engine, b"a") is None
    assert await staged(engine) == [b"b"]


async def test_a_commit_of_a_deleted_branch_says_so(engine: Engine) -> None:
    await branches.create_branch(engine, R, "dev", "main", actor="me")
    await put(engine, b"a", b"1", "dev")
    schedule = Schedule(
        engine, {PUBLISH: lambda: branches.delete_branch(engine, R, "dev", actor="me")}
    )

    with pytest.raises(RefNotFoundError, match="'dev'"):
        await commit(schedule.engine, "dev")

    schedule.check_all_ran()


async def test_a_write_to_a_branch_made_anew_does_not_land_there(
    engine: Engine,
) -> None:
    await branches.create_branch(engine, R, "dev", "main", actor="me")

    async def make_anew() -> None:
        await branches.delete_branch(engine, R, "dev", actor="me")
        await branches.create_branch(engine, R, "dev", "main", actor="me")

    schedule = Schedule(engine, {0: make_anew})
    with pytest.raises(RefNotFoundError):
        await put(schedule.engine, b"a", b"1", "dev")

    schedule.check_all_ran()
    assert await read(engine, b"a", "dev") is None


async def test_a_committer_that_dies_leaves_nothing_to_repair(engine: Engine) -> None:
    await put(engine, b"a", b"1")

    async def die() -> None:
        raise CrashError

    schedule = Schedule(engine, {PUBLISH: die})
    with pytest.raises(CrashError):
        await commit(schedule.engine)
    await put(engine, b"b", b"2")

    await commit(engine)

    assert await read(engine, b"a", "main@") == b"1"
    assert await read(engine, b"b", "main@") == b"2"
    assert await staged(engine) == []


async def diverge(engine: Engine) -> None:
    """Make `dev`, with a commit that `main` lacks."""
    await branches.create_branch(engine, R, "dev", "main", actor="me")
    await put(engine, b"d", b"dev", "dev")
    await commit(engine, "dev")


async def test_a_write_during_a_merge_refuses_the_merge(engine: Engine) -> None:
    await diverge(engine)
    schedule = Schedule(engine, {0: lambda: put(engine, b"a", b"1")})

    with pytest.raises(DirtyBranchError):
        await merges.merge(schedule.engine, R, "dev", "main", actor="me")

    schedule.check_all_ran()
    assert await read(engine, b"a") == b"1"
    assert await read(engine, b"d") is None


async def test_a_merge_that_loses_to_a_commit_builds_again(engine: Engine) -> None:
    await diverge(engine)

    async def write_and_commit() -> None:
        await put(engine, b"a", b"1")
        await commit(engine)

    schedule = Schedule(engine, {0: write_and_commit})
    merged = await merges.merge(schedule.engine, R, "dev", "main", actor="me")

    schedule.check_all_ran()
    assert await read(engine, b"a", "main@") == b"1"
    assert await read(engine, b"d", "main@") == b"dev"
    assert merged.generation == 2


async def test_of_two_hard_resets_one_wins(engine: Engine) -> None:
    await put(engine, b"a", b"1")
    await commit(engine)
    await diverge(engine)

    schedule = Schedule(
        engine, {0: lambda: picking.hard_reset(engine, R, "main", "dev", actor="me")}
    )
    with pytest.raises(RefMovedError):
        await picking.hard_reset(schedule.engine, R, "main", "main~1", actor="me")

    schedule.check_all_ran()
    assert await read(engine, b"d") == b"dev"


async def test_a_create_that_comes_second_is_refused(engine: Engine) -> None:
    schedule = Schedule(engine, {0: lambda: put(engine, b"a", b"first")})

    with pytest.raises(PreconditionFailedError):
        await objects.put_object(
            schedule.engine,
            R,
            "main",
            b"a",
            b"second",
            condition=Condition(must_be_absent=True),
        )

    schedule.check_all_ran()
    assert await read(engine, b"a") == b"first"


async def test_a_conditional_write_looks_again_when_a_commit_moves_the_branch(
    engine: Engine,
) -> None:
    await put(engine, b"other", b"1")
    schedule = Schedule(engine, {0: lambda: commit(engine)})

    await objects.put_object(
        schedule.engine,
        R,
        "main",
        b"a",
        b"1",
        condition=Condition(must_be_absent=True),
    )

    schedule.check_all_ran()
    assert await read(engine, b"a") == b"1"


async def test_an_update_of_an_old_version_is_refused(engine: Engine) -> None:
    first = await objects.put_object(engine, R, "main", b"a", b"1")
    await commit(engine)
    schedule = Schedule(engine, {0: lambda: put(engine, b"a", b"2")})

    with pytest.raises(PreconditionFailedError):
        await objects.put_object(
            schedule.engine,
            R,
            "main",
            b"a",
            b"3",
            condition=Condition(etag=objects.etag_text(first)),
        )

    schedule.check_all_ran()
    assert await read(engine, b"a") == b"2"


async def test_a_conditional_delete_does_not_take_a_newer_version(
    engine: Engine,
) -> None:
    first = await objects.put_object(engine, R, "main", b"a", b"1")
    schedule = Schedule(engine, {0: lambda: put(engine, b"a", b"2")})

    with pytest.raises(PreconditionFailedError):
        await objects.delete_object(
            schedule.engine,
            R,
            "main",
            b"a",
            condition=Condition(etag=objects.etag_text(first)),
        )

    schedule.check_all_ran()
    assert await read(engine, b"a") == b"2"


async def test_of_many_deletions_only_the_overtaken_one_is_refused(
    engine: Engine,
) -> None:
    first = await objects.put_object(engine, R, "main", b"a", b"1")
    await put(engine, b"b", b"1")
    schedule = Schedule(engine, {0: lambda: put(engine, b"a", b"2")})
    condition = Condition(etag=objects.etag_text(first))

    refused, deleted = await delete_objects(
        schedule.engine, R, "main", [Deletion(b"a", condition), Deletion(b"b")]
    )

    schedule.check_all_ran()
    assert isinstance(refused, PreconditionFailedError)
    assert deleted is True
    assert await read(engine, b"a") == b"2"
    assert await read(engine, b"b") is None


async def test_taking_back_a_change_does_not_take_back_a_delete(
    engine: Engine,
) -> None:
    await put(engine, b"a", b"old")
    await commit(engine)
    await put(engine, b"a", b"new")
    schedule = Schedule(
        engine, {0: lambda: objects.delete_object(engine, R, "main", b"a")}
    )

    done = await delete_objects(
        schedule.engine, R, "main", [Deletion(b"a", staged_only=True)]
    )

    schedule.check_all_ran()
    assert done == [False]
    assert await read(engine, b"a") is None


async def test_a_copy_on_condition_does_not_replace_what_came_first(
    engine: Engine,
) -> None:
    await put(engine, b"a", b"1")
    source = await objects.stat_object(engine, R, "main", b"a")
    schedule = Schedule(engine, {0: lambda: put(engine, b"b", b"2")})

    with pytest.raises(PreconditionFailedError):
        await copies.copy_object(
            schedule.engine,
            R,
            "main",
            b"b",
            source=source,
            condition=Condition(must_be_absent=True),
        )

    schedule.check_all_ran()
    assert await read(engine, b"b") == b"2"


async def test_tags_go_onto_what_was_written_meanwhile(engine: Engine) -> None:
    await put(engine, b"a", b"1")
    schedule = Schedule(engine, {0: lambda: put(engine, b"a", b"2")})

    await update_extra(
        schedule.engine, R, "main", b"a", lambda extra: replace(extra, tags={"k": "v"})
    )

    schedule.check_all_ran()
    assert await read(engine, b"a") == b"2"
    located = await objects.stat_object(engine, R, "main", b"a")
    assert decode_extra(located.entry.extra).tags == {"k": "v"}


async def test_a_move_takes_along_what_was_written_meanwhile(engine: Engine) -> None:
    await put(engine, b"a", b"old")
    schedule = Schedule(engine, {0: lambda: put(engine, b"a", b"new")})

    await copies.move_object(schedule.engine, R, "main", b"a", b"b")

    schedule.check_all_ran()
    assert await read(engine, b"a") is None
    assert await read(engine, b"b") == b"new"


async def test_a_move_of_a_folder_takes_along_what_was_written_meanwhile(
    engine: Engine,
) -> None:
    await put(engine, b"a/1", b"old")
    await commit(engine)

    async def write_two() -> None:
        await put(engine, b"a/1", b"new")
        await put(engine, b"a/2", b"more")

    schedule = Schedule(engine, {0: write_two})
    moved = await copies.move_prefix(schedule.engine, R, "main", b"a/", b"b/")

    schedule.check_all_ran()
    assert moved == 2
    page = await listings.list_objects(engine, R, "main", limit=10)
    assert [item.path for item in page.items] == [b"b/1", b"b/2"]
    assert await read(engine, b"b/1") == b"new"


async def test_a_reader_with_an_older_view_still_reads_after_commit_and_purge(
    engine: Engine,
) -> None:
    await put(engine, b"a", b"1")
    state = await engine.metadata.read_path(R, "main", b"a")
    assert state is not None
    await commit(engine)
    branch = await branches.get_branch(engine, R, "main")
    await engine.metadata.write(lambda tx: tx.purge_dead(branch.id, limit=100))

    located = await objects.locate(engine, state, b"a")

    assert located is not None
    assert located.entry.size_bytes == 1


async def test_an_undo_that_loses_to_a_commit_undoes_nothing(engine: Engine) -> None:
    await put(engine, b"a", b"1")
    await commit(engine)

    async def write_and_commit() -> None:
        await put(engine, b"b", b"2")
        await commit(engine)

    schedule = Schedule(engine, {0: write_and_commit})
    with pytest.raises(RefMovedError):
        await branches.undo(schedule.engine, R, "main", actor="me")

    schedule.check_all_ran()
    assert await read(engine, b"a", "main@") == b"1"
    assert await read(engine, b"b", "main@") == b"2"


async def test_an_empty_commit_that_loses_does_not_bring_committed_rows_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def purge_later(engine: Engine, branch_id: int) -> None:
        """Leave the rows where they are, as a process that stops."""

    monkeypatch.setattr(commits, "start_purge", purge_later)

    async def write_commit_and_undo() -> None:
        await put(engine, b"a", b"1")
        await commit(engine)
        await branches.undo(engine, R, "main", actor="me")

    schedule = Schedule(engine, {PUBLISH: write_commit_and_undo})
    await commits.commit_branch(
        schedule.engine, R, "main", message="m", actor="me", allow_empty=True
    )

    schedule.check_all_ran()
    assert await staged(engine) == []
    assert await read(engine, b"a") is None


async def test_a_reset_of_nothing_does_not_stop_a_commit(engine: Engine) -> None:
    await put(engine, b"a", b"1")
    schedule = Schedule(
        engine,
        {PUBLISH: lambda: branches.reset_branch(engine, R, "main", path=b"none")},
    )

    await commit(schedule.engine)

    schedule.check_all_ran()
    assert await read(engine, b"a", "main@") == b"1"


async def test_a_move_of_a_folder_sees_a_write_behind_many_staged_rows(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MOVE_OBJECTS_MAX", 2)
    for name in (b"a/1", b"a/2", b"a/3", b"a/9"):
        await put(engine, name, b"old")
    gone = [Deletion(path) for path in (b"a/1", b"a/2", b"a/3")]
    await delete_objects(engine, R, "main", gone)
    schedule = Schedule(engine, {0: lambda: put(engine, b"a/9", b"new")})

    expected = b"new"
    try:
        await copies.move_prefix(schedule.engine, R, "main", b"a/", b"b/")
        schedule.check_all_ran()
    except InvalidValueError:
        expected = b"old"  # refused before the write came

    assert expected in [await read(engine, path) for path in (b"a/9", b"b/9")]


async def test_a_write_to_a_deleted_branch_names_it(engine: Engine) -> None:
    await branches.create_branch(engine, R, "dev", "main", actor="me")
    schedule = Schedule(
        engine, {0: lambda: branches.delete_branch(engine, R, "dev", actor="me")}
    )

    with pytest.raises(RefNotFoundError, match="'dev' in repository 'repo'"):
        await put(schedule.engine, b"a", b"1", "dev")

    schedule.check_all_ran()


async def test_a_move_of_a_folder_is_not_planned_on_a_head_that_went_and_came_back(
    engine: Engine,
) -> None:
    await put(engine, b"a/1", b"1")
    await commit(engine)
    await branches.create_branch(engine, R, "dev", "main~1", actor="me")
    await put(engine, b"a/2", b"2", "dev")
    await commit(engine, "dev")
    metadata = SnapshotBetween(
        engine.metadata,
        before=lambda: picking.hard_reset(engine, R, "main", "dev", actor="me"),
        after=lambda: branches.undo(engine, R, "main", actor="me"),
    )

    moved = await copies.move_prefix(
        replace(engine, metadata=cast("Metadata", metadata)), R, "main", b"a/", b"b/"
    )

    assert moved == 1
    page = await listings.list_objects(engine, R, "main", limit=10)
    assert [item.path for item in page.items] == [b"b/1"]


class SnapshotBetween:
    """Runs a step before the first snapshot and one after it."""

    def __init__(self, inner: Metadata, *, before: Step, after: Step) -> None:
        self._inner = inner
        self._steps = [before, after]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def snapshot(self, action: Callable[[Snapshot], Awaitable[T]]) -> T:
        before, after = self._steps or (None, None)
        self._steps = []
        if before is not None:
            await before()
        result = await self._inner.snapshot(action)
        if after is not None:
            await after()
        return result
