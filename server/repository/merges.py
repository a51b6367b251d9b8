"""Three-way merges of a source into a branch, and what can be said about them.

Inside the engine *ours* is the destination and *theirs* the source.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import (
    NothingToCommitError,
    SameRefError,
)
from ..history.commit import Commit
from ..history.walk import find_merge_base as find_base
from ..tree.merge import Resolution
from .combining import Combination, Strategy, combine
from .engine import Engine
from .first_tree import EMPTY_CONTENT_ID
from .once import Once
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
        NothingToCommitError: the source has nothing that the destination lacks.
        RefMovedError: the destination moves faster than we can merge.
    """
    if source == destination:
        raise SameRefError(f"cannot merge '{source}' into itself")
    where, branch = await get_writable_branch(
        engine, repository, destination, even_if_protected=True
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
