"""What may happen to an upload while it is being completed, each with its schedule forced."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest
from lakebed.server.errors import (
    BusyError,
    InvalidPartError,
    PreconditionFailedError,
    RefNotFoundError,
    UploadNotFoundError,
)
from lakebed.server.repository import branches, objects, repositories, uploads
from lakebed.server.repository.completing import ATTEMPTS_MAX, ListedPart
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.objects import Condition
from lakebed.server.repository.uploads import UploadName

from support.engines import make_directory, open_engine
from support.schedules import Schedule, Step
from support.uploads import begin, complete, etag_of, listed, put_parts

R = "repo"
PUBLISH = 0
"""The only write of a completion that finds nothing stored."""
BODIES = [b"one", b"two"]


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    directory = make_directory()
    async with open_engine(directory) as engine:
        await repositories.create_repository(engine, R, actor="me")
        await branches.create_branch(engine, R, "work", "main", actor="me")
        yield engine
    shutil.rmtree(directory)


@pytest.fixture
async def name(engine: Engine) -> UploadName:
    return await begin(engine, R, b"path", "work")


@pytest.fixture
async def parts(engine: Engine, name: UploadName) -> list[ListedPart]:
    return await put_parts(engine, name, BODIES)


async def read(engine: Engine, path: bytes = b"path") -> bytes:
    located = await objects.stat_object(engine, R, "work", path)
    pieces = objects.read_object(engine, located.entry)
    return b"".join([bytes(piece) async for piece in pieces])


async def test_another_completion_wins_and_both_answer_the_same(
    engine: Engine, name: UploadName, parts: list[ListedPart]
) -> None:
    async def complete_too() -> None:
        await complete(engine, name, parts)

    schedule = Schedule(engine, {PUBLISH: complete_too})

    done = await complete(schedule.engine, name, parts)

    schedule.check_all_ran()
    assert done.etag == etag_of(BODIES)
    assert await read(engine) == b"onetwo"


async def test_a_completion_with_other_parts_wins_and_this_one_has_no_upload(
    engine: Engine, name: UploadName, parts: list[ListedPart]
) -> None:
    async def complete_less() -> None:
        await complete(engine, name, parts[:1])

    schedule = Schedule(engine, {PUBLISH: complete_less})

    with pytest.raises(UploadNotFoundError):
        await complete(schedule.engine, name, parts)
    schedule.check_all_ran()
    assert await read(engine) == b"one"


async def test_a_part_that_is_replaced_meanwhile_never_slips_in(
    engine: Engine, name: UploadName, parts: list[ListedPart]
) -> None:
    async def replace_part() -> None:
        await uploads.put_part(engine, name, 2, b"other")

    schedule = Schedule(engine, {PUBLISH: replace_part})

    with pytest.raises(InvalidPartError):
        await complete(schedule.engine, name, parts)
    schedule.check_all_ran()


async def test_the_same_part_sent_again_meanwhile_does_no_harm(
    engine: Engine, name: UploadName, parts: list[ListedPart]
) -> None:
    async def put_again() -> None:
        await uploads.put_part(engine, name, 2, BODIES[1])

    schedule = Schedule(engine, {PUBLISH: put_again})

    await complete(schedule.engine, name, parts)

    schedule.check_all_ran()
    assert await read(engine) == b"onetwo"


async def test_parts_that_never_stop_coming_make_the_client_wait(
    engine: Engine, name: UploadName, parts: list[ListedPart]
) -> None:
    async def put_again() -> None:
        await uploads.put_part(engine, name, 2, BODIES[1])

    schedule = Schedule(engine, dict.fromkeys(range(ATTEMPTS_MAX), put_again))

    with pytest.raises(BusyError):
        await complete(schedule.engine, name, parts)
    schedule.check_all_ran()
    await complete(engine, name, parts)


async def test_an_abort_meanwhile_leaves_no_object(
    engine: Engine, name: UploadName, parts: list[ListedPart]
) -> None:
    schedule = Schedule(engine, {PUBLISH: lambda: uploads.abort_upload(engine, name)})

    with pytest.raises(UploadNotFoundError):
        await complete(schedule.engine, name, parts)
    schedule.check_all_ran()
    assert (await objects.read_state(engine, R, "work", b"path")).staged is None


async def test_a_part_of_an_upload_that_ends_meanwhile_is_refused(
    engine: Engine, name: UploadName, parts: list[ListedPart]
) -> None:
    schedule = Schedule(engine, {PUBLISH: lambda: uploads.abort_upload(engine, name)})

    with pytest.raises(UploadNotFoundError):
        await uploads.put_part(schedule.engine, name, 3, b"late")
    schedule.check_all_ran()


async def test_a_branch_that_goes_meanwhile_takes_the_upload_along(
    engine: Engine, name: UploadName, parts: list[ListedPart]
) -> None:
    async def delete() -> None:
        await branches.delete_branch(engine, R, "work", actor="me")

    schedule = Schedule(engine, {PUBLISH: delete})

    with pytest.raises(RefNotFoundError):
        await complete(schedule.engine, name, parts)
    schedule.check_all_ran()


@pytest.mark.parametrize("condition", [None, Condition(must_be_absent=True)])
async def test_a_new_branch_of_the_same_name_does_not_get_the_object(
    engine: Engine,
    name: UploadName,
    parts: list[ListedPart],
    condition: Condition | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even before the rows of the old branch were purged."""

    def purge_nothing(engine: Engine) -> None:
        pass

    monkeypatch.setattr(branches, "start_full_purge", purge_nothing)

    async def make_anew() -> None:
        await branches.delete_branch(engine, R, "work", actor="me")
        await branches.create_branch(engine, R, "work", "main", actor="me")

    schedule = Schedule(engine, {PUBLISH: make_anew})

    with pytest.raises((UploadNotFoundError, RefNotFoundError)):
        await complete(schedule.engine, name, parts, condition=condition)
    schedule.check_all_ran()
    assert (await objects.read_state(engine, R, "work", b"path")).staged is None


async def test_an_object_that_comes_meanwhile_fails_the_condition_not_the_upload(
    engine: Engine, name: UploadName, parts: list[ListedPart]
) -> None:
    async def put() -> None:
        await objects.put_object(engine, R, "work", b"path", b"theirs")

    schedule = Schedule(engine, {PUBLISH: put})

    with pytest.raises(PreconditionFailedError):
        await complete(
            schedule.engine, name, parts, condition=Condition(must_be_absent=True)
        )
    schedule.check_all_ran()
    assert await read(engine) == b"theirs"
    await complete(engine, name, parts)
    assert await read(engine) == b"onetwo"


async def test_of_many_completions_of_one_path_that_must_be_new_one_wins(
    engine: Engine,
) -> None:
    names = [await begin(engine, R, b"path", "work") for _ in range(8)]
    bodies = [[b"%d" % number] for number in range(8)]
    lists = [
        await put_parts(engine, name, body)
        for name, body in zip(names, bodies, strict=True)
    ]

    outcomes = await asyncio.gather(
        *(
            complete(engine, name, parts, condition=Condition(must_be_absent=True))
            for name, parts in zip(names, lists, strict=True)
        ),
        return_exceptions=True,
    )

    lost = [each for each in outcomes if isinstance(each, PreconditionFailedError)]
    assert len(lost) == 7
    winner = next(
        number
        for number, each in enumerate(outcomes)
        if not isinstance(each, BaseException)
    )
    assert await read(engine) == bodies[winner][0]


async def test_somebody_else_cannot_use_an_upload_but_an_administrator_can(
    engine: Engine, name: UploadName, parts: list[ListedPart]
) -> None:
    other = UploadName(R, "work", b"path", name.upload_id, "bob")
    admin = UploadName(R, "work", b"path", name.upload_id, None)

    for step in (
        lambda: uploads.put_part(engine, other, 1, b"x"),
        lambda: uploads.abort_upload(engine, other),
        lambda: complete(engine, other, parts),
    ):
        with pytest.raises(UploadNotFoundError):
            await _run(step)
    third = await uploads.put_part(engine, admin, 3, b"three")
    await complete(engine, name, [*parts, listed(third)])
    with pytest.raises(UploadNotFoundError):
        await complete(engine, other, [*parts, listed(third)])
    assert await read(engine) == b"onetwothree"


async def _run(step: Step) -> None:
    await step()
