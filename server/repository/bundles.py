"""Many small objects at once, staged in one transaction.

A thousand objects of a few KiB cost one look at the branch, one fsync and one transaction.
Each is what an upload of its own would have made of it: the same blob id, the MD5 of its
bytes as ETag, computed here from the bytes that came.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from msgspec import Struct

from ..chunks.cutting import LARGE_BYTES_MIN
from ..chunks.index import Frame
from ..errors import InvalidValueError, RefMovedError
from ..ids import BlobId, Kind, hash_chunk
from ..refs.store import Branch, Repository
from ..staging.store import Change, PathState
from ..tree.entry import Entry, PackedEntry, pack_entry
from .contracts import Snapshot, WriteTransaction
from .engine import Engine
from .gathering import find_present, read_states
from .objects import CONDITION_ATTEMPTS_MAX, is_still, stage
from .paths import show_path
from .resolving import get_writable_branch

_Seen = tuple[dict[bytes, PathState], dict[bytes, PackedEntry]]
"""What one state of a branch has at some paths: by name, and what there is of it."""


class SmallObject(Struct, frozen=True, gc=False):
    """An object below `LARGE_BYTES_MIN` with its bytes, on its way in."""

    path: bytes
    data: bytes | memoryview
    md5: bytes
    """What its sender says; believed only if it is so."""
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Objects whose bytes were hashed."""

    changes: list[Change]
    frames: list[Frame]


async def put_many(
    engine: Engine,
    repository: str,
    branch: str,
    objects: Sequence[SmallObject],
    *,
    if_absent: bool = False,
) -> list[bytes]:
    """Stage `objects` on a branch, all or none; durable when this returns.

    With `if_absent`, what is at a path already is kept. Returns the paths where that
    was so.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRefError,
        ReadOnlyRepositoryError, MetadataTooLargeError
        InvalidValueError: the bytes of an object are not those of its MD5, or a path
            comes twice.
        StorageFullError, StorageFailedError: nothing was written.
    """
    where, target = await get_writable_branch(engine, repository, branch)
    prepared = await asyncio.to_thread(_prepare, objects, engine.clock())
    if if_absent:
        return await _put_absent(engine, repository, branch, prepared)

    async def action(tx: WriteTransaction) -> None:
        await stage(tx, where, target, prepared.changes)

    await engine.metadata.write(action, frames=prepared.frames)
    return []


def _prepare(objects: Sequence[SmallObject], now_ms: int) -> _Prepared:
    changes: dict[bytes, PackedEntry | None] = {}
    frames: list[Frame] = []
    for each in objects:
        data = each.data
        if len(data) >= LARGE_BYTES_MIN:
            raise InvalidValueError(
                "path",
                f"'{show_path(each.path)}' is over the limit of a small object: send "
                "it by itself",
            )
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        if md5 != each.md5:
            raise InvalidValueError(
                "md5",
                f"bytes of '{show_path(each.path)}' have the MD5 {md5.hex()}, not "
                f"{each.md5.hex()}: send them again",
            )
        chunk_id = hash_chunk(data)
        entry = Entry(
            each.path, BlobId(chunk_id), len(data), now_ms, md5, extra=each.extra
        )
        if each.path in changes:
            raise InvalidValueError(
                "path", f"path '{show_path(each.path)}' comes twice"
            )
        changes[each.path] = pack_entry(entry)
        if data:
            frames.append(Frame(Kind.CHUNK, chunk_id, data))
    return _Prepared(list(changes.items()), frames)


async def _put_absent(
    engine: Engine, repository: str, branch: str, prepared: _Prepared
) -> list[bytes]:
    """Stage what of `prepared` has a path where nothing is; return the other paths."""
    paths = [path for path, _ in prepared.changes]
    for _ in range(CONDITION_ATTEMPTS_MAX):
        where, target = await get_writable_branch(engine, repository, branch)
        seen = await engine.metadata.snapshot(_look(engine, where, target, paths))
        if seen is None:
            continue
        states, present = seen
        absent = [change for change in prepared.changes if change[0] not in present]
        relied_on = [(path, states[path]) for path, _ in absent]
        action = _stage_absent(where, target, absent, relied_on)
        if await engine.metadata.write(action, frames=prepared.frames):
            return [path for path in paths if path in present]
    raise RefMovedError(branch)


def _look(
    engine: Engine, where: Repository, target: Branch, paths: Sequence[bytes]
) -> Callable[[Snapshot], Awaitable[_Seen | None]]:
    """Return what looks at `paths` of a branch; it gives None if the branch is gone."""

    async def action(snapshot: Snapshot) -> _Seen | None:
        branch = await snapshot.find_branch(target.id)
        if branch is None:
            return None
        states = await read_states(snapshot, where, branch, paths)
        if states is None:
            return None
        head = await engine.history(where, snapshot).get(branch.head)
        return states, find_present(engine, head.tree_id, states)

    return action


def _stage_absent(
    where: Repository,
    target: Branch,
    changes: list[Change],
    states: list[tuple[bytes, PathState]],
) -> Callable[[WriteTransaction], Awaitable[bool]]:
    async def action(tx: WriteTransaction) -> bool:
        for path, state in states:
            if not await is_still(tx, state, path):
                return False
        await stage(tx, where, target, changes)
        return True

    return action
