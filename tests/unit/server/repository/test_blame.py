"""Blame and the log of a path, against histories that a simple model knows by heart."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.server.errors import InvalidValueError, ObjectNotFoundError
from lakebed.server.history import traces
from lakebed.server.repository import branches, commits, merges, objects, repositories
from lakebed.server.repository.blame import Item, blame
from lakebed.server.repository.engine import Engine, LogPlaces
from lakebed.server.repository.logs import LogFilter, list_log

from support.engines import make_directory, open_engine

R = "repo"
PATHS = (b"a", b"a/b", b"a/c/d", b"a/c/e", b"f", b"ff/g", b"h/i/j")


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    directory = make_directory()
    async with open_engine(directory) as engine:
        await repositories.create_repository(engine, R, actor="me")
        yield engine
    shutil.rmtree(directory)


async def put(engine: Engine, branch: str, path: bytes, text: str) -> None:
    await objects.put_object(engine, R, branch, path, text.encode())


async def commit(engine: Engine, branch: str, message: str) -> None:
    await commits.commit_branch(engine, R, branch, message=message, actor="me")


async def blame_all(engine: Engine, **scope: object) -> Mapping[str, str]:
    page = await blame(engine, R, "main", limit=1000, **scope)  # type: ignore[arg-type]  # pyright: ignore
    assert all(item.is_found for item in page.items)
    return {item.path.decode(): item.commit.message for item in page.items}


async def log_of(engine: Engine, **where: list[bytes]) -> list[str]:
    page = await list_log(engine, R, "main", limit=1000, where=LogFilter(**where))  # type: ignore[arg-type]  # pyright: ignore
    return [found.message for found in page.items]


async def test_each_path_has_the_commit_that_changed_it_last(engine: Engine) -> None:
    for number, path in enumerate((b"d/x", b"d/y", b"e", b"d/x")):
        await put(engine, "main", path, f"{number}")
        await commit(engine, "main", f"{number}")

    assert await blame_all(engine) == {"d/x": "3", "d/y": "1", "e": "2"}
    assert await blame_all(engine, delimiter=b"/") == {"d/": "3", "e": "2"}
    assert await blame_all(engine, prefix=b"d/") == {"d/x": "3", "d/y": "1"}
    assert await blame_all(engine, only=Item(b"d/y", False)) == {"d/y": "1"}
    assert await blame_all(engine, only=Item(b"d", True)) == {"d": "3"}
    for missing in (Item(b"d", False), Item(b"z", True)):
        with pytest.raises(ObjectNotFoundError):
            await blame_all(engine, only=missing)


async def test_a_merge_is_not_to_blame_for_what_it_took_over(engine: Engine) -> None:
    await branches.create_branch(engine, R, "dev", source="main", actor="me")
    await put(engine, "dev", b"theirs", "1")
    await commit(engine, "dev", "theirs")
    await put(engine, "main", b"ours", "1")
    await commit(engine, "main", "ours")
    await merges.merge(engine, R, "dev", "main", message="merge", actor="me")

    assert await blame_all(engine) == {"theirs": "theirs", "ours": "ours"}
    assert await log_of(engine, paths=[b"theirs"]) == ["theirs"]


async def test_a_search_that_ends_early_says_where_to_go_on(engine: Engine) -> None:
    for number in range(6):
        await put(engine, "main", b"old" if number == 0 else b"d/new", f"{number}")
        await commit(engine, "main", f"{number}")

    page = await blame(engine, R, "main", limit=10, commits_max=1)
    rounds = 0
    by_path = {item.path: item for item in page.items}
    item = by_path[b"old"]
    while not item.is_found:
        rounds += 1
        (item,) = (
            await blame(
                engine,
                R,
                item.commit.id.hex(),
                only=Item(b"old", False),
                limit=1,
                commits_max=1,
            )
        ).items

    assert by_path[b"d/new"].commit.message == "5"
    assert item.commit.message == "0"
    assert rounds <= 2, "commits without a trace of it cost nothing"


Step = tuple[str, int, tuple[int, ...]]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["main", "dev", "merge"]),
        st.integers(0, 3),
        st.lists(
            st.integers(0, len(PATHS) - 1), min_size=1, max_size=4, unique=True
        ).map(tuple),
    ),
    min_size=1,
    max_size=12,
)


@given(STEPS, st.booleans())
@settings(max_examples=25, deadline=None)
def test_traces_never_hide_a_change(steps: list[Step], small: bool) -> None:
    """The same answers come with traces as when every commit's trees are asked."""
    asyncio.run(_check(steps, small=small))


async def _check(steps: list[Step], *, small: bool) -> None:
    directory = make_directory()
    monkeypatch = pytest.MonkeyPatch()
    try:
        if small:
            monkeypatch.setattr(traces, "TRACES_MAX", 4)
        async with open_engine(directory) as engine:
            await repositories.create_repository(engine, R, actor="me")
            await branches.create_branch(engine, R, "dev", source="main", actor="me")
            for number, step in enumerate(steps):
                await _do(engine, number, step)
            got = await _answers(engine)
            monkeypatch.setattr(traces.Wanted, "may_be_in", _always)
            assert got == await _answers(engine)
    finally:
        monkeypatch.undo()
        shutil.rmtree(directory)


def _always(wanted: traces.Wanted, found: bytes | None) -> bool:
    del wanted, found
    return True


async def _do(engine: Engine, number: int, step: Step) -> None:
    branch, version, chosen = step
    if branch == "merge":
        await merges.merge(
            engine,
            R,
            "dev",
            "main",
            message=f"{number}",
            strategy="source" if version % 2 else "destination",
            allow_empty=True,
            actor="me",
        )
        return
    for index in chosen:
        if version == 0:
            await objects.delete_object(engine, R, branch, PATHS[index])
        else:
            await put(engine, branch, PATHS[index], f"{version}")
    await commits.commit_branch(
        engine, R, branch, message=f"{number}", actor="me", allow_empty=True
    )


async def _answers(engine: Engine) -> list[object]:
    answers: list[object] = []
    for path in PATHS:
        answers.append(await log_of(engine, paths=[path]))
        answers.append(await log_of(engine, prefixes=[path[:1]]))
        answers.append(await log_of(engine, prefixes=[path + b"/"]))
    for delimiter in (b"", b"/"):
        page = await blame(engine, R, "main", delimiter=delimiter, limit=1000)
        answers.append([(item.path, item.commit.id) for item in page.items])
    return answers


async def test_pages_of_a_log_join_wherever_they_are_cut(engine: Engine) -> None:
    await branches.create_branch(engine, R, "dev", source="main", actor="me")
    for number in range(9):
        for branch in ("dev", "main"):
            await put(
                engine, branch, b"%s/%d" % (branch.encode(), number % 3), "x" * number
            )
            await commit(engine, branch, f"{branch} {number}")
        if number % 3 == 2:
            await merges.merge(engine, R, "dev", "main", message="m", actor="me")
    for where in (
        LogFilter(),
        LogFilter(first_parent=True),
        LogFilter(prefixes=[b"dev/"]),
        LogFilter(stop_at="main~4"),
    ):
        whole = await list_log(engine, R, "main", limit=1000, where=where)
        for limit in (1, 2, 5):
            for forget in (False, True):
                joined = await _read_pages(engine, where, limit, forget=forget)
                assert joined == [found.id for found in whole.items]


async def _read_pages(
    engine: Engine, where: LogFilter, limit: int, *, forget: bool
) -> list[bytes]:
    """Read all pages; with `forget`, as a server that was started in between."""
    found: list[bytes] = []
    after: str | None = None
    while True:
        page = await list_log(engine, R, "main", after=after, limit=limit, where=where)
        found += [one.id for one in page.items]
        after = page.next_after
        if after is None:
            return found
        if forget:
            engine.log_places.forget()


@pytest.mark.parametrize("after", ["x", "0" * 64, "A" * 64, "0" * 63 + "\n"])
async def test_a_log_goes_on_behind_nothing_but_its_own(
    engine: Engine, after: str
) -> None:
    with pytest.raises(InvalidValueError, match="not in the log"):
        await list_log(engine, R, "main", after=after, limit=10)


def test_few_ends_of_pages_are_kept_and_none_that_is_large() -> None:
    from lakebed.server.ids import CommitId
    from lakebed.server.repository.steps import Place

    places = LogPlaces(count_max=2)
    small = Place(1, None, frozenset((CommitId(b"x"),)))
    large = Place(1, None, frozenset(CommitId(b"%d" % n) for n in range(101)))

    for key in ("a", "b", "c"):
        places.keep(key, small)
    places.keep("d", large)

    assert [places.find(key) for key in "abcd"] == [None, small, small, None]
