"""What a request with the key of a run read: recorded before the first byte is answered.

So whatever the run got is in its record, and what is not in it was not got through the
key. What the run wrote itself is no input. What this process recorded before is not
recorded again, so that reading one object often costs nothing.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

from lakebed.client.wire.runs import Missing

from ..ids import CommitId
from ..refs.store import Repository
from ..repository.contracts import WriteTransaction
from ..repository.engine import Engine
from ..repository.resolving import resolve_in
from ..runs.rows import Artifact, RunScope
from ..runs.statuses import How
from ..tree.entry import Entry, unpack_entry
from ..tree.lookup import find_many
from .contents import find_contents
from .drafts import decode_draft, encode_draft
from .views import View

OBSERVED_MAX = 10_000
"""Objects that are recorded one by one of a run: as many as a record lists of what it
wrote. Of what it reads beyond, the whole version is recorded, and that it is so."""
KEPT_MAX = 65_536
"""Reads that a process knows to be recorded, 100 bytes each: those of a few runs."""


class Observer:
    """Records what runs read, for one process."""

    def __init__(self, engine: Engine) -> None:
        """Record in the database of `engine`."""
        self._engine = engine
        self._kept: OrderedDict[bytes, None] = OrderedDict()

    async def observe(
        self,
        run: RunScope,
        view: View,
        where: Repository,
        entries: Sequence[Entry],
        commit_id: CommitId | None,
    ) -> None:
        """Record that `run` reads `entries`; durable when this returns.

        Args:
            run: whose key the request came with.
            view: the ref, as the run sees it.
            where: whose ref it is.
            entries: what is about to be answered.
            commit_id: the commit that they were found at; None: they are staged.

        Raises:
            RunEndedError: the end of the run was asked for.
        """
        keys = {_key(run, view, where, entry, commit_id): entry for entry in entries}
        new = {key: entry for key, entry in keys.items() if key not in self._kept}
        if not new:
            return
        found = list(new.values())
        if view.base is not None:
            commit_id = view.base
            found = await self._keep_those_of(where, view.base, found)
        if commit_id is not None and found:
            await self._record(run, view, where, found, commit_id)
        for key in new:
            self._kept[key] = None
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)

    async def _keep_those_of(
        self, where: Repository, base: CommitId, entries: Sequence[Entry]
    ) -> list[Entry]:
        """Return those of `entries` that were there when the run began: not its own."""
        commit = await self._engine.history(where).get(base)
        there = await self._engine.build(
            find_many,
            self._engine.nodes,
            commit.tree_id,
            [entry.path for entry in entries],
        )
        return [
            entry
            for entry in entries
            if entry.path in there
            and unpack_entry(entry.path, there[entry.path]).blob_id == entry.blob_id
        ]

    async def _record(
        self,
        run: RunScope,
        view: View,
        where: Repository,
        entries: Sequence[Entry],
        commit_id: CommitId,
    ) -> None:
        artifacts = [
            Artifact(where.id, entry.path, False, entry.blob_id, entry.size_bytes)
            for entry in entries
        ]

        async def action(tx: WriteTransaction) -> bool:
            await tx.hear_run(run.run_id, now_ms=self._engine.clock())
            if await tx.count_inputs(run.run_id) + len(artifacts) > OBSERVED_MAX:
                return False
            for artifact in artifacts:
                await tx.add_input(
                    run.run_id, artifact, commit_id, view.written, how=How.OBSERVED
                )
            return True

        if not await self._engine.metadata.write(action):
            await self._record_version(run, view, where, commit_id)

    async def _record_version(
        self, run: RunScope, view: View, where: Repository, commit_id: CommitId
    ) -> None:
        """Record that more of a version was read than is listed."""
        version = await resolve_in(self._engine, where, commit_id.hex())
        contents = await find_contents(self._engine, version.commit.tree_id, b"")
        whole = Artifact(where.id, b"", True, contents.identity, contents.size_bytes)
        gap = Missing(
            what="inputs",
            reason=f"more than {OBSERVED_MAX} objects were read: of those beyond, the "
            "whole version is listed that they are of",
        )

        async def action(tx: WriteTransaction) -> None:
            await tx.hear_run(run.run_id, now_ms=self._engine.clock())
            await tx.add_input(
                run.run_id, whole, commit_id, view.written, how=How.OBSERVED
            )
            draft = decode_draft(await tx.find_draft(run.run_id))
            if gap not in draft.missing:
                await tx.put_draft(run.run_id, encode_draft(draft.with_missing([gap])))

        await self._engine.metadata.write(action)


def _key(
    run: RunScope,
    view: View,
    where: Repository,
    entry: Entry,
    commit_id: CommitId | None,
) -> bytes:
    """Return what stands for one read, in 16 bytes."""
    said = (
        run.run_id,
        where.id,
        view.written,
        entry.path,
        entry.blob_id,
        view.base or commit_id,
    )
    return hashlib.blake2b(repr(said).encode(), digest_size=16).digest()
