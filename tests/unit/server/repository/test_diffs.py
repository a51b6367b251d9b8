"""Pages of differences: nothing is skipped, and few nodes are held at once."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from lakebed.server.repository import commits, diffs, objects, repositories
from lakebed.server.repository.diffs import DiffScope
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


@pytest.mark.parametrize("is_committed", [False, True])
async def test_a_page_that_ends_at_an_object_named_like_its_folder_goes_on_in_it(
    engine: Engine, is_committed: bool
) -> None:
    """Clients of S3 make an object `a/` to show a folder."""
    paths = [b"a/", b"a/1", b"a/2/x", b"a/3", b"b/"]
    for path in paths:
        await objects.put_object(engine, R, "main", path, b"1")
    if is_committed:
        await commits.commit_branch(engine, R, "main", message="m", actor="me")

    found: list[bytes] = []
    after: bytes | None = b""
    while after is not None:
        scope = DiffScope(1, prefix=b"a/", after=after, delimiter=b"/")
        page = (
            await diffs.diff_refs(engine, R, "main~1", "main", scope)
            if is_committed
            else await diffs.diff_staged(engine, R, "main", scope)
        )
        found += [item.path for item in page.items]
        after = page.next_after

    assert found == [b"a/", b"a/1", b"a/2/", b"a/3"]
