"""Tags: create, find, list, delete."""

from __future__ import annotations

from ..errors import RefNotFoundError
from ..refs.names import check_ref_name
from ..refs.store import Tag
from .contracts import WriteTransaction
from .engine import Engine
from .once import Once
from .paging import Filter, Page, read_page
from .resolving import get_repository, require_changeable, resolve


async def create_tag(
    engine: Engine,
    repository: str,
    name: str,
    source: str,
    *,
    actor: str,
    force: bool = False,
    once: Once | None = None,
) -> Tag:
    """Create a tag at the commit that the expression `source` resolves to.

    Raises:
        InvalidNameError, RefNotFoundError, ReadOnlyRepositoryError
        RefExistsError: a branch or tag has that name.
    """
    check_ref_name(name, what="tag")
    target = await resolve(engine, repository, source)
    require_changeable(target.repository, force=force)
    commit_id = target.commit.id
    now_ms = engine.clock()

    async def action(tx: WriteTransaction) -> Tag:
        if once is not None:
            await once.claim(tx, commit_id, now_ms=now_ms)
        return await tx.create_tag(
            target.repository.id, name, commit_id, actor=actor, now_ms=now_ms
        )

    return await engine.metadata.write(action)


async def get_tag(engine: Engine, repository: str, name: str) -> Tag:
    """Return the tag `name`.

    Raises:
        RepositoryNotFoundError, RefNotFoundError
    """
    where = await get_repository(engine, repository)
    ref = await engine.metadata.find_ref(where.id, name)
    if not isinstance(ref, Tag):
        raise RefNotFoundError(repository, name, what="tag")
    return ref


async def list_tags(
    engine: Engine,
    repository: str,
    *,
    prefix: str = "",
    after: str = "",
    limit: int,
    is_shown: Filter | None = None,
) -> Page[Tag]:
    """Return a page of the tags, by name; see `read_page`."""
    where = await get_repository(engine, repository)

    async def read(after: str, limit: int) -> list[Tag]:
        return await engine.metadata.list_tags(
            where.id, prefix=prefix, after=after, limit=limit
        )

    return await read_page(
        read, lambda tag: tag.name, after=after, limit=limit, is_shown=is_shown
    )


async def delete_tag(
    engine: Engine, repository: str, name: str, *, actor: str, force: bool = False
) -> None:
    """Delete a tag; its commit stays reachable by id.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRepositoryError
    """
    where = await get_repository(engine, repository)
    require_changeable(where, force=force)
    deleted = await engine.metadata.write(
        lambda tx: tx.delete_ref(
            where.id, name, kind="tag", actor=actor, now_ms=engine.clock()
        )
    )
    if not deleted:
        raise RefNotFoundError(repository, name, what="tag")
