"""Three-way merges of a source into a branch, and what can be said about them.

Inside the engine *ours* is the destination and *theirs* the source.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from ..errors import (
    NothingToCommitError,
    SameRefError,
)
from ..history.commit import Commit
from ..history.walk import find_merge_base as find_base
from ..tree.merge import Resolution, iter_conflicts
from .combining import Combination, Conflict, Strategy, combine, unpack_conflict
from .engine import Engine
from .first_tree import EMPTY_CONTENT_ID
from .once import Once
from .paging import check_limit
from .publishing import Description, check_created_ms
from .resolving import get_writable_branch, resolve, resolve_in


async def find_merge_base(
    engine: Engine, repository: str, source: str, destination: str
) -> Commit | None:
    """Return the best common ancestor of two ref expressions; None if there is none.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
    """
    theirs = await resolve(engine, repository, source)
    ours = await resolve_in(engine, theirs.repository, destination)
    history = engine.history(theirs.repository)
    return await find_base(history, ours.commit.id, theirs.commit.id)


@dataclass(frozen=True, slots=True)
class ConflictPage:
    """A page of conflicts, in byte order of the paths."""

    items: tuple[Conflict, ...]
    next_after: bytes | None
    """Where it goes on; None at the end."""


async def list_conflicts(
    engine: Engine,
    repository: str,
    source: str,
    destination: str,
    *,
    prefix: bytes = b"",
    after: bytes = b"",
    limit: int,
) -> ConflictPage:
    """Return what a merge of `source` into `destination` would have to be told.

    By what is committed at the two, which may be any ref expressions; nothing is merged.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
        ExpiredDataError: retention collected what one of them needs.
    """
    check_limit(limit)
    theirs = (await resolve(engine, repository, source)).require_data()
    ours = (await resolve_in(engine, theirs.repository, destination)).require_data()
    history = engine.history(theirs.repository)
    base = await find_base(history, ours.commit.id, theirs.commit.id)

    def read() -> list[Conflict]:
        found = iter_conflicts(
            engine.nodes,
            base.tree_id if base is not None else None,
            ours.commit.tree_id,
            theirs.commit.tree_id,
            prefix=prefix,
            after=after,
        )
        # One more than asked for says whether there are more.
        return [unpack_conflict(conflict) for conflict in islice(found, limit + 1)]

    items = await asyncio.to_thread(read)
    next_after = items[limit - 1].path if len(items) > limit else None
    return ConflictPage(tuple(items[:limit]), next_after)


async def merge(
    engine: Engine,
    repository: str,
    source: str,
    destination: str,
    *,
    actor: str,
    message: str = "",
    metadata: Mapping[str, str] | None = None,
    strategy: Strategy | None = None,
    resolutions: Mapping[bytes, Resolution] | None = None,
    created_ms: int | None = None,
    allow_empty: bool = False,
    squash: bool = False,
    force: bool = False,
    once: Once | None = None,
) -> Commit:
    """Merge the ref expression `source` into the branch `destination`.

    What both sides changed differently is decided by `resolutions`, path by path, then
    by `strategy`; what is left undecided is a conflict, and nothing happens. A `squash`
    makes a commit with one parent, so history does not say where the changes are from.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError,
        ReadOnlyRefError, ReadOnlyRepositoryError
        SameRefError: source and destination are one branch.
        DirtyBranchError: the destination has staged changes.
        MergeConflictError: lists the conflicts.
        InvalidValueError: a resolution is of a path that does not conflict.
        NothingToCommitError: the source has nothing that the destination lacks.
        RefMovedError: the destination moves faster than we can merge.
    """
    if source == destination:
        raise SameRefError(f"cannot merge '{source}' into itself")
    where, branch = await get_writable_branch(
        engine, repository, destination, even_if_protected=True, force=force
    )
    theirs = (await resolve_in(engine, where, source)).require_data()
    description = Description(
        message or f"Merge '{source}' into '{destination}'",
        metadata or {},
        actor,
        check_created_ms(created_ms, engine.clock()),
        once,
    )

    async def plan(ours: Commit) -> Combination:
        history = engine.history(where)
        base = await find_base(history, ours.id, theirs.commit.id)
        base_content = base.content_id if base is not None else EMPTY_CONTENT_ID
        if base_content == theirs.commit.content_id and not allow_empty:
            raise NothingToCommitError(
                f"'{source}' has nothing that '{destination}' lacks"
            )
        return Combination(
            base=base.tree_id if base is not None else None,
            theirs=theirs.commit.tree_id,
            parents=(ours,) if squash else (ours, theirs.commit),
        )

    return await combine(
        engine,
        where,
        branch,
        plan,
        description=description,
        action="merge",
        strategy=strategy,
        resolutions=resolutions or {},
        allow_empty=True,
    )
