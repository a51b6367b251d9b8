"""Operations that change a lake, each with something to do, and what a lake then shows.

    python -m support.mutations LAKE NAME [hasty]

does one in a process of its own, which prints `acknowledged` when it may; if it is hasty,
before it may.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from lakebed.server.repository import (
    branches,
    bundles,
    commits,
    listings,
    merges,
    objects,
    picking,
    repositories,
    tags,
)
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.uploads import UploadName
from lakebed.server.tree.entry import Entry

from support import uploads
from support.engines import open_engine

R = "repo"
LARGE = random.Random(1).randbytes(3_000_000)
PARTS = [random.Random(seed).randbytes(1_500_000) for seed in (2, 3)]
Operation = Callable[[Engine], Awaitable[object]]
State = dict[str, dict[bytes, bytes]]
"""By ref: the objects with their bytes; tags by `tag:NAME`, the repositories under ``."""


async def prepare(engine: Engine) -> None:
    """Make a history in which every operation has something to do."""
    await repositories.create_repository(engine, R, actor="me")
    await objects.put_object(engine, R, "main", b"a", b"1")
    await commits.commit_branch(engine, R, "main", message="m", actor="me")
    await branches.create_branch(engine, R, "dev", "main", actor="me")
    await objects.put_object(engine, R, "dev", b"d", b"dev")
    await commits.commit_branch(engine, R, "dev", message="m", actor="me")
    await branches.create_branch(engine, R, "work", "main", actor="me")
    await objects.put_object(engine, R, "work", b"b", b"staged")
    name = await uploads.begin(engine, R, b"parts")
    await uploads.put_parts(engine, name, PARTS)


async def complete(engine: Engine) -> None:
    """Complete the upload that `prepare` began; not what it was completed to before."""
    branch = await branches.get_branch(engine, R, "main")
    (upload,) = await engine.metadata.list_uploads(
        branch.id, after=(b"", ""), stop=None, limit=2
    )
    name = UploadName(R, "main", upload.path, upload.id, uploads.USER)
    stored = await engine.metadata.list_parts(upload.id, after=0, limit=9)
    await uploads.complete(engine, name, [uploads.listed(part) for part in stored])


def put_bundle(engine: Engine) -> Awaitable[object]:
    """Put some small objects at once."""
    contents = {b"a": b"over", b"empty": b"", b"new/1": b"same", b"new/2": b"same"}
    return bundles.put_many(
        engine,
        R,
        "main",
        [
            bundles.SmallObject(path, data, hashlib.md5(data).digest())
            for path, data in contents.items()
        ],
    )


OPERATIONS: dict[str, Operation] = {
    "bundle": put_bundle,
    "put": lambda e: objects.put_object(e, R, "main", b"new", b"bytes"),
    "put-large": lambda e: objects.put_object(e, R, "main", b"new", LARGE),
    "delete": lambda e: objects.delete_object(e, R, "main", b"a"),
    "commit": lambda e: commits.commit_branch(e, R, "work", message="m", actor="me"),
    "complete": complete,
    "merge": lambda e: merges.merge(e, R, "dev", "main", actor="me"),
    "branch": lambda e: branches.create_branch(e, R, "new", "dev", actor="me"),
    "delete-branch": lambda e: branches.delete_branch(e, R, "dev", actor="me"),
    "tag": lambda e: tags.create_tag(e, R, "new", "dev", actor="me"),
    "hard-reset": lambda e: picking.hard_reset(e, R, "main", "dev", actor="me"),
    "create-repository": lambda e: repositories.create_repository(
        e, "other", actor="me"
    ),
}


async def read_state(engine: Engine) -> State:
    """Return every object of every branch, with its bytes, staged and committed."""
    state: State = {}
    found = await repositories.list_repositories(engine, limit=100)
    state[""] = {repository.name.encode(): b"" for repository in found.items}
    page = await branches.list_branches(engine, R, limit=100)
    for branch in page.items:
        for ref in (branch.name, branch.name + "@"):
            listing = await listings.list_objects(engine, R, ref, limit=1000)
            state[ref] = {
                item.path: await read_bytes(engine, item)
                for item in listing.items
                if isinstance(item, Entry)
            }
    for tag in (await tags.list_tags(engine, R, limit=100)).items:
        state[f"tag:{tag.name}"] = {b"commit": tag.commit_id}
    return state


async def read_bytes(engine: Engine, entry: Entry) -> bytes:
    """Return the bytes of an object, verified."""
    pieces = objects.read_object(engine, entry)
    return b"".join([bytes(piece) async for piece in pieces])


async def _run(lake: Path, name: str, *, is_hasty: bool) -> None:
    async with open_engine(lake) as engine:
        if is_hasty:
            os.write(1, b"acknowledged")
        await OPERATIONS[name](engine)
        if not is_hasty:
            os.write(1, b"acknowledged")


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1]), sys.argv[2], is_hasty=sys.argv[3:] != []))
