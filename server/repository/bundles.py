"""Many small objects at once, staged in one transaction.

A thousand objects of a few KiB cost one look at the branch, one fsync and one transaction.
Each is what an upload of its own would have made of it: the same blob id, the MD5 of its
bytes as ETag, computed here from the bytes that came.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from ..chunks.cutting import LARGE_BYTES_MIN
from ..chunks.index import Frame
from ..errors import (
    InvalidValueError,
    MissingDataError,
    ObjectNotFoundError,
    RefMovedError,
)
from ..ids import BlobId, Kind, hash_chunk
from ..refs.store import Branch, Repository
from ..staging.store import Change, PathState
from ..tree.entry import Entry, PackedEntry, pack_entry
from .contracts import Snapshot, WriteTransaction
from .engine import Engine
from .gathering import Found, find_objects, find_present, read_states
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
    """Objects that are ready to be staged."""

    changes: list[Change]
    frames: list[Frame]
    needed: Mapping[Kind, Sequence[bytes]]
    """Stored before; the transaction makes sure of it."""


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
    return await _put(engine, where, target, prepared, if_absent=if_absent)


class Link(Struct, frozen=True, gc=False):
    """An object that is to be at another path too."""

    source: bytes
    path: bytes


async def link_many(
    engine: Engine,
    repository: str,
    branch: str,
    links: Sequence[Link],
    *,
    source_ref: str,
    if_absent: bool = False,
    on_found: Callable[[Repository, Found], Awaitable[None]] | None = None,
) -> list[bytes]:
    """Stage at the paths of `links` what is at their sources; no bytes are copied.

    All or none, the sources in one state of `source_ref`; who may read that, is for the
    caller to check. With `if_absent`, what is at a path already is kept. Returns the
    paths where that was so. `on_found` is awaited with the sources before anything happens.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError,
        ReadOnlyRefError, ReadOnlyRepositoryError
        ObjectNotFoundError: there is no object at a source.
        InvalidValueError: a path comes twice.
        MissingDataError: the bytes were collected since the source was found.
    """
    where, target = await get_writable_branch(engine, repository, branch)
    sources = list(dict.fromkeys(each.source for each in links))
    found = await find_objects(engine, repository, source_ref, sources)
    if found.missing:
        shown = show_path(found.missing[0])
        raise ObjectNotFoundError(repository, source_ref, shown)
    if on_found is not None:
        await on_found(where, found)
    by_path = {entry.path: entry for entry in found.entries}
    now_ms = engine.clock()
    changes: dict[bytes, PackedEntry | None] = {}
    for each in links:
        _refuse_twice(each.path, changes)
        entry = replace(by_path[each.source], path=each.path, mtime_ms=now_ms)
        changes[each.path] = pack_entry(entry)
    prepared = _Prepared(list(changes.items()), [], _needed(found.entries))
    return await _put(engine, where, target, prepared, if_absent=if_absent)


def _needed(entries: Sequence[Entry]) -> dict[Kind, list[bytes]]:
    """Return what must stay stored for `entries`."""
    needed: dict[Kind, list[bytes]] = {Kind.CHUNK: [], Kind.RECIPE: []}
    for entry in entries:
        if entry.size_bytes:
            is_large = entry.size_bytes >= LARGE_BYTES_MIN
            needed[Kind.RECIPE if is_large else Kind.CHUNK].append(entry.blob_id)
    return needed


def _refuse_twice(path: bytes, changes: Mapping[bytes, PackedEntry | None]) -> None:
    if path in changes:
        raise InvalidValueError("path", f"path '{show_path(path)}' comes twice")


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
    return _Prepared(list(changes.items()), frames, {})


async def _put(
    engine: Engine,
    where: Repository,
    target: Branch,
    prepared: _Prepared,
    *,
    if_absent: bool,
) -> list[bytes]:
    """Stage `prepared`; return the paths that are kept as they are."""
    if not if_absent:
        action = _staging(where, target, prepared, prepared.changes, ())
        await engine.metadata.write(action, frames=prepared.frames)
        return []
    paths = [path for path, _ in prepared.changes]
    for _ in range(CONDITION_ATTEMPTS_MAX):
        where, target = await get_writable_branch(engine, where.name, target.name)
        seen = await engine.metadata.snapshot(_look(engine, where, target, paths))
        if seen is None:
            continue
        states, present = seen
        absent = [change for change in prepared.changes if change[0] not in present]
        relied_on = [(path, states[path]) for path, _ in absent]
        action = _staging(where, target, prepared, absent, relied_on)
        if await engine.metadata.write(action, frames=prepared.frames):
            return [path for path in paths if path in present]
    raise RefMovedError(target.name)


def _staging(
    where: Repository,
    target: Branch,
    prepared: _Prepared,
    changes: Sequence[Change],
    relied_on: Sequence[tuple[bytes, PathState]],
) -> Callable[[WriteTransaction], Awaitable[bool]]:
    async def action(tx: WriteTransaction) -> bool:
        for path, state in relied_on:
            if not await is_still(tx, state, path):
                return False
        for kind, ids in prepared.needed.items():
            if ids and await tx.ensure(kind, ids, None):
                raise MissingDataError(f"bytes of objects for '{where.name}' are gone")
        await stage(tx, where, target, changes)
        return True

    return action


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
