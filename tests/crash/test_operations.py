"""Stop every operation at every storage call: it happened, or it did not.

The lake is opened again afterwards, as after a crash, and must show the state before or
the state after, whole, and read back every byte of it.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from lakebed.server.errors import LakeError
from lakebed.server.repository import (
    branches,
    bundles,
    commits,
    listings,
    merges,
    objects,
    repositories,
)
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.uploads import UploadName
from lakebed.server.storage.local import LocalPackStorage
from lakebed.server.tree.entry import Entry

from support import uploads
from support.engines import make_directory, open_engine
from support.faults import Fault, FaultPlan, FaultyPackStorage

R = "repo"
LARGE = random.Random(1).randbytes(3_000_000)
PARTS = [random.Random(seed).randbytes(1_500_000) for seed in (2, 3)]
Operation = Callable[[Engine], Awaitable[object]]
State = dict[str, dict[bytes, bytes]]


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


async def read_state(engine: Engine) -> State:
    """Return every object of every branch, with its bytes, staged and committed."""
    state: State = {}
    page = await branches.list_branches(engine, R, limit=100)
    for branch in page.items:
        for ref in (branch.name, branch.name + "@"):
            listing = await listings.list_objects(engine, R, ref, limit=1000)
            state[ref] = {
                item.path: await read_bytes(engine, item)
                for item in listing.items
                if isinstance(item, Entry)
            }
    return state


async def read_bytes(engine: Engine, entry: Entry) -> bytes:
    pieces = objects.read_object(engine, entry)
    return b"".join([bytes(piece) async for piece in pieces])


def put_bundle(engine: Engine) -> Awaitable[object]:
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
    "commit": lambda e: commits.commit_branch(e, R, "work", message="m", actor="me"),
    "complete": complete,
    "merge": lambda e: merges.merge(e, R, "dev", "main", actor="me"),
}


@pytest.fixture
async def prepared() -> AsyncIterator[Path]:
    directory = make_directory()
    async with open_engine(directory / "lake") as engine:
        await prepare(engine)
    yield directory / "lake"
    shutil.rmtree(directory)


async def attempt(
    lake: Path, operation: Operation, plan: FaultPlan | None
) -> tuple[State, bool, FaultyPackStorage]:
    """Run `operation` on a copy of `lake` under `plan`; open it again and look."""
    copy = make_directory()
    shutil.copytree(lake, copy / "lake")
    storage = FaultyPackStorage(LocalPackStorage(copy / "lake"), plan)
    is_acknowledged = False
    with suppress(LakeError):
        async with open_engine(copy / "lake", storage=storage) as engine:
            await operation(engine)
            is_acknowledged = True
    async with open_engine(copy / "lake") as engine:
        state = await read_state(engine)
    shutil.rmtree(copy)
    return state, is_acknowledged, storage


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", list(OPERATIONS))
async def test_it_happened_or_it_did_not(
    prepared: Path, name: str, fault: Fault
) -> None:
    async def nothing(engine: Engine) -> None:
        pass

    before, _, _ = await attempt(prepared, nothing, None)
    after, _, counted = await attempt(prepared, OPERATIONS[name], None)
    assert before != after
    assert counted.calls, "the operation stores nothing: the test checks nothing"

    for call in range(len(counted.calls)):
        plan = FaultPlan(call, fault)
        state, is_acknowledged, storage = await attempt(
            prepared, OPERATIONS[name], plan
        )

        assert storage.injected, f"call {call} was not made"
        assert state in (before, after), counted.calls[call]
        if is_acknowledged:
            assert state == after, f"lost after {counted.calls[call]} failed"


async def test_an_upload_can_be_completed_after_a_completion_that_failed(
    prepared: Path,
) -> None:
    _, _, counted = await attempt(prepared, complete, None)

    for call in range(len(counted.calls)):
        copy = make_directory()
        shutil.copytree(prepared, copy / "lake")
        plan = FaultPlan(call, Fault.REFUSED)
        storage = FaultyPackStorage(LocalPackStorage(copy / "lake"), plan)
        is_acknowledged = False
        with suppress(LakeError):
            async with open_engine(copy / "lake", storage=storage) as engine:
                await complete(engine)
                is_acknowledged = True
        async with open_engine(copy / "lake") as engine:
            if not is_acknowledged:
                await complete(engine)
            state = await read_state(engine)
        shutil.rmtree(copy)

        assert storage.injected
        assert state["main"][b"parts"] == b"".join(PARTS)
