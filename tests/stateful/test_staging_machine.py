"""Random staging, commits, resets and purges of one branch against dicts.

The model keeps the committed tree, the live changes of each epoch, and what a committer
saw when it sealed; the database must agree on every read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import ExitStack
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from lakebed.server.refs.store import Branch
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

T = TypeVar("T")

paths = st.sampled_from([b"a", b"a/1", b"a/2", b"b", b"b/1", "é".encode()])
contents = st.none() | st.sampled_from([PackedEntry(b"1"), PackedEntry(b"2")])
changes = st.lists(st.tuples(paths, contents), min_size=1, max_size=5)


class StagingMachine(RuleBasedStateMachine):
    """`live` maps epochs to changes; `seen` and `sealed` are a commit under way."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.context = ExitStack()
        directory = self.context.enter_context(lake_directory())
        self.metadata = self.context.enter_context(open_metadata(directory))
        self.tree: dict[bytes, PackedEntry] = {}
        self.live: dict[int, dict[bytes, PackedEntry | None]] = {1: {}}
        self.resets = 0
        self.commits = 0
        self.seen: Branch | None = None

    def run(self, work: Awaitable[T]) -> T:
        async def do() -> T:
            return await work

        return self.runner.run(do())

    def teardown(self) -> None:
        self.context.close()
        self.runner.close()

    @initialize()
    def make(self) -> None:
        repository = self.run(make_repository(self.metadata))
        self.branch = self.run(make_branch(self.metadata, repository))

    @property
    def open_epoch(self) -> int:
        return max(self.live)

    def merged(self, epoch_max: int = 10**9) -> dict[bytes, PackedEntry | None]:
        merged: dict[bytes, PackedEntry | None] = {}
        for epoch in sorted(self.live):
            if epoch <= epoch_max:
                merged.update(self.live[epoch])
        return merged

    @rule(changes=changes)
    def stage(self, changes: list[Change]) -> None:
        branch_id = self.branch.id
        self.run(self.metadata.write(lambda tx: tx.stage(branch_id, changes)))
        self.live[self.open_epoch].update(changes)

    @rule()
    def begin_commit(self) -> None:
        """Seal; a commit that was under way is one that died."""
        branch_id = self.branch.id
        self.seen = self.run(self.metadata.write(lambda tx: tx.seal_epoch(branch_id)))
        assert self.seen is not None
        if self.seen.epoch != self.open_epoch:
            assert self.seen.epoch == self.open_epoch + 1
            self.live[self.seen.epoch] = {}

    @precondition(lambda self: self.seen is not None)
    @rule()
    def end_commit(self) -> None:
        """Publish what the sealed epochs hold, if nobody was faster."""
        seen = self.seen
        assert seen is not None
        self.seen = None
        scanned = self.scan(seen.floor, seen.epoch - 1)
        moved = self.run(
            self.metadata.write(
                lambda tx: tx.move_branch(
                    seen,
                    head=commit_id(self.commits + 1),
                    floor=seen.epoch,
                    action="commit",
                    actor="a",
                    now_ms=NOW_MS,
                )
            )
        )
        as_seen = (
            seen.head == commit_id(self.commits)
            and seen.resets == self.resets
            and seen.floor == min(self.live)
        )
        assert moved == as_seen
        if not moved:
            return
        sealed = self.merged(seen.epoch - 1)
        assert scanned == sorted(sealed.items())
        self.commits += 1
        for path, content in sealed.items():
            if content is None:
                self.tree.pop(path, None)
            else:
                self.tree[path] = content
        for epoch in [epoch for epoch in self.live if epoch < seen.epoch]:
            del self.live[epoch]

    @rule(path=paths)
    def discard_path(self, path: bytes) -> None:
        self.discard(path=path)

    @rule(prefix=st.sampled_from([b"", b"a", b"a/", b"b/"]))
    def discard_prefix(self, prefix: bytes) -> None:
        self.discard(prefix=prefix)

    def discard(
        self, *, path: bytes | None = None, prefix: bytes | None = None
    ) -> None:
        branch_id = self.branch.id
        count = self.run(
            self.metadata.write(
                lambda tx: tx.discard_staged(branch_id, path=path, prefix=prefix)
            )
        )
        expected = 0
        for live in self.live.values():
            for name in list(live):
                if name == path or (prefix is not None and name.startswith(prefix)):
                    del live[name]
                    expected += 1
        assert count == expected
        # A reset of nothing stops no commit that is under way.
        self.resets += expected > 0

    @rule()
    def discard_all(self) -> None:
        branch_id = self.branch.id
        was_dirty = any(self.live.values())
        self.run(self.metadata.write(lambda tx: tx.discard_staged(branch_id)))
        if was_dirty:
            self.resets += 1
            self.live = {self.open_epoch + 1: {}}

    @rule(limit=st.integers(1, 4))
    def purge(self, limit: int) -> None:
        branch_id = self.branch.id
        self.run(self.metadata.write(lambda tx: tx.purge_dead(branch_id, limit=limit)))

    def scan(self, epoch_min: int, epoch_max: int, limit: int = 3) -> list[Change]:
        found: list[Change] = []
        while True:
            page = self.run(
                self.metadata.scan_staged(
                    self.branch.id,
                    epoch_min=epoch_min,
                    epoch_max=epoch_max,
                    start=found[-1][0] if found else b"",
                    after=bool(found),
                    stop=None,
                    limit=limit,
                )
            )
            found += page
            if len(page) < limit:
                return found

    @invariant()
    def every_path_reads_as_the_model_says(self) -> None:
        merged = self.merged()
        for path in [b"a", b"a/1", b"a/2", b"b", b"b/1", "é".encode()]:
            state = self.run(self.metadata.read_path("lake", "main", path))
            assert state is not None
            assert state.is_staged == (path in merged)
            assert state.staged == merged.get(path)

    @invariant()
    def the_branch_is_as_the_model_says(self) -> None:
        now = self.run(self.metadata.find_branch(self.branch.id))
        assert now is not None
        assert (now.floor, now.epoch) == (min(self.live), self.open_epoch)
        assert (now.head, now.resets) == (commit_id(self.commits), self.resets)
        assert self.run(self.metadata.has_live_changes(now)) == any(self.live.values())
        assert self.scan(now.floor, now.epoch) == sorted(self.merged().items())


StagingMachine.TestCase.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None
)
TestStagingMachine = StagingMachine.TestCase
