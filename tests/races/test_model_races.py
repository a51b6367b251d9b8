"""What may come between the look and the transaction of an operation on models, forced.

In each test a step runs right before the write of an operation, as another process would.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from lakebed.server.errors import (
    LakeError,
    ModelNotFoundError,
    ModelVersionNotFoundError,
    PromotionRefusedError,
    RepositoryNotFoundError,
    RunNotFoundError,
    StillNeededError,
)
from lakebed.server.provenance import aliases, judging, models, registering
from lakebed.server.provenance.deleting import delete_run
from lakebed.server.registry.rules import AliasRule
from lakebed.server.repository import repositories
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.resolving import resolve

from support.engines import make_directory, open_engine
from support.models import ANN, BOB, EVE, judge, make_version, train
from support.schedules import Schedule

Step = Callable[[Engine], Awaitable[object]]


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    directory = make_directory()
    async with open_engine(directory) as engine:
        yield engine
    shutil.rmtree(directory)


@pytest.fixture
async def fraud(engine: Engine) -> Engine:
    """Have two versions of `fraud`, and a rule that the first fulfils."""
    await make_version(engine, weights=b"1")
    await make_version(engine, weights=b"2")
    await judging.set_rules(engine, "fraud", [AliasRule("prod", True, ("bias",))])
    await judging.approve(engine, BOB, "fraud", "1", "prod")
    run = await judge(engine, "fraud@1")
    await judging.add_check(engine, ANN, "fraud", "1", "bias", run)
    return engine


async def at(engine: Engine, ref: str) -> bytes:
    return (await resolve(engine, "models", ref)).commit.id


async def test_of_two_promotions_the_log_has_both_in_a_row(fraud: Engine) -> None:
    schedule = Schedule(
        fraud, {0: lambda: aliases.promote(fraud, BOB, "fraud", "dev", 1)}
    )

    await aliases.promote(schedule.engine, ANN, "fraud", "dev", 2)

    schedule.check_all_ran()
    page = await aliases.list_moves(fraud, "fraud", "dev", limit=9)
    moves = [(move.old, move.new, move.user) for move in page.items]
    assert moves == [(1, 2, "ann"), (None, 1, "bob")]
    assert await at(fraud, "fraud@dev") == await at(fraud, "fraud@2")


async def fail_the_check(engine: Engine) -> None:
    from lakebed.server.runs.statuses import Status

    run = await judge(engine, "fraud@1", status=Status.FAILED)
    await judging.add_check(engine, ANN, "fraud", "1", "bias", run)


BEFORE_PROMOTION: dict[str, tuple[Step, type[LakeError]]] = {
    "approval withdrawn": (
        lambda e: judging.withdraw_approval(e, BOB, "fraud", "1", "prod"),
        PromotionRefusedError,
    ),
    "check failed": (fail_the_check, PromotionRefusedError),
    "rule made stricter": (
        lambda e: judging.set_rules(
            e, "fraud", [AliasRule("prod", True, ("bias", "speed"))]
        ),
        PromotionRefusedError,
    ),
    "version deleted": (
        lambda e: models.delete_version(e, ANN, "fraud", "1"),
        ModelVersionNotFoundError,
    ),
    "model deleted": (
        lambda e: models.delete_model(e, ANN, "fraud"),
        ModelNotFoundError,
    ),
}


@pytest.mark.parametrize("name", BEFORE_PROMOTION)
async def test_a_promotion_is_judged_by_what_is_so_when_it_happens(
    fraud: Engine, name: str
) -> None:
    step, error = BEFORE_PROMOTION[name]
    schedule = Schedule(fraud, {0: lambda: step(fraud)})

    with pytest.raises(error):
        await aliases.promote(schedule.engine, ANN, "fraud", "prod", 1)

    schedule.check_all_ran()
    with pytest.raises(LakeError, match="not found"):
        await at(fraud, "fraud@prod")


async def test_a_promotion_may_happen_if_nothing_comes_between(fraud: Engine) -> None:
    """Were it refused for something else, the test above would say nothing."""
    await aliases.promote(fraud, ANN, "fraud", "prod", 1)


async def test_an_approval_that_comes_in_between_counts(fraud: Engine) -> None:
    await judging.set_rules(fraud, "fraud", [AliasRule("prod", True, ())])
    schedule = Schedule(
        fraud, {0: lambda: judging.approve(fraud, EVE, "fraud", "2", "prod")}
    )

    moved = await aliases.promote(schedule.engine, BOB, "fraud", "prod", 2)

    assert moved.number == 2


DELETIONS: dict[str, Step] = {
    "version": lambda e: models.delete_version(e, ANN, "fraud", "2"),
    "model": lambda e: models.delete_model(e, ANN, "fraud"),
}


@pytest.mark.parametrize("what", DELETIONS)
async def test_what_gets_an_alias_in_between_is_not_deleted(
    fraud: Engine, what: str
) -> None:
    schedule = Schedule(
        fraud, {0: lambda: aliases.promote(fraud, ANN, "fraud", "dev", 2)}
    )

    with pytest.raises(StillNeededError):
        await DELETIONS[what](schedule.engine)

    schedule.check_all_ran()
    assert await at(fraud, "fraud@dev") == await at(fraud, "fraud@2")


async def test_of_two_rollbacks_each_goes_one_step(fraud: Engine) -> None:
    for number in (1, 2, 1):
        await aliases.promote(fraud, ANN, "fraud", "dev", number)
    schedule = Schedule(
        fraud, {0: lambda: aliases.rollback(fraud, BOB, "fraud", "dev")}
    )

    last = await aliases.rollback(schedule.engine, ANN, "fraud", "dev")

    schedule.check_all_ran()
    page = await aliases.list_moves(fraud, "fraud", "dev", limit=2)
    assert [(move.old, move.new) for move in page.items] == [(2, 1), (1, 2)]
    assert last.number == 1


async def test_two_registrations_get_a_number_each(engine: Engine) -> None:
    runs = [await train(engine, {b"model/a": body}) for body in (b"1", b"2")]
    schedule = Schedule(
        engine, {0: lambda: registering.register(engine, BOB, "fraud", runs[1])}
    )

    made = await registering.register(schedule.engine, ANN, "fraud", runs[0])

    schedule.check_all_ran()
    assert made.version.number == 2
    page = await models.list_versions(engine, "fraud", limit=9)
    origins = [view.version.origin for view in page.items]
    assert [each and each.run for each in origins] == runs
    for view in page.items:
        number = view.version.number
        commit = (await resolve(engine, "models", f"fraud@{number}")).commit
        assert commit.id == view.version.files_commit
        assert commit.message.startswith(f"fraud@{number}:")


async def delete_the_run(engine: Engine, name: str) -> None:
    run = await engine.metadata.find_run(name)
    assert run is not None
    await delete_run(engine, run, actor="ann")


BEFORE_REGISTRATION: dict[
    str, tuple[Callable[[Engine, str], Awaitable[object]], type[LakeError]]
] = {
    "run deleted": (delete_the_run, RunNotFoundError),
    "repository deleted": (
        lambda e, _: repositories.delete_repository(e, "lake"),
        RunNotFoundError,
    ),
}


@pytest.mark.parametrize("name", BEFORE_REGISTRATION)
async def test_what_is_registered_is_there_when_it_happens(
    engine: Engine, name: str
) -> None:
    run = await train(engine)
    step, error = BEFORE_REGISTRATION[name]
    schedule = Schedule(engine, {0: lambda: step(engine, run)})

    with pytest.raises(error):
        await registering.register(schedule.engine, ANN, "fraud", run)

    schedule.check_all_ran()
    with pytest.raises(RepositoryNotFoundError):
        await resolve(engine, "models", "fraud")
    assert (await models.list_models(engine, limit=9)).items == ()


async def test_a_repository_that_comes_to_be_needed_is_not_deleted(
    engine: Engine,
) -> None:
    run = await train(engine)
    schedule = Schedule(
        engine, {0: lambda: registering.register(engine, ANN, "fraud", run)}
    )

    with pytest.raises(StillNeededError, match="version 'fraud@1'"):
        await repositories.delete_repository(schedule.engine, "lake")

    schedule.check_all_ran()


async def test_a_run_that_comes_to_be_needed_is_not_deleted(engine: Engine) -> None:
    name = await train(engine)
    run = await engine.metadata.find_run(name)
    assert run is not None
    schedule = Schedule(
        engine, {0: lambda: registering.register(engine, ANN, "fraud", name)}
    )

    with pytest.raises(LakeError, match="fraud@1"):
        await delete_run(schedule.engine, run, actor="ann")
