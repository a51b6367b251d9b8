"""Many objects found together in one state of a version, and read together.

Where the version is a commit, all of them are of that commit, however long the reading
takes. Of a branch with uncommitted changes each look is one state of its own.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

from ..errors import RefMovedError
from ..ids import CommitId, NodeId
from ..refs.store import Branch, Repository
from ..staging.store import PathState
from ..tree.entry import Entry, PackedEntry, unpack_entry
from ..tree.lookup import find_many
from .contracts import Snapshot
from .engine import Engine
from .listings import CommonPrefix, list_objects
from .resolving import resolve

LIST_ENTRIES = 256
"""Entries listed at once where a prefix is read, some 300 bytes each: a slow client holds
them. A page of a thousand would save a look at the tree for each MiB of small files."""


@dataclass(frozen=True, slots=True)
class Found:
    """Entries that were found together."""

    entries: Sequence[Entry]
    missing: Sequence[bytes] = ()
    """Paths that were asked for and are not there."""
    commit_id: CommitId | None = None
    """The commit that all of them are of; None: some may be uncommitted."""


async def find_objects(
    engine: Engine, repository: str, ref: str, paths: Sequence[bytes]
) -> Found:
    """Return what is at `paths` of `ref`, any ref expression, in one state of it.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
    """

    async def action(snapshot: Snapshot) -> Found:
        version = (
            await resolve(engine, repository, ref, reader=snapshot)
        ).require_data()
        tree_id, commit_id = version.commit.tree_id, version.commit.id
        branch = version.branch if version.view != "committed" else None
        if branch is None:
            return _found(paths, find_many(engine.nodes, tree_id, paths), commit_id)
        states = await read_states(snapshot, version.repository, branch, paths)
        if states is None:
            raise RefMovedError(ref)
        if version.view == "staged":
            states = {path: state for path, state in states.items() if state.is_staged}
        is_clean = not await snapshot.has_live_changes(branch)
        present = find_present(engine, tree_id, states)
        return _found(paths, present, commit_id if is_clean else None)

    return await engine.metadata.snapshot(action)


def _found(
    paths: Sequence[bytes],
    present: Mapping[bytes, PackedEntry],
    commit_id: CommitId | None,
) -> Found:
    return Found(
        [unpack_entry(path, present[path]) for path in paths if path in present],
        [path for path in paths if path not in present],
        commit_id,
    )


async def iter_prefix(
    engine: Engine, repository: str, ref: str, prefix: bytes, after: bytes
) -> AsyncGenerator[Found]:
    """Yield what is at `ref` below `prefix` and behind the path `after`, by path.

    All of it is of the commit that `ref` meant at the beginning, unless `ref` is a
    branch that had uncommitted changes then: that is listed as it moves.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
    """

    async def pin(snapshot: Snapshot) -> CommitId | None:
        version = await resolve(engine, repository, ref, reader=snapshot)
        branch = version.branch if version.view != "committed" else None
        if branch is not None and (
            version.view == "staged" or await snapshot.has_live_changes(branch)
        ):
            return None
        return version.require_data().commit.id

    commit_id = await engine.metadata.snapshot(pin)
    pinned = commit_id.hex() if commit_id is not None else ref
    at: bytes | None = after
    while at is not None:
        page = await list_objects(
            engine, repository, pinned, prefix=prefix, after=at, limit=LIST_ENTRIES
        )
        entries = [item for item in page.items if not isinstance(item, CommonPrefix)]
        yield Found(entries, commit_id=commit_id)
        at = page.next_after


async def read_states(
    snapshot: Snapshot, where: Repository, branch: Branch, paths: Sequence[bytes]
) -> dict[bytes, PathState] | None:
    """Return what names and staging say of `paths`; None if the branch is another."""
    if not await snapshot.has_live_changes(branch):
        clean = PathState(where, branch, is_staged=False, staged=None)
        return dict.fromkeys(paths, clean)
    states: dict[bytes, PathState] = {}
    for path in paths:
        state = await snapshot.read_path(where.name, branch.name, path)
        if state is None:
            return None
        states[path] = state
    return states


def find_present(
    engine: Engine, tree_id: NodeId, states: Mapping[bytes, PathState]
) -> dict[bytes, PackedEntry]:
    """Return what there is at the paths of `states`, staged or in the tree."""
    present = find_many(
        engine.nodes,
        tree_id,
        [path for path, state in states.items() if not state.is_staged],
    )
    for path, state in states.items():
        if state.staged is not None:
            present[path] = state.staged
    return present
