"""Undo of what is not there any more."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from lakebed.server.errors import InvalidValueError, RefNotFoundError
from lakebed.server.repository import branches, commits, objects, repositories, tags
from lakebed.server.repository.engine import Engine

from support.engines import make_directory, open_engine

R = "repo"


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    directory = make_directory()
    async with open_engine(directory) as engine:
        await repositories.create_repository(engine, R, actor="me")
        yield engine
    shutil.rmtree(directory)


async def test_a_deleted_branch_is_back_where_it_was(engine: Engine) -> None:
    await branches.create_branch(engine, R, "dev", "main", actor="me")
    await objects.put_object(engine, R, "dev", b"a", b"1")
    commit = await commits.commit_branch(engine, R, "dev", message="m", actor="me")
    await branches.delete_branch(engine, R, "dev", actor="me")

    back = await branches.undo(engine, R, "dev", actor="me")

    assert back.head == commit.id


async def test_a_deleted_tag_does_not_come_back_as_a_branch(engine: Engine) -> None:
    await tags.create_tag(engine, R, "v1", "main", actor="me")
    await tags.delete_tag(engine, R, "v1", actor="me")

    with pytest.raises(InvalidValueError, match="was a tag, and tags are not undone"):
        await branches.undo(engine, R, "v1", actor="me")

    page = await branches.list_branches(engine, R, limit=10)
    assert [branch.name for branch in page.items] == ["main"]


async def test_a_name_that_never_was_is_not_found(engine: Engine) -> None:
    with pytest.raises(RefNotFoundError, match="'never'"):
        await branches.undo(engine, R, "never", actor="me")
