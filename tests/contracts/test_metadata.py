"""Every database keeps the promises of `Metadata` in `server/repository/contracts.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from lakebed.server.errors import BusyError, RefExistsError, RefNotFoundError
from lakebed.server.ids import Kind
from lakebed.server.repository.contracts import (
    Metadata,
    Outcome,
    Snapshot,
    WriteTransaction,
)
from lakebed.server.tree.entry import PackedEntry

from support.databases import (
    NOW_MS,
    chunk,
    commit_id,
    lake_directory,
    make_branch,
    make_repository,
    open_metadata,
)


class RefusedError(Exception):
    """What an action raises here to be refused."""


class MetadataContract:
    """Subclass with a `metadata` fixture to hold an implementation to the contract."""

    async def test_a_write_returns_what_its_action_returns(
        self, metadata: Metadata
    ) -> None:
        async def answer(_: WriteTransaction) -> str:
            return "answer"

        assert await metadata.write(answer) == "answer"

    async def test_nothing_of_a_refused_action_happened(
        self, metadata: Metadata
    ) -> None:
        branch = await make_branch(metadata, await make_repository(metadata))

        async def stage_and_refuse(tx: WriteTransaction) -> None:
            await tx.stage(branch.id, [(b"a", None)])
            raise RefusedError

        with pytest.raises(RefusedError):
            await metadata.write(stage_and_refuse)

        assert not await metadata.has_live_changes(branch)

    async def test_a_refused_action_does_not_fail_its_neighbours(
        self, metadata: Metadata
    ) -> None:
        repository = await make_repository(metadata)
        branch = await make_branch(metadata, repository)

        async def write(number: int) -> None:
            async def action(tx: WriteTransaction) -> None:
                await tx.stage(branch.id, [(b"%d" % number, None)])
                if number % 3 == 0:
                    raise RefusedError
                if number % 3 == 1:
                    await tx.create_branch(
                        repository.id,
                        "main",
                        commit_id(1),
                        hidden=False,
                        actor="a",
                        now_ms=1,
                    )

            await metadata.write(action)

        done = await asyncio.gather(
            *(write(number) for number in range(30)), return_exceptions=True
        )

        kinds = [type(result) for result in done]
        assert kinds == [RefusedError, RefExistsError, type(None)] * 10
        for number in range(30):
            state = await metadata.read_path("lake", "main", b"%d" % number)
            assert state is not None
            assert state.is_staged == (number % 3 == 2)

    async def test_actions_of_a_group_run_in_the_order_they_came(
        self, metadata: Metadata
    ) -> None:
        seen: list[int] = []

        async def write(number: int) -> None:
            async def action(_: WriteTransaction) -> None:
                seen.append(number)

            await metadata.write(action)

        await asyncio.gather(*(write(number) for number in range(100)))

        assert seen == list(range(100))

    async def test_changes_staged_alone_keep_their_place_among_actions(
        self, metadata: Metadata
    ) -> None:
        """Among them some on a branch that is not there: they fail, and they alone."""
        repository = await make_repository(metadata)
        branches = [
            await make_branch(metadata, repository, name) for name in ("main", "dev")
        ]
        gone = max(branch.id for branch in branches) + 1
        paths = (b"a", b"b", b"c")

        async def write(number: int) -> None:
            branch = branches[number % 7 % 2]
            path, entry = paths[number % 3], PackedEntry(b"%d" % number)
            if number % 10 == 9:
                await metadata.stage_change(gone, (path, entry))
            elif number % 5:
                await metadata.stage_change(branch.id, (path, entry))
            else:
                await metadata.write(lambda tx: tx.stage(branch.id, [(path, entry)]))

        done = await asyncio.gather(
            *(write(number) for number in range(200)), return_exceptions=True
        )

        failed = [number for number, result in enumerate(done) if result is not None]
        assert failed == list(range(9, 200, 10))
        assert {type(done[number]) for number in failed} == {RefNotFoundError}
        newest: dict[tuple[int, bytes], bytes] = {}
        for number in range(200):
            if number % 10 != 9:
                place = (branches[number % 7 % 2].id, paths[number % 3])
                newest[place] = b"%d" % number
        for branch in branches:
            for path in paths:
                state = await metadata.read_path("lake", branch.name, path)
                assert state is not None
                assert state.staged == newest[branch.id, path]

    async def test_a_change_staged_alone_is_stored_with_its_frames(
        self, metadata: Metadata
    ) -> None:
        branch = await make_branch(metadata, await make_repository(metadata))
        frames = [chunk(b"%d" % number) for number in range(150)]

        await asyncio.gather(
            *(
                metadata.stage_change(
                    branch.id, (frame.id, PackedEntry(b"x")), frames=[frame]
                )
                for frame in frames
            )
        )

        found = await metadata.find(Kind.CHUNK, [frame.id for frame in frames])
        assert len(found) == 150
        assert await metadata.has_live_changes(branch)

    async def test_an_action_sees_what_it_wrote(self, metadata: Metadata) -> None:
        branch = await make_branch(metadata, await make_repository(metadata))

        async def action(tx: WriteTransaction) -> bool:
            await tx.stage(branch.id, [(b"a", None)])
            state = await tx.read_path("lake", "main", b"a")
            return state is not None and state.is_staged

        assert await metadata.write(action)

    async def test_an_action_that_waits_for_something_else_is_refused(
        self, metadata: Metadata
    ) -> None:
        async def action(_: WriteTransaction) -> None:
            await asyncio.sleep(0)

        with pytest.raises(RuntimeError, match="other than its transaction"):
            await metadata.write(action)

    async def test_a_transaction_is_over_when_its_action_is(
        self, metadata: Metadata
    ) -> None:
        kept: list[WriteTransaction] = []

        async def action(tx: WriteTransaction) -> None:
            kept.append(tx)

        await metadata.write(action)

        with pytest.raises(RuntimeError, match="over"):
            await kept[0].create_lease(1)

    async def test_every_acknowledged_write_is_read_at_once(
        self, metadata: Metadata
    ) -> None:
        branch = await make_branch(metadata, await make_repository(metadata))

        async def write(number: int) -> None:
            path = b"%d" % number
            await metadata.write(lambda tx: tx.stage(branch.id, [(path, None)]))
            state = await metadata.read_path("lake", "main", path)
            assert state is not None
            assert state.is_staged

            async def look(snapshot: Snapshot) -> bool:
                found = await snapshot.read_path("lake", "main", path)
                return found is not None and found.is_staged

            assert await metadata.snapshot(look)

        await asyncio.gather(*(write(number) for number in range(20)))

    async def test_a_snapshot_stays_as_it_is(self, metadata: Metadata) -> None:
        branch = await make_branch(metadata, await make_repository(metadata))
        loop = asyncio.get_running_loop()

        async def look_twice(snapshot: Snapshot) -> tuple[bool, bool]:
            before = await snapshot.has_live_changes(branch)
            asyncio.run_coroutine_threadsafe(
                metadata.write(lambda tx: tx.stage(branch.id, [(b"a", None)])), loop
            ).result()
            return before, await snapshot.has_live_changes(branch)

        assert await metadata.snapshot(look_twice) == (False, False)
        assert await metadata.has_live_changes(branch)

    async def test_snapshots_may_look_up_chunks_through_the_whole(
        self, metadata: Metadata
    ) -> None:
        """More at one time than there are connections: none may wait for ever."""
        frame = chunk(b"x")
        await metadata.write(_nothing, frames=[frame])

        async def look(_: Snapshot) -> int:
            return len(metadata.find_blocking(Kind.CHUNK, [frame.id]))

        found = await asyncio.wait_for(
            asyncio.gather(*(metadata.snapshot(look) for _ in range(20))), 30
        )
        assert found == [1] * 20

    async def test_frames_are_recorded_before_the_action_runs(
        self, metadata: Metadata
    ) -> None:
        frame, other = chunk(b"rides along"), chunk(b"went before")
        stored = metadata.appender.append([other])

        async def action(tx: WriteTransaction) -> list[bytes]:
            return await tx.ensure(Kind.CHUNK, [frame.id, other.id], None)

        assert await metadata.write(action, frames=[frame], stored=stored) == []

    async def test_a_frame_is_stored_once_however_many_bring_it(
        self, metadata: Metadata
    ) -> None:
        frame = chunk(b"x" * 5000)
        await metadata.write(_nothing, frames=[frame])
        (location,) = (await metadata.find(Kind.CHUNK, [frame.id])).values()

        await asyncio.gather(
            *(metadata.write(_nothing, frames=[frame, frame]) for _ in range(20))
        )
        (marker,) = metadata.appender.append([chunk(b"marker")])

        end = location.offset + location.stored_bytes
        assert marker.location.pack == location.pack
        assert marker.location.offset - end < 200  # a frame header, no second copy

    async def test_a_cancelled_waiter_leaves_the_writer_well(
        self, metadata: Metadata
    ) -> None:
        branch = await make_branch(metadata, await make_repository(metadata))
        change = [(b"a", None), (b"b", None)]
        waiting = asyncio.create_task(
            metadata.write(lambda tx: tx.stage(branch.id, change))
        )
        await asyncio.sleep(0)

        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await metadata.write(_nothing)

        a = await metadata.read_path("lake", "main", b"a")
        b = await metadata.read_path("lake", "main", b"b")
        assert a is not None
        assert b is not None
        assert a.is_staged == b.is_staged

    async def test_outcomes_are_remembered_by_scope_and_key(
        self, metadata: Metadata
    ) -> None:
        outcome = Outcome(b"digest", b"response")
        day_ms = 24 * 60 * 60 * 1000

        async def record(tx: WriteTransaction, key: str, now_ms: int) -> None:
            await tx.record_outcome("ann", key, outcome, now_ms=now_ms)

        await metadata.write(lambda tx: record(tx, "k", NOW_MS))

        assert await metadata.write(lambda tx: tx.find_outcome("ann", "k")) == outcome
        assert await metadata.write(lambda tx: tx.find_outcome("bob", "k")) is None
        assert await metadata.write(lambda tx: tx.find_outcome("ann", "j")) is None
        await metadata.write(lambda tx: record(tx, "next", NOW_MS + day_ms))
        assert await metadata.write(lambda tx: tx.find_outcome("ann", "k")) == outcome
        await metadata.write(lambda tx: record(tx, "last", NOW_MS + day_ms + 1))
        assert await metadata.write(lambda tx: tx.find_outcome("ann", "k")) is None

    async def test_too_many_waiting_writes_are_refused_at_once(
        self, metadata: Metadata
    ) -> None:
        megabyte = 1024 * 1024
        frames = [chunk(bytes([number]) * megabyte) for number in range(100)]

        done = await asyncio.gather(
            *(metadata.write(_nothing, frames=[frame]) for frame in frames),
            return_exceptions=True,
        )

        refused = [result for result in done if isinstance(result, BusyError)]
        assert 0 < len(refused) < 100
        assert all(result is None or result in refused for result in done)
        await metadata.write(_nothing, frames=frames[-1:])  # and then all is well


async def _nothing(_: WriteTransaction) -> None:
    """Change nothing."""


class TestSqlMetadata(MetadataContract):
    @pytest.fixture
    async def metadata(self) -> AsyncIterator[Metadata]:
        with lake_directory() as path, open_metadata(path) as metadata:
            yield metadata
