"""Which output becomes a version, and for whom: what cannot be read is not registered."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from lakebed.server.errors import (
    InvalidValueError,
    PermissionDeniedError,
    RunNotFoundError,
    UnusableRunError,
)
from lakebed.server.provenance import judging, models
from lakebed.server.provenance.outputs import Output, choose_output
from lakebed.server.provenance.registering import register
from lakebed.server.repository.branches import create_branch
from lakebed.server.repository.engine import Engine

from support.databases import commit_id
from support.engines import make_directory, open_engine
from support.models import (
    ANN,
    Somebody,
    begin_run,
    end_run,
    judge,
    make_version,
    write_files,
)

GUEST = Somebody("guest", 104, (("lake", "main"),))
RUN = "f" * 32


def output(
    path: str, *, repository: int = 1, branch: str = "main", commit: int = 1
) -> Output:
    is_prefix = path.endswith("/") or not path
    identity = path.encode().ljust(32, b".")
    return Output(
        repository,
        f"repo-{repository}",
        branch,
        commit_id(commit),
        path.encode(),
        is_prefix,
        identity,
    )


@pytest.mark.parametrize(
    ("outputs", "wanted", "found"),
    [
        ([""], None, ""),
        (["", "a", "b/", "b/c"], None, ""),
        (["model/", "model/a", "model/b/c"], None, "model/"),
        (["a"], None, "a"),
        (["a", "ab"], "a", "a"),
        (["a/", "a/b"], "a", "a/"),
        (["a/", "a/b/", "a/b/c"], "a/b", "a/b/"),
        (["a/"], "a/b/c", "a/b/c"),
        (["a/b", "a/c"], "a", "a/"),
        (["a/b", "ab/c"], "a", "a/"),
        (["x", "y"], "", ""),
    ],
)
def test_a_path_names_an_output(
    outputs: list[str], wanted: str | None, found: str
) -> None:
    chosen = choose_output(RUN, [output(path) for path in outputs], wanted)

    assert chosen.output.path == found.encode()
    assert chosen.output.is_prefix == (found.endswith("/") or not found)
    is_recorded = found in outputs
    assert (chosen.output.identity is not None) == is_recorded
    if chosen.files is not None:
        assert chosen.files == tuple(
            path.encode() for path in outputs if path.startswith(found)
        )


@pytest.mark.parametrize(
    ("outputs", "wanted"),
    [
        ([output("a"), output("b")], None),
        ([output("a"), output("a", repository=2)], "a"),
        ([output("a/"), output("a/", commit=2, branch="dev")], "a/b"),
        ([output("a/x"), output("a/y", commit=2, branch="dev")], "a"),
        ([output("a")], "b"),
        ([output("a")], "a/b"),
        ([output("ab")], "a"),
        ([output("a")], "lakebed://repo-1/dev/a"),
        ([output("a")], "lakebed://"),
    ],
)
def test_what_names_none_or_several_is_refused_with_what_there_is(
    outputs: list[Output], wanted: str | None
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        choose_output(RUN, outputs, wanted)

    assert caught.value.field == "path"
    assert "\n" not in str(caught.value)


def test_an_address_tells_the_same_path_apart() -> None:
    outputs = [output("a"), output("a", repository=2), output("a", branch="dev")]

    chosen = choose_output(RUN, outputs, "lakebed://repo-2/main/a")

    assert chosen.output.repository_id == 2


def test_a_run_without_outputs_is_no_version() -> None:
    with pytest.raises(UnusableRunError, match="it has no outputs"):
        choose_output(RUN, [], None)


def test_a_list_of_outputs_stays_on_a_line() -> None:
    many = [output(f"{number:04}") for number in range(1000)]

    with pytest.raises(InvalidValueError) as caught:
        choose_output(RUN, many, None)

    assert "and 990 more" in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    directory = make_directory()
    async with open_engine(directory) as engine:
        yield engine
    shutil.rmtree(directory)


async def test_an_output_that_the_caller_cannot_read_is_not_registered(
    engine: Engine,
) -> None:
    await write_files(engine, {b"open/a": b"1"})
    await create_branch(engine, "lake", "secret", "main", actor="ann")
    secret = await write_files(engine, {b"hidden/b": b"2"}, branch="secret")
    main = await write_files(engine, {b"open/a": b"1"})
    both = await end_run(
        engine,
        await begin_run(engine),
        outputs=[
            ("lake", "main", main, b"open/"),
            ("lake", "secret", secret, b"hidden/"),
        ],
    )
    alone = await end_run(
        engine,
        await begin_run(engine),
        outputs=[("lake", "secret", secret, b"hidden/")],
    )

    made = await register(engine, GUEST, "fraud", both)
    assert made.version.path == b"open/"
    with pytest.raises(InvalidValueError) as caught:
        await register(engine, GUEST, "fraud", both, path="hidden/")
    assert "secret" not in str(caught.value)
    with pytest.raises(PermissionDeniedError):
        await register(engine, GUEST, "fraud", alone)
    assert (await register(engine, ANN, "fraud", alone)).version.number == 2


async def test_a_run_that_the_caller_cannot_see_is_not_there(engine: Engine) -> None:
    await write_files(engine, {b"a": b"1"}, repository="other")
    await make_version(engine)
    commit = await write_files(engine, {b"a": b"1"}, repository="other")
    run = await end_run(
        engine,
        await begin_run(engine, "other"),
        outputs=[("other", "main", commit, b"a")],
    )

    with pytest.raises(RunNotFoundError):
        await register(engine, GUEST, "fraud", run)
    with pytest.raises(RunNotFoundError):
        await judging.add_check(engine, GUEST, "fraud", "1", "bias", run)


async def test_a_check_is_by_whoever_may_see_its_run(engine: Engine) -> None:
    await make_version(engine)
    run = await judge(engine, "fraud@1")

    made = await judging.add_check(engine, GUEST, "fraud", "1", "bias", run)

    assert made.has_passed


async def test_outputs_in_a_repository_that_was_deleted(engine: Engine) -> None:
    await write_files(engine)
    commit = await write_files(engine, {b"a": b"1"}, repository="other")
    run = await begin_run(engine)
    name = await end_run(engine, run, outputs=[("other", "main", commit, b"a")])
    where = await engine.metadata.find_repository("other")
    assert where is not None
    # As a lake may be that did not ask yet who needs what.
    await engine.metadata.write(lambda tx: tx.delete_repository(where.id))

    with pytest.raises(UnusableRunError, match="repository of its outputs was deleted"):
        await register(engine, ANN, "fraud", name)
    assert (await models.list_models(engine, limit=9)).items == ()
