"""Handlers of `/repositories`."""

from __future__ import annotations

from lakebed.client.wire import Page, Repository, RepositoryCreation

from ...errors import NotImplementedYetError
from ...repository import repositories, resolving
from ..answers import (
    Created,
    Nothing,
    Shown,
    answer,
    answer_created,
    answer_json,
    answer_nothing,
    answer_page,
)
from ..call import Call, NoBody, NoQuery
from ..parameters import CreateRepositoryQuery, RepositoriesQuery
from ..shapes import show_repository


async def list_repositories(
    call: Call[RepositoriesQuery, NoBody],
) -> Shown[Page[Repository]]:
    """List repositories."""
    if call.query.search:
        raise NotImplementedYetError("search is not built yet: list by prefix")
    page = await repositories.list_repositories(
        call.engine,
        prefix=call.query.prefix,
        after=call.query.after,
        limit=call.query.limit,
        is_shown=call.shown_repositories,
    )
    return answer_page(page, show_repository)


async def create_repository(
    call: Call[CreateRepositoryQuery, RepositoryCreation],
) -> Created[Repository]:
    """Create a repository.

    Raises:
        RepositoryExistsError
    """
    body = call.body
    if body.sample_data:
        raise NotImplementedYetError("sample data is not built yet: leave it out")
    repository = await repositories.create_repository(
        call.engine,
        body.name,
        actor=call.actor,
        storage_namespace=body.storage_namespace,
        default_branch=body.default_branch or "main",
        read_only=body.read_only,
        bare=call.query.bare,
    )
    return answer_created(show_repository(repository))


async def get_repository(call: Call[NoQuery, NoBody]) -> Shown[Repository]:
    """Get a repository."""
    repository = await resolving.get_repository(call.engine, call.repository)
    return answer(show_repository(repository))


async def delete_repository(call: Call[NoQuery, NoBody]) -> Nothing:
    """Delete a repository and everything in it."""
    await repositories.delete_repository(call.engine, call.repository)
    return answer_nothing()


async def get_repository_metadata(call: Call[NoQuery, NoBody]) -> Shown[dict[str, str]]:
    """Get the metadata of a repository, which has none yet."""
    await resolving.get_repository(call.engine, call.repository)
    return answer_json(b"{}")
