"""The identity of a prefix is that of the files below it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from lakebed.server.provenance.contents import Contents, find_contents
from lakebed.server.repository import commits, objects, repositories
from lakebed.server.repository.engine import Engine

from support.engines import make_directory, open_engine

R = "lake"


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    directory = make_directory()
    async with open_engine(directory / "lake") as opened:
        await repositories.create_repository(opened, R, actor="me")
        yield opened
    shutil.rmtree(directory)


async def contents_of(engine: Engine, prefix: bytes) -> Contents:
    commit = await commits.get_commit(engine, R, "main")
    return await find_contents(engine, commit.tree_id, prefix)


async def test_an_object_that_marks_a_folder_is_not_in_it(engine: Engine) -> None:
    for path in (b"plain/a", b"marked/", b"marked/a"):
        await objects.put_object(
            engine, R, "main", path, b"" if path[-1:] == b"/" else b"1"
        )
    await commits.commit_branch(engine, R, "main", message="m", actor="me")

    found = await contents_of(engine, b"marked/")

    assert found == await contents_of(engine, b"plain/")
    assert (found.file_count, found.size_bytes) == (1, 1)
