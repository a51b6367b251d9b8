"""Moving a branch by what other commits did: revert, cherry-pick, hard reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import (
    DirtyBranchError,
    InvalidValueError,
    RefMovedError,
    RefNotFoundError,
    RevertNeedsParentError,
)
from ..history.commit import Commit
from ..refs.store import Branch, Repository
from .combining import Combination, combine
from .contracts import WriteTransaction
from .engine import Engine
from .once import Once
from .publishing import Description
from .resolving import get_writable_branch, resolve_in


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a new commit shall say in place of what it would say by itself."""

    message: str | None = None
    metadata: Mapping[str, str] | None = None


async def revert(
    engine: Engine,
    repository: str,
    branch: str,
    ref: str,
    *,
    actor: str,
    parent_number: int = 0,
    overrides: Overrides | None = None,
    allow_empty: bool = False,
    force: bool = False,
    once: Once | None = None,
) -> Commit:
    """Commit the opposite of the commit `ref` on a branch.

    Args:
        engine: where.
        repository: name of the repository.
        branch: the branch that gets the new commit.
        ref: resolves to the commit to take back.
        actor: who does it.
        parent_number: which parent of a merge commit to go back to, from 1.
        overrides: message and metadata of the new commit.
        allow_empty: make a commit even if nothing changes.
        force: also in a read-only repository.
        once: makes it happen once.

    Raises:
        RevertNeedsParentError: `ref` is a merge, and `parent_number` is 0.
        InvalidValueError: the commit has no such parent.
        and what `combine` raises.
    """
    where, target = await get_writable_branch(engine, repository, branch, force=force)
    commit = (await resolve_in(engine, where, ref)).require_data().commit
    parent = await _choose_parent(engine, where, commit, parent_number, verb="revert")

    message = f"Revert {commit.id.hex()}"

    async def plan(ours: Commit) -> Combination:
        return Combination(base=commit.tree_id, theirs=parent.tree_id, parents=(ours,))

    return await combine(
        engine,
        where,
        target,
        plan,
        description=_describe(engine, actor, message, {}, overrides, once),
        action="revert",
        allow_empty=allow_empty,
    )


async def cherry_pick(
    engine: Engine,
    repository: str,
    branch: str,
    ref: str,
    *,
    actor: str,
    parent_number: int = 0,
    overrides: Overrides | None = None,
    force: bool = False,
    once: Once | None = None,
) -> Commit:
    """Commit what the commit `ref` changed on a branch, with its message.

    The new commit's metadata names the commit that it repeats and who made it.

    Raises:
        RevertNeedsParentError: `ref` is a merge, and `parent_number` is 0.
        InvalidValueError: the commit has no such parent.
        and what `combine` raises.
    """
    where, target = await get_writable_branch(engine, repository, branch, force=force)
    commit = (await resolve_in(engine, where, ref)).require_data().commit
    parent = await _choose_parent(
        engine, where, commit, parent_number, verb="cherry-pick"
    )
    metadata = dict(commit.metadata) | {
        "cherry-pick-origin": commit.id.hex(),
        "cherry-pick-committer": commit.committer,
    }

    async def plan(ours: Commit) -> Combination:
        return Combination(base=parent.tree_id, theirs=commit.tree_id, parents=(ours,))

    return await combine(
        engine,
        where,
        target,
        plan,
        description=_describe(engine, actor, commit.message, metadata, overrides, once),
        action="cherry-pick",
    )


def _describe(
    engine: Engine,
    actor: str,
    message: str,
    metadata: Mapping[str, str],
    overrides: Overrides | None,
    once: Once | None,
) -> Description:
    if overrides is not None:
        message = overrides.message or message
        metadata = metadata if overrides.metadata is None else overrides.metadata
    return Description(message, metadata, actor, engine.clock(), once)


async def _choose_parent(
    engine: Engine, repository: Repository, commit: Commit, number: int, *, verb: str
) -> Commit:
    shown = commit.id.hex()[:12]
    if number == 0:
        if len(commit.parents) > 1:
            raise RevertNeedsParentError(
                f"cannot {verb} merge commit '{shown}' without a parent number: it has "
                f"{len(commit.parents)} parents: say which one to compare with "
                "(--mainline NUMBER, or 'parent_number')"
            )
        number = 1
    if not 1 <= number <= len(commit.parents):
        raise InvalidValueError(
            "parent_number",
            f"cannot {verb} '{shown}' against parent {number}: it has "
            f"{len(commit.parents)} parents",
        )
    return await engine.history(repository).get(commit.parents[number - 1])


async def hard_reset(
    engine: Engine,
    repository: str,
    branch: str,
    ref: str,
    *,
    actor: str,
    force: bool = False,
) -> Branch:
    """Move a branch to the commit that `ref` resolves to; `undo` moves it back.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError,
        ReadOnlyRefError, ReadOnlyRepositoryError
        DirtyBranchError: the branch has staged changes.
        RefMovedError: it was moved at the same time.
    """
    where, seen = await get_writable_branch(engine, repository, branch, force=force)
    target = (await resolve_in(engine, where, ref)).require_data().commit

    async def action(tx: WriteTransaction) -> Branch:
        current = await tx.lock_branch(seen.id)
        if current is None:
            raise RefNotFoundError(repository, branch, what="branch")
        if await tx.has_live_changes(current):
            raise DirtyBranchError(branch)
        moved = await tx.move_branch(
            seen,
            head=target.id,
            floor=seen.floor,
            action="hard-reset",
            actor=actor,
            now_ms=engine.clock(),
        )
        after = await tx.find_branch(seen.id)
        if not moved or after is None:
            raise RefMovedError(branch)
        return after

    return await engine.metadata.write(action)
