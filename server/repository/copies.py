"""Copies and moves: only metadata, no bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec.structs import replace

from ..chunks.cutting import LARGE_BYTES_MIN
from ..errors import (
    InvalidPathError,
    InvalidValueError,
    MissingDataError,
    ObjectNotFoundError,
    RefMovedError,
)
from ..ids import Kind
from ..refs.store import Branch
from ..staging.store import Change, PathState, StagingReader
from ..tree.cursor import Cursor
from ..tree.entry import Entry, pack_entry, unpack_entry
from ..tree.extra import Extra, encode_extra
from ..tree.lookup import after_prefix
from ..tree.node import Row
from .contracts import Snapshot, WriteTransaction
from .engine import Engine
from .objects import (
    CONDITION_ATTEMPTS_MAX,
    Condition,
    Located,
    branch_of,
    is_still,
    locate,
    read_state,
    stage,
)
from .overlay import OverlayCursor, StagedRows
from .paths import PATH_BYTES_MAX, show_path
from .resolving import get_writable_branch

MOVE_OBJECTS_MAX = 100_000
"""Objects of one move of a prefix, and staged changes there, deletes too: it is one
transaction, about half a second of the write lock. A larger folder is moved by its
subfolders, or after a commit."""
_EPOCH_MAX = 2**62


async def copy_object(
    engine: Engine,
    repository: str,
    branch: str,
    path: bytes,
    *,
    source: Located,
    extra: Extra | None = None,
    checksums: bytes | None = None,
    condition: Condition | None = None,
    force: bool = False,
) -> Entry:
    """Stage at `path` what `source` is; ETag, checksums and metadata come along.

    `extra` replaces the metadata, `checksums` those of the source. The source may be at any ref of any repository: who
    may read it, is for the caller to check.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRefError,
        ReadOnlyRepositoryError, MetadataTooLargeError
        PreconditionFailedError: `condition` does not hold at the destination.
        MissingDataError: the bytes were collected since `source` was found.
    """
    entry = replace(source.entry, path=path, mtime_ms=engine.clock())
    if extra is not None:
        entry = replace(entry, extra=encode_extra(extra))
    if checksums is not None:
        entry = replace(entry, checksums=checksums)
    packed = pack_entry(entry)
    for _ in range(CONDITION_ATTEMPTS_MAX):
        state = await read_state(engine, repository, branch, path, force=force)
        if condition is not None:
            located = await locate(engine, state, path)
            condition.check(located.entry if located else None, state, path)
        action = _stage_copy(state, entry, [(path, packed)], condition)
        if await engine.metadata.write(action):
            return entry
    raise RefMovedError(branch)


def _stage_copy(
    state: PathState, entry: Entry, changes: list[Change], condition: Condition | None
) -> Callable[[WriteTransaction], Awaitable[bool]]:
    async def action(tx: WriteTransaction) -> bool:
        if condition is not None and not await is_still(tx, state, entry.path):
            return False
        await ensure_blob(tx, entry)
        await stage(tx, state.repository, branch_of(state), changes)
        return True

    return action


async def ensure_blob(tx: WriteTransaction, entry: Entry) -> None:
    """Keep the bytes of `entry`, should their last other name go at this moment."""
    if entry.size_bytes == 0:
        return
    kind = Kind.CHUNK if entry.size_bytes < LARGE_BYTES_MIN else Kind.RECIPE
    if await tx.ensure(kind, [entry.blob_id], None):
        raise MissingDataError(f"bytes of '{show_path(entry.path)}' are gone")


async def move_object(
    engine: Engine, repository: str, branch: str, source: bytes, path: bytes
) -> Entry:
    """Rename an object of a branch: both halves, or neither.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRefError,
        ReadOnlyRepositoryError
        ObjectNotFoundError: there is no object at `source`.
        InvalidValueError: source and destination are the same.
    """
    if source == path:
        raise InvalidValueError("path", f"cannot move '{show_path(path)}' onto itself")
    for _ in range(CONDITION_ATTEMPTS_MAX):
        state = await read_state(engine, repository, branch, source)
        located = await locate(engine, state, source)
        if located is None:
            raise ObjectNotFoundError(repository, branch, show_path(source))
        entry = replace(located.entry, path=path, mtime_ms=engine.clock())
        changes: list[Change] = [(source, None), (path, pack_entry(entry))]

        async def action(
            tx: WriteTransaction,
            state: PathState = state,
            changes: list[Change] = changes,
        ) -> bool:
            # A write to the source that was acknowledged meanwhile must move too.
            if not await is_still(tx, state, source):
                return False
            await tx.stage(branch_of(state).id, changes)
            return True

        if await engine.metadata.write(action):
            return entry
    raise RefMovedError(branch)


async def move_prefix(
    engine: Engine, repository: str, branch: str, source: bytes, prefix: bytes
) -> int:
    """Rename every object of a branch below `source`; return how many.

    All in one transaction: a reader sees the old names or the new ones.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRefError,
        ReadOnlyRepositoryError
        ObjectNotFoundError: there is nothing below `source`.
        InvalidValueError: too many objects, or one prefix lies within the other.
        InvalidPathError: a new path would be too long or empty.
    """
    if not source:
        raise InvalidPathError("path is empty: name the prefix to move", value="")
    if source.startswith(prefix) or prefix.startswith(source):
        raise InvalidValueError(
            "path",
            f"cannot move '{show_path(source)}' to '{show_path(prefix)}': one lies "
            "within the other",
        )
    for _ in range(CONDITION_ATTEMPTS_MAX):
        _, seen = await get_writable_branch(engine, repository, branch)
        plan = await _plan_move(engine, repository, branch, seen, source, prefix)

        async def action(
            tx: WriteTransaction, seen: Branch = seen, plan: _MovePlan = plan
        ) -> bool:
            # As the plan saw it: a head may have gone and come back since `seen`.
            current = await tx.lock_branch(seen.id)
            if current is None or current != plan.branch:
                return False
            if await _scan(tx, current, source) != plan.staged:
                return False
            await tx.stage(seen.id, plan.changes)
            return True

        if await engine.metadata.write(action):
            return len(plan.changes) // 2
    raise RefMovedError(branch)


@dataclass(frozen=True, slots=True)
class _MovePlan:
    """What a move of a prefix stages, and the state that it was planned from."""

    branch: Branch
    changes: list[Change]
    staged: list[Change]


async def _plan_move(
    engine: Engine,
    repository: str,
    branch: str,
    seen: Branch,
    source: bytes,
    prefix: bytes,
) -> _MovePlan:
    now_ms = engine.clock()

    async def action(snapshot: Snapshot) -> tuple[Branch, list[Row], list[Change]]:
        where = await snapshot.find_repository(repository)
        current = await snapshot.find_branch(seen.id)
        if where is None or current is None:
            raise RefMovedError(branch)
        head = await engine.history(where, snapshot).get(current.head)
        tree = Cursor(engine.nodes, head.tree_id)
        rows = OverlayCursor(StagedRows(snapshot, current), tree)
        rows.seek(source)
        found: list[Row] = []
        while batch := rows.take(1000):
            found += [row for row in batch if row[0].startswith(source)]
            if len(found) > MOVE_OBJECTS_MAX:
                raise InvalidValueError(
                    "path",
                    f"more than {MOVE_OBJECTS_MAX} objects below "
                    f"'{show_path(source)}': move its subfolders one by one",
                )
            if not batch[-1][0].startswith(source):
                break
        staged = await _scan(snapshot, current, source)
        if len(staged) > MOVE_OBJECTS_MAX:
            # What is not compared in the transaction could change unnoticed.
            raise InvalidValueError(
                "path",
                f"more than {MOVE_OBJECTS_MAX} staged changes below "
                f"'{show_path(source)}': commit them before the move",
            )
        return current, found, staged

    current, rows, staged = await engine.metadata.snapshot(action)
    if not rows:
        raise ObjectNotFoundError(repository, branch, show_path(source))
    changes: list[Change] = []
    for path, packed in rows:
        target = prefix + path[len(source) :]
        if not 0 < len(target) <= PATH_BYTES_MAX:
            raise InvalidPathError(
                f"cannot move '{show_path(path)}': the new path would be "
                f"{len(target)} bytes long"
            )
        entry = replace(unpack_entry(target, packed), mtime_ms=now_ms)
        changes += [(path, None), (target, pack_entry(entry))]
    return _MovePlan(current, changes, staged)


async def _scan(reader: StagingReader, branch: Branch, prefix: bytes) -> list[Change]:
    return await reader.scan_staged(
        branch.id,
        epoch_min=branch.floor,
        epoch_max=_EPOCH_MAX,
        start=prefix,
        after=False,
        stop=after_prefix(prefix),
        limit=MOVE_OBJECTS_MAX + 1,
    )
