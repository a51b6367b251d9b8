"""Repositories: create, find, list, delete."""

from __future__ import annotations

from ..chunks.index import Frame
from ..errors import (
    InvalidValueError,
    RepositoryInUseError,
    StillNeededError,
)
from ..history.commit import Commit, decode_commit, make_commit
from ..history.step import step_of
from ..history.traces import NO_TRACES
from ..ids import Kind
from ..refs.names import check_ref_name, check_repository_name
from ..refs.store import CommitRow, Repository
from .contracts import WriteTransaction
from .engine import Engine
from .first_tree import EMPTY_CONTENT_ID, EMPTY_TREE_FRAME, EMPTY_TREE_ID
from .paging import Filter, Page, read_page
from .publishing import start_full_purge
from .resolving import get_repository, require_changeable

NAMESPACE_CHARS_MAX = 1024

UNUSED_BRANCHES_MAX = 100
"""Branches of a repository that may be deleted as unused: each is looked at in the
transaction, and who made more has used it."""
UNUSED_CHANGES_MAX = 100_000
"""Staged deletes of branches without objects: what is left where all were deleted. To
look at them takes about 0.1 s of the write lock; with more they are reset first."""
NEEDS_SHOWN_MAX = 10
"""What needs a repository that was to be deleted, in a message of one line."""
NEEDS_COUNTED_MAX = 1000
"""More are not counted: whoever has so many wants no number."""
_EPOCH_MAX = 2**62


async def create_repository(
    engine: Engine,
    name: str,
    *,
    actor: str,
    storage_namespace: str | None = None,
    default_branch: str = "main",
    read_only: bool = False,
    bare: bool = False,
) -> Repository:
    """Create a repository with a first, empty commit on its default branch.

    A `bare` one has no commit and no branch.

    Raises:
        InvalidNameError: the name or the branch name breaks the rules.
        RepositoryExistsError: the name is taken.
    """
    check_repository_name(name)
    check_ref_name(default_branch)
    namespace = storage_namespace or f"local://{name}"
    if len(namespace) > NAMESPACE_CHARS_MAX or "://" not in namespace:
        raise InvalidValueError(
            "storage_namespace",
            f"invalid storage namespace '{namespace[:80]}': write it as "
            "'local://name' or 's3://bucket/prefix'",
        )
    now_ms = engine.clock()
    commit, record, frames = _first_commit(actor, now_ms)

    async def action(tx: WriteTransaction) -> Repository:
        repository = await tx.create_repository(
            name=name,
            storage_namespace=namespace,
            default_branch=default_branch,
            read_only=read_only,
            created_ms=now_ms,
        )
        if not bare:
            step = step_of(commit, NO_TRACES)
            await tx.record_commit(
                repository.id, CommitRow(commit.id, record, step=step)
            )
            await tx.create_branch(
                repository.id,
                default_branch,
                commit.id,
                hidden=False,
                actor=actor,
                now_ms=now_ms,
            )
        return repository

    return await engine.metadata.write(action, frames=() if bare else frames)


def _first_commit(actor: str, now_ms: int) -> tuple[Commit, bytes, list[Frame]]:
    commit, record = make_commit(
        tree_id=EMPTY_TREE_ID,
        content_id=EMPTY_CONTENT_ID,
        parents=(),
        committer=actor,
        message="Repository created",
        created_ms=now_ms,
        metadata={},
    )
    return commit, record, [EMPTY_TREE_FRAME, Frame(Kind.COMMIT, commit.id, record)]


async def list_repositories(
    engine: Engine,
    *,
    prefix: str = "",
    after: str = "",
    limit: int,
    is_shown: Filter | None = None,
) -> Page[Repository]:
    """Return a page of the repositories, by name; see `read_page`."""

    async def read(after: str, limit: int) -> list[Repository]:
        return await engine.metadata.list_repositories(
            prefix=prefix, after=after, limit=limit
        )

    return await read_page(
        read,
        lambda repository: repository.name,
        after=after,
        limit=limit,
        is_shown=is_shown,
    )


async def delete_repository(engine: Engine, name: str, *, force: bool = False) -> None:
    """Delete a repository with everything in it; one that is read-only by `force`.

    Its objects' bytes go when they are collected, unless something else uses them.

    Raises:
        RepositoryNotFoundError: there is none.
        ReadOnlyRepositoryError
        StillNeededError: runs of other repositories, or versions of models, need it.
        ModelsRepositoryError: it is the one of the model registry.
    """
    found = await get_repository(engine, name)
    repository = require_changeable(found, force=force)

    async def action(tx: WriteTransaction) -> None:
        await require_not_needed(tx, repository)
        await tx.delete_repository(repository.id)

    await engine.metadata.write(action)
    start_full_purge(engine)


async def require_not_needed(tx: WriteTransaction, repository: Repository) -> None:
    """Return if nothing outside of `repository` needs what is in it, or runs of it.

    Raises:
        StillNeededError: something does.
    """
    needs = await tx.list_needs_of_repository(repository.id, limit=NEEDS_COUNTED_MAX)
    if needs:
        raise StillNeededError(
            f"'{repository.name}'",
            [f"{need.kind} '{need.name}'" for need in needs[:NEEDS_SHOWN_MAX]],
            len(needs),
            way_out="delete those first, with 'lakebed model delete' and 'lakebed runs "
            "delete', or keep it",
        )


async def delete_unused_repository(engine: Engine, name: str) -> None:
    """Delete a repository without history and objects.

    That is: no tag, no commit after the first, and no object on any branch.

    Raises:
        RepositoryNotFoundError: there is none.
        RepositoryInUseError: there is something in it.
        StillNeededError: runs of other repositories, or versions of models, need it.
        ModelsRepositoryError: it is the one of the model registry.
    """
    repository = require_changeable(await get_repository(engine, name))

    async def action(tx: WriteTransaction) -> None:
        use = await _find_use(tx, repository)
        if use is not None:
            raise RepositoryInUseError(name, use)
        await require_not_needed(tx, repository)
        await tx.delete_repository(repository.id)

    await engine.metadata.write(action)
    start_full_purge(engine)


async def _find_use(tx: WriteTransaction, repository: Repository) -> str | None:
    """Return what is in a repository; None if nothing is."""
    if len(await tx.find_commit_ids(repository.id, "", limit=2)) > 1:
        return "commits"
    if await tx.list_tags(repository.id, prefix="", after="", limit=1):
        return "tags"
    branches = await tx.list_branches(
        repository.id, prefix="", after="", limit=UNUSED_BRANCHES_MAX + 1, hidden=True
    )
    if len(branches) > UNUSED_BRANCHES_MAX:
        return f"more than {UNUSED_BRANCHES_MAX} branches"
    changes_left = UNUSED_CHANGES_MAX
    for branch in branches:
        (row,) = await tx.find_commits(repository.id, [branch.head])
        if row is None or decode_commit(row.record).tree_id != EMPTY_TREE_ID:
            return f"objects on branch '{branch.name}'"
        if not await tx.has_live_changes(branch):
            continue
        changes = await tx.scan_staged(
            branch.id,
            epoch_min=branch.floor,
            epoch_max=_EPOCH_MAX,
            start=b"",
            after=False,
            stop=None,
            limit=changes_left + 1,
        )
        changes_left -= len(changes)
        if changes_left < 0:
            return f"more than {UNUSED_CHANGES_MAX} staged changes"
        if any(packed is not None for _, packed in changes):
            return f"objects on branch '{branch.name}'"
    return None
