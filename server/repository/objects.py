"""Objects at a ref: look up, read, write, delete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from msgspec import Struct

from ..chunks.cutting import LARGE_BYTES_MIN
from ..chunks.digests import Sum
from ..chunks.index import Frame
from ..chunks.ingest import WrittenBlob
from ..chunks.joining import JoinedBlob
from ..errors import (
    ObjectNotFoundError,
    PreconditionFailedError,
    ReadOnlyRefError,
    RefMovedError,
    RefNotFoundError,
)
from ..ids import CommitId
from ..refs.protection import require_unprotected
from ..refs.store import Branch, Repository
from ..staging.store import Change, PathState
from ..tree.entry import Entry, PackedEntry, pack_entry, unpack_entry
from ..tree.extra import Extra, encode_extra
from ..tree.lookup import find
from ..tree.node import Inner
from .contracts import WriteTransaction
from .engine import Engine
from .paths import show_path
from .resolving import get_writable_branch, require_changeable, resolve
from .uploading import UploadLease, take_in

CONDITION_ATTEMPTS_MAX = 64
"""Looks again of one conditional write while others commit on the branch. Each costs a
look-up; 64 of them lost in a row mean more than 1,000 commits a second."""


class Located(Struct, frozen=True, gc=False):
    """An object, and where it was found."""

    repository: Repository
    entry: Entry
    commit_id: CommitId | None
    """The commit it was read at; None: a staged change."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be true of a path when it is written."""

    must_be_absent: bool = False
    etag: str | None = None
    """The ETag that the present object must have, without quotes; `*` is any."""

    def check(self, entry: Entry | None, state: PathState, path: bytes) -> None:
        """Return if `entry`, the present object, fulfils the condition.

        Raises:
            PreconditionFailedError: it does not.
            ObjectNotFoundError: an ETag is demanded and there is no object.
        """
        shown = show_path(path)
        if self.must_be_absent and entry is not None:
            raise PreconditionFailedError(f"precondition failed: '{shown}' exists")
        if self.etag is None:
            return
        if entry is None:
            raise ObjectNotFoundError(state.repository.name, state.ref.name, shown)
        if self.etag not in ("*", etag_text(entry)):
            raise PreconditionFailedError(
                f"precondition failed: the ETag of '{shown}' is {etag_text(entry)}"
            )


def etag_text(entry: Entry) -> str:
    """Return the ETag of `entry` without quotes: hex, and `-N` if it came in N parts."""
    return show_etag(entry.etag, entry.part_count)


def show_etag(digest: bytes, part_count: int) -> str:
    """Return the ETag of an object of `part_count` parts; 0: it came in one piece."""
    return f"{digest.hex()}-{part_count}" if part_count else digest.hex()


async def stat_object(
    engine: Engine, repository: str, ref: str, path: bytes
) -> Located:
    """Return the object at `path` of `ref`, any ref expression.

    At a branch that is one statement and, if nothing is staged there, one way down the
    tree through the cache.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
        ObjectNotFoundError: the version has nothing there.
    """
    state = await engine.metadata.read_path(repository, ref, path)
    if state is not None:
        located = await locate(engine, state, path)
    else:
        located = await _stat_expression(engine, repository, ref, path)
    if located is None:
        raise ObjectNotFoundError(repository, ref, show_path(path))
    return located


async def locate(engine: Engine, state: PathState, path: bytes) -> Located | None:
    """Return what is at `path` according to `state`; None if nothing is."""
    if state.is_staged:
        packed, commit_id = state.staged, None
    else:
        ref = state.ref
        commit_id = ref.head if isinstance(ref, Branch) else ref.commit_id
        packed = await _find_at(engine, state.repository, commit_id, path)
    if packed is None:
        return None
    return Located(state.repository, unpack_entry(path, packed), commit_id)


async def _find_at(
    engine: Engine, repository: Repository, commit_id: CommitId, path: bytes
) -> PackedEntry | None:
    commit = engine.commits.find(commit_id)
    if commit is None:
        commit = await engine.history(repository).get(commit_id)
    node_id = commit.tree_id
    while (node := engine.nodes.try_get(node_id)) is not None:
        if not isinstance(node, Inner):
            return node.find(path)
        child_id = node.find_child(path)
        if child_id is None:
            return None
        node_id = child_id
    # Not all in the cache: the rest of the way reads, so it leaves the event loop.
    return await asyncio.to_thread(find, engine.nodes, node_id, path)


async def _stat_expression(
    engine: Engine, repository: str, ref: str, path: bytes
) -> Located | None:
    resolved = (await resolve(engine, repository, ref)).require_data()
    where = resolved.repository
    if resolved.branch is not None and resolved.view != "committed":
        # `BRANCH$`; or a branch made since `read_path` did not find it.
        state = await engine.metadata.read_path(repository, resolved.branch.name, path)
        if state is None or (resolved.view == "staged" and not state.is_staged):
            return None
        return await locate(engine, state, path)
    packed = await _find_at(engine, where, resolved.commit.id, path)
    if packed is None:
        return None
    return Located(where, unpack_entry(path, packed), resolved.commit.id)


def read_object(
    engine: Engine, entry: Entry, start: int = 0, stop: int | None = None
) -> AsyncGenerator[bytes | memoryview]:
    """Yield the bytes of an object from `start` to `stop`, in order, each verified.

    Opens only the chunks of the range.

    Raises:
        CorruptDataError: stored bytes are not what they were; before any of them.
    """
    end = entry.size_bytes if stop is None else min(stop, entry.size_bytes)
    return engine.blobs.iter_blob(entry.blob_id, entry.size_bytes, start, end)


async def read_small(engine: Engine, entry: Entry) -> bytes | None:
    """Return the bytes of an object of one chunk, verified; None if it has more.

    The short way for what most requests ask: one look-up, one read, one hash.

    Raises:
        CorruptDataError: stored bytes are not what they were.
    """
    if entry.size_bytes >= LARGE_BYTES_MIN:
        return None
    return await engine.blobs.read_small(entry.blob_id, entry.size_bytes)


async def read_state(
    engine: Engine, repository: str, branch: str, path: bytes, force: bool | None = None
) -> PathState:
    """Return what is at `path` of a branch that may be written to.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRefError,
        ReadOnlyRepositoryError
    """
    state = await engine.metadata.read_path(repository, branch, path)
    if state is None:
        await get_writable_branch(engine, repository, branch, force=force)
        raise RefMovedError(branch)  # nothing is wrong: it was made this very moment
    require_changeable(state.repository, force=force)
    if not isinstance(state.ref, Branch):
        raise ReadOnlyRefError(branch)
    if not state.ref.hidden:  # where a transaction prepares what it will merge
        require_unprotected(state.repository, branch)
    return state


async def put_object(
    engine: Engine,
    repository: str,
    branch: str,
    path: bytes,
    body: bytes | AsyncIterator[bytes],
    *,
    extra: Extra | None = None,
    condition: Condition | None = None,
    sums: Sequence[Sum] = (),
    check: Callable[[WrittenBlob], None] | None = None,
    checksums: Callable[[], bytes] | None = None,
    force: bool = False,
) -> Entry:
    """Stage an object on a branch; durable when this returns.

    Args:
        engine: where to.
        repository: the repository.
        branch: the branch.
        path: the path on it.
        body: the bytes, at once or as they come.
        extra: what is said of them.
        condition: what must be true of the path now.
        sums: take all bytes too; what one raises refuses the object.
        check: gets the digests of the bytes, once `sums` have all of them and before
            anything names them, and refuses the object by raising.
        checksums: returns the checksums of the entry, after `check`.
        force: also in a read-only repository.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRefError,
        ReadOnlyRepositoryError, MetadataTooLargeError
        PreconditionFailedError: `condition` does not hold.
        StorageFullError, StorageFailedError: nothing was written.
    """
    state = await read_state(engine, repository, branch, path, force=force)
    if condition is not None:
        # Refuse early, before the bytes are taken in; what counts is checked below.
        located = await locate(engine, state, path)
        condition.check(located.entry if located else None, state, path)
    lease = UploadLease(engine)
    blob = await take_in(engine, body, lease, sums=sums, check=check)
    entry = Entry(
        path,
        blob.blob_id,
        blob.size_bytes,
        engine.clock(),
        blob.md5,
        extra=encode_extra(extra) if extra is not None else b"",
        checksums=checksums() if checksums is not None else b"",
    )
    await publish(engine, state, entry, blob, lease, condition)
    return entry


async def publish(
    engine: Engine,
    state: PathState,
    entry: Entry,
    blob: WrittenBlob | JoinedBlob,
    lease: UploadLease,
    condition: Condition | None,
    *,
    also: Callable[[WriteTransaction, Branch], Awaitable[None]] | None = None,
) -> None:
    """Stage `entry`, whose bytes are `blob`, at the path that `state` is of.

    `also` runs in the same transaction, and refuses it by raising.

    Raises:
        PreconditionFailedError, ObjectNotFoundError: `condition` does not hold.
        RefMovedError: the branch moves faster than the condition can be looked at.
        and what `read_state` and `also` raise.
    """
    packed = pack_entry(entry)
    if condition is None and also is None and not blob.stored and not lease.is_taken:
        await _stage_alone(engine, state, entry.path, packed, blob.frames)
        return

    async def action(tx: WriteTransaction) -> bool:
        if condition is not None and not await is_still(tx, state, entry.path):
            return False
        if also is not None:
            await also(tx, branch_of(state))
        await stage(tx, state.repository, branch_of(state), [(entry.path, packed)])
        await lease.release(tx)
        return True

    for _ in range(CONDITION_ATTEMPTS_MAX):
        if condition is not None:
            located = await locate(engine, state, entry.path)
            condition.check(located.entry if located else None, state, entry.path)
        if await engine.metadata.write(action, frames=blob.frames, stored=blob.stored):
            return
        # Whoever came here was let in: by force, where that was needed.
        state = await read_state(
            engine, state.repository.name, state.ref.name, entry.path, force=True
        )
    raise RefMovedError(state.ref.name)


async def _stage_alone(
    engine: Engine,
    state: PathState,
    path: bytes,
    packed: PackedEntry,
    frames: Sequence[Frame],
) -> None:
    """Stage an entry that depends on nothing: what most uploads are."""
    branch = branch_of(state)
    try:
        await engine.metadata.stage_change(branch.id, (path, packed), frames=frames)
    except RefNotFoundError:
        raise branch_gone(state.repository.name, branch.name) from None


def branch_of(state: PathState) -> Branch:
    """Return the branch of a state that `read_state` gave."""
    assert isinstance(state.ref, Branch)
    return state.ref


async def stage(
    tx: WriteTransaction,
    repository: Repository,
    branch: Branch,
    changes: Sequence[Change],
) -> None:
    """Stage `changes` on `branch`.

    Raises:
        RefNotFoundError: the branch was deleted meanwhile.
    """
    try:
        await tx.stage(branch.id, changes)
    except RefNotFoundError:
        raise branch_gone(repository.name, branch.name) from None


def branch_gone(repository: str, branch: str) -> RefNotFoundError:
    """Return what a transaction means that knows the lost branch by its id alone."""
    return RefNotFoundError(repository, branch, what="branch")


async def is_still(tx: WriteTransaction, state: PathState, path: bytes) -> bool:
    """Lock the branch of `state`; tell whether nothing about `path` changed since.

    Compares head, epoch, floor, resets and the staged row: then whatever was concluded
    from `state` outside of the transaction still holds within it.
    """
    if await tx.lock_branch(branch_of(state).id) is None:
        return False
    return (await tx.read_path(state.repository.name, state.ref.name, path)) == state


async def delete_object(
    engine: Engine,
    repository: str,
    branch: str,
    path: bytes,
    *,
    condition: Condition | None = None,
    force: bool = False,
) -> bool:
    """Stage the deletion of an object; tell whether there was one.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRefError,
        ReadOnlyRepositoryError
        PreconditionFailedError: `condition` does not hold.
    """
    for _ in range(CONDITION_ATTEMPTS_MAX):
        state = await read_state(engine, repository, branch, path, force=force)
        located = await locate(engine, state, path)
        if condition is not None:
            condition.check(located.entry if located else None, state, path)
        if located is None:
            return False
        if await engine.metadata.write(_deletion(state, path, condition)):
            return True
    raise RefMovedError(branch)


def _deletion(
    state: PathState, path: bytes, condition: Condition | None
) -> Callable[[WriteTransaction], Awaitable[bool]]:
    async def action(tx: WriteTransaction) -> bool:
        if condition is not None and not await is_still(tx, state, path):
            return False
        await stage(tx, state.repository, branch_of(state), [(path, None)])
        return True

    return action
