"""Repositories: create, find, list, delete."""

from __future__ import annotations

from ..chunks.index import Frame
from ..errors import InvalidValueError
from ..history.commit import Commit, make_commit
from ..ids import Kind
from ..refs.names import check_ref_name, check_repository_name
from ..refs.store import CommitRow, Repository
from .contracts import WriteTransaction
from .engine import Engine
from .first_tree import EMPTY_CONTENT_ID, EMPTY_TREE_FRAME, EMPTY_TREE_ID
from .paging import Filter, Page, read_page
from .publishing import start_full_purge
from .resolving import get_repository

NAMESPACE_CHARS_MAX = 1024


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
            await tx.record_commit(repository.id, CommitRow(commit.id, record))
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


async def delete_repository(engine: Engine, name: str) -> None:
    """Delete a repository with everything in it.

    Its objects' bytes go when they are collected, unless something else uses them.

    Raises:
        RepositoryNotFoundError: there is none.
    """
    repository = await get_repository(engine, name)
    await engine.metadata.write(lambda tx: tx.delete_repository(repository.id))
    start_full_purge(engine)
