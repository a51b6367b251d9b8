"""A transaction is one commit or nothing, whatever is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lakebed.client import (
    AsyncLake,
    ClientError,
    ConflictError,
    Lake,
    MergeConflictError,
    NotFoundError,
    PermissionDeniedError,
    Repository,
    RetryPolicy,
    ServerUnreachableError,
    connect_async,
)
from lakebed.client.wire import routes

from support.api import ADMIN, serve_api
from support.losing import Decide, Fault, LosingProxy, losing_proxy

FAULTS: tuple[Fault, ...] = ("request", "answer", "busy")


async def no_wait(delay_s: float) -> None:
    del delay_s


def names(repository: Repository) -> list[str]:
    return [branch.name for branch in repository.branches(hidden=True)]


def messages(repository: Repository, ref: str = "main") -> list[str]:
    return [commit.message for commit in repository.ref(ref).log()]


def test_what_is_written_becomes_one_commit_with_its_metadata(
    repository: Repository,
) -> None:
    main = repository.branch("main")
    base = main.commit_id()

    with main.transaction("two files", metadata={"job": "7"}) as tx:
        tx.upload("a", b"1")
        tx.upload("b", b"2")
        assert tx.read("a") == b"1"
        assert tx.commit is None

    head = main.head()
    assert head.id == tx.commit
    assert (head.parents, head.metadata) == ((base,), {"job": "7"})
    assert [each.path for each in main.objects()] == ["a", "b"]
    assert names(repository) == ["main"]


def test_nobody_sees_anything_before_the_end(repository: Repository) -> None:
    main = repository.branch("main")

    with main.transaction("later") as tx:
        tx.upload("a", b"1")

        assert not main.exists("a")
        assert main.uncommitted().first() is None
        assert [branch.name for branch in repository.branches()] == ["main"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_nothing(
    repository: Repository, error: type[BaseException]
) -> None:
    main = repository.branch("main")
    before = main.commit_id()

    with pytest.raises(error), main.transaction("never") as tx:
        tx.upload("a", b"1")
        raise error

    assert main.commit_id() == before
    assert tx.commit is None
    assert names(repository) == ["main"]


def test_a_transaction_that_changes_nothing_makes_no_commit(
    repository: Repository,
) -> None:
    main = repository.branch("main")
    main.upload("a", b"1")
    before = main.commit("first").id

    with main.transaction("nothing") as empty:
        pass
    with main.transaction("the same") as same:
        same.upload("a", b"1")

    assert (empty.commit, same.commit, main.commit_id()) == (None, None, before)


def test_what_others_commit_meanwhile_is_kept(repository: Repository) -> None:
    main = repository.branch("main")

    with main.transaction("slow") as tx:
        tx.upload("mine", b"1")
        with main.transaction("quick") as other:
            other.upload("theirs", b"2")
        assert not tx.exists("theirs"), "it reads what was there at its beginning"

    assert messages(repository)[:2] == ["slow", "quick"]
    assert main.read("mine") + main.read("theirs") == b"12"


def test_a_path_that_both_changed_fails_the_whole_and_can_be_resolved(
    repository: Repository,
) -> None:
    main = repository.branch("main")
    main.upload("a", b"0")
    main.commit("first")

    with (
        pytest.raises(MergeConflictError) as raised,
        main.transaction("loses") as tx,
    ):
        tx.upload("a", b"mine")
        tx.upload("b", b"mine")
        with main.transaction("wins") as other:
            other.upload("a", b"theirs")

    assert [each.path for each in raised.value.rows] == ["a"]
    assert not main.exists("b")
    assert names(repository) == ["main"]

    with main.transaction("resolved", resolutions={"a": "source"}) as tx:
        tx.upload("a", b"mine")
        with main.transaction("again") as other:
            other.upload("a", b"others")
    assert main.read("a") == b"mine"

    with main.transaction("beforehand", resolutions={"a": "source"}) as tx:
        tx.upload("b", b"nobody else writes")
    assert main.read("b") == b"nobody else writes"


def test_a_branch_with_uncommitted_changes_is_refused_before_any_work(
    repository: Repository,
) -> None:
    main = repository.branch("main")
    main.upload("a", b"1")

    with (
        pytest.raises(ConflictError, match="'main' of 'penguins' has uncommitted"),
        main.transaction("no"),
    ):
        raise AssertionError

    assert names(repository) == ["main"]


def test_no_such_branch_is_said_at_the_beginning(repository: Repository) -> None:
    with (
        pytest.raises(NotFoundError, match="'nope'"),
        repository.branch("nope").transaction("no"),
    ):
        raise AssertionError


def test_an_inner_transaction_takes_back_its_own_part(repository: Repository) -> None:
    main = repository.branch("main")

    with main.transaction("outer") as outer:
        outer.upload("a", b"1")
        with pytest.raises(ValueError), outer.transaction() as failing:
            assert failing.read("a") == b"1"
            failing.upload("a", b"broken")
            raise ValueError
        with outer.transaction("inner") as inner:
            inner.upload("b", b"2")
            outer.upload("c", b"3")
        assert outer.read("b") == b"2"

    assert messages(repository) == ["outer", "Repository created"]
    assert [main.read(path) for path in "abc"] == [b"1", b"2", b"3"]
    assert names(repository) == ["main"]


def test_a_transaction_is_used_once(repository: Repository) -> None:
    tx = repository.branch("main").transaction("once")
    with tx:
        pass

    with pytest.raises(RuntimeError, match="used once"), tx:
        raise AssertionError


async def test_a_task_that_is_cancelled_leaves_nothing(async_lake: AsyncLake) -> None:
    repository = await async_lake.create_repository("penguins")
    main = repository.branch("main")
    written = asyncio.Event()

    async def work() -> None:
        async with main.transaction("never") as tx:
            await tx.upload("a", b"1")
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not await main.exists("a")
    left = await repository.branches(hidden=True).collect()
    assert [branch.name for branch in left] == ["main"]


# --- what is lost on the way -----------------------------------------------------------


@asynccontextmanager
async def lake_behind_proxy(
    directory: Path,
) -> AsyncGenerator[tuple[AsyncLake, AsyncLake, LosingProxy]]:
    """Give a lake through the proxy, the same without it, and the proxy."""
    retries = RetryPolicy(attempts_max=3, sleep=no_wait)
    async with (
        serve_api(directory) as served,
        losing_proxy(served.url) as proxy,
        connect_async(
            proxy.url,
            access_key_id=ADMIN.id,
            secret_access_key=ADMIN.secret,
            retries=retries,
        ) as lake,
        connect_async(
            served.url, access_key_id=ADMIN.id, secret_access_key=ADMIN.secret
        ) as direct,
    ):
        await direct.create_repository("penguins")
        yield lake, direct, proxy


async def run_transaction(lake: AsyncLake) -> str | None:
    async with lake.repository("penguins").branch("main").transaction("it") as tx:
        await tx.upload("a", b"1")
        await tx.upload("b", b"2")
        await tx.delete("b")
        async with tx.transaction("inner") as inner:
            await inner.upload("c", b"3")
    return tx.commit


async def count_requests(directory: Path) -> int:
    async with lake_behind_proxy(directory) as (lake, _, proxy):
        await run_transaction(lake)
        return len(proxy.seen)


def lose_one(fault: Fault, lost: int) -> Decide:
    return lambda number, line: fault if number == lost else None


def lose_from(fault: Fault, first: int) -> Decide:
    return lambda number, line: fault if number >= first else None


async def state(direct: AsyncLake) -> tuple[list[str], list[str], list[str]]:
    repository = direct.repository("penguins")
    main = repository.branch("main")
    return (
        [commit.message async for commit in main.log()][:-1],
        [each.path async for each in main.objects()],
        [branch.name async for branch in repository.branches(hidden=True)],
    )


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_single_message_is_lost_it_happens_once(
    directory: Path, fault: Fault
) -> None:
    count = await count_requests(directory / "dry")
    assert count > 10

    for lost in range(count):
        async with lake_behind_proxy(directory / f"{lost}") as (lake, direct, proxy):
            proxy.decide = lose_one(fault, lost)

            commit = await run_transaction(lake)

            assert proxy.faults == 1
            assert await state(direct) == (["it"], ["a", "c"], ["main"]), proxy.seen
            head = await direct.repository("penguins").branch("main").commit_id()
            assert head == commit


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_server_that_stays_away_leaves_all_or_nothing(
    directory: Path, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """The hidden branch stays then, and the log says so."""
    count = await count_requests(directory / "dry")

    outcomes: set[bool] = set()
    for first in range(count):
        async with lake_behind_proxy(directory / f"{first}") as (lake, direct, proxy):
            proxy.decide = lose_from(fault, first)
            caplog.clear()

            error: ClientError | None = None
            try:
                await run_transaction(lake)
            except ClientError as raised:
                error = raised

            log, paths, branches = await state(direct)
            is_there = log == ["it"]
            outcomes.add(is_there)
            assert (log, paths) in ((["it"], ["a", "c"]), ([], [])), proxy.seen[first]
            assert branches == ["main"] or "could not be deleted" in caplog.text
            if error is None:
                assert is_there
            elif is_there:
                assert isinstance(error, ServerUnreachableError)
                assert "is not known: look at its log" in error.message
    assert fault != "answer" or outcomes == {True, False}


async def test_a_protected_branch_changes_by_transactions(directory: Path) -> None:
    async with (
        serve_api(directory) as served,
        served.session() as session,
        connect_async(
            served.url, access_key_id=ADMIN.id, secret_access_key=ADMIN.secret
        ) as lake,
    ):
        main = (await lake.create_repository("penguins")).branch("main")
        route = f"{routes.BASE}/repositories/penguins/settings/branch_protection"
        async with session.put(route, json=[{"pattern": "main"}]) as answer:
            assert answer.status == 204

        with pytest.raises(PermissionDeniedError, match="protected"):
            await main.upload("a", b"1")
        async with main.transaction("it") as tx:
            await tx.upload("a", b"1")

        assert await main.read("a") == b"1"


def test_it_reads_like_this(lake: Lake) -> None:
    """The example of the documentation."""
    main = lake.create_repository("tables").branch("main")
    main.write_text("table.csv", "a,b\n1,2\n")
    main.commit("Add the table")

    with main.transaction("Clean the table") as tx:
        with tx.open("table.csv") as table:
            rows = table.readlines()
        with tx.open("table.csv", "w") as table:
            table.writelines(sorted(rows))

    assert main.read_text("table.csv") == "1,2\na,b\n"
