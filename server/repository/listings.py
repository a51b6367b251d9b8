"""Listings of a version, and what a prefix adds up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import (
    ExpiredDataError,
    InvalidRefExpressionError,
    LakeError,
    RefNotFoundError,
)
from ..ids import CommitId
from ..tree.cursor import Cursor
from ..tree.entry import Entry, unpack_entry
from ..tree.listing import list_page
from ..tree.lookup import Measure, measure_prefix
from .contracts import Snapshot
from .engine import Engine
from .overlay import OverlayCursor, StagedRows, measure_overlay
from .paging import check_limit
from .resolving import Resolved, get_repository, resolve, resolve_in


@dataclass(frozen=True, slots=True)
class CommonPrefix:
    """What stands in a listing for all paths that begin with `path`."""

    path: bytes
    """The prefix, with the delimiter at its end."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a listing, in byte order of the paths."""

    items: tuple[Entry | CommonPrefix, ...]
    next_after: bytes | None
    """Where it goes on; None at the end."""
    commit_id: CommitId
    """The commit read, beneath what is staged."""
    staged_paths: frozenset[bytes] = frozenset()
    """Those of the entries that are staged; it may have others too."""


async def list_objects(
    engine: Engine,
    repository: str,
    ref: str,
    *,
    prefix: bytes = b"",
    after: bytes = b"",
    delimiter: bytes = b"",
    limit: int,
) -> Listing:
    """Return a page of the objects at `ref`, read from one state.

    Args:
        engine: where.
        repository: name of the repository.
        ref: any ref expression; a branch name shows its staged changes.
        prefix: only paths that begin with it.
        after: only what comes behind this path or common prefix.
        delimiter: roll paths up at its first place behind `prefix`.
        limit: the most items.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
    """
    check_limit(limit)

    async def action(snapshot: Snapshot) -> Listing:
        version = await resolve(engine, repository, ref, reader=snapshot)
        rows = await _open_rows(engine, snapshot, version.require_data())
        page = list_page(
            rows,
            prefix=prefix,
            after=after,
            delimiter=delimiter,
            limit=limit,
        )
        items = tuple(
            CommonPrefix(item.path)
            if item.packed is None
            else unpack_entry(item.path, item.packed)
            for item in page.items
        )
        next_after = page.items[-1].path if page.is_truncated else None
        staged = rows.staged_paths if isinstance(rows, OverlayCursor) else ()
        return Listing(items, next_after, version.commit.id, frozenset(staged))

    return await engine.metadata.snapshot(action)


async def _open_rows(
    engine: Engine, snapshot: Snapshot, version: Resolved
) -> Cursor | OverlayCursor:
    tree = Cursor(engine.nodes, version.commit.tree_id)
    if version.branch is None or version.view == "committed":
        return tree
    is_dirty = await snapshot.has_live_changes(version.branch)
    if version.view == "merged" and not is_dirty:
        return tree
    staged = StagedRows(snapshot, version.branch)
    return OverlayCursor(staged, tree if version.view == "merged" else None)


async def measure(
    engine: Engine, repository: str, ref: str, *, prefix: bytes = b""
) -> Measure:
    """Return how many objects `ref` has below `prefix`, and their bytes.

    Costs a few nodes, and a look-up for each staged change there.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
    """

    async def action(snapshot: Snapshot) -> Measure:
        version = await resolve(engine, repository, ref, reader=snapshot)
        (measured,) = _measure_at(engine, snapshot, version.require_data(), [prefix])
        return measured

    return await engine.metadata.snapshot(action)


async def measure_many(
    engine: Engine, repository: str, places: Sequence[tuple[str, bytes]]
) -> list[Measure | LakeError]:
    """Return what each of `places`, a ref and a prefix, adds up to, in their order.

    All are read from one state, and what is wrong with a ref is told where its measure
    would be.

    Raises:
        RepositoryNotFoundError
    """

    async def action(snapshot: Snapshot) -> list[Measure | LakeError]:
        where = await get_repository(engine, repository, reader=snapshot)
        wanted: dict[str, list[int]] = {}
        for at, (ref, _) in enumerate(places):
            wanted.setdefault(ref, []).append(at)
        found: dict[int, Measure | LakeError] = {}
        for ref, rows in wanted.items():
            try:
                version = await resolve_in(engine, where, ref, reader=snapshot)
                version.require_data()
            except _FAULTS_OF_REFS as error:
                found.update(dict.fromkeys(rows, error))
                continue
            prefixes = [places[at][1] for at in rows]
            measures = _measure_at(engine, snapshot, version, prefixes)
            found.update(zip(rows, measures, strict=True))
        return [found[at] for at in range(len(places))]

    return await engine.metadata.snapshot(action)


_FAULTS_OF_REFS = (RefNotFoundError, InvalidRefExpressionError, ExpiredDataError)


def _measure_at(
    engine: Engine, snapshot: Snapshot, version: Resolved, prefixes: Sequence[bytes]
) -> list[Measure]:
    tree_id = version.commit.tree_id
    if version.branch is None or version.view == "committed":
        return [measure_prefix(engine.nodes, tree_id, prefix) for prefix in prefixes]
    staged = StagedRows(snapshot, version.branch)
    is_alone = version.view == "staged"
    return measure_overlay(
        engine.nodes, None if is_alone else tree_id, staged, prefixes
    )
