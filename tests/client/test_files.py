"""Objects as Python files: what is read, where it seeks, and when something is uploaded."""

from __future__ import annotations

import csv
import gc
import io
import random
import zipfile
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.client import (
    AsyncLake,
    Branch,
    NotFoundError,
    PreconditionFailedError,
    Repository,
)
from lakebed.client.files import READ_BYTES, SPOOL_BYTES_MAX, ObjectReader
from lakebed.client.operations.pinning import PinnedObject

from support.lakes import noise


@pytest.fixture
def main(repository: Repository) -> Branch:
    return repository.branch("main")


def open_any(branch: Branch, mode: str) -> Any:
    """Open `a` in a mode that no type checker knows."""
    opening: Any = branch
    return opening.open("a", mode)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 200)),
        st.tuples(st.just("seek"), st.integers(0, 1200)),
        st.tuples(st.just("back"), st.integers(-300, 300)),
        st.tuples(st.just("end"), st.integers(-1000, 10)),
        st.tuples(st.just("line"), st.just(0)),
    )
)


@given(size=st.integers(0, 1000), buffer=st.integers(1, 300), steps=STEPS)
@settings(max_examples=200)
def test_a_reader_is_a_file(
    size: int, buffer: int, steps: list[tuple[str, int]]
) -> None:
    """The model is a file in memory."""
    data = bytes(random.Random(size).choices(b"abc\n", k=size))
    pinned = PinnedObject("r", "main", "p", '"e"', size, "", "")
    raw = ObjectReader(pinned, lambda start, end: data[start:end])
    file, model = io.BufferedReader(raw, buffer), io.BytesIO(data)

    for step, number in steps:
        match step:
            case "read":
                assert file.read(number) == model.read(number)
            case "seek":
                assert file.seek(number) == model.seek(number)
            case "back":
                to = max(model.tell() + number, 0)
                assert file.seek(to - file.tell(), io.SEEK_CUR) == model.seek(to)
            case "end":
                to = max(size + number, 0)
                assert file.seek(to - size, io.SEEK_END) == model.seek(to)
            case _:
                assert file.readline() == model.readline()
        assert file.tell() == model.tell()


def test_large_objects_are_read_in_few_requests(main: Branch) -> None:
    data = noise(3 * READ_BYTES + 7)
    main.upload("large", data)
    asked: list[tuple[int, int]] = []

    with main.open("large", "rb") as file:
        raw: Any = cast("Any", file).raw
        inner = raw._read_range

        def read_range(start: int, end: int) -> bytes:
            asked.append((start, end))
            data: bytes = inner(start, end)
            return data

        raw._read_range = read_range
        pieces = iter(lambda: file.read(1000), b"")
        assert b"".join(pieces) == data

    assert len([start for start, _ in asked if start < len(data)]) == 4


def test_text_and_lines_and_csv(main: Branch) -> None:
    with main.open("t.csv", "w", newline="", content_type="text/csv") as file:
        csv.writer(file).writerows([["a", "ü"], ["1", "2"]])

    assert main.stat("t.csv").content_type == "text/csv"
    assert main.read("t.csv") == "a,ü\r\n1,2\r\n".encode()
    with main.open("t.csv") as file:
        assert list(csv.reader(file)) == [["a", "ü"], ["1", "2"]]
    with main.open("t.csv", "r", encoding="latin-1") as file:
        assert file.read(4) == "a,Ã¼"


def test_a_zip_file_is_written_and_read_in_place(main: Branch) -> None:
    with (
        main.open("z.zip", "wb") as file,
        zipfile.ZipFile(file, "w") as archive,
    ):
        archive.writestr("inner", b"x" * 1000)

    with main.open("z.zip", "rb") as file, zipfile.ZipFile(file) as archive:
        assert archive.read("inner") == b"x" * 1000


@pytest.mark.parametrize("mode", ["w", "wb", "x"])
def test_an_error_in_the_with_uploads_nothing(main: Branch, mode: str) -> None:
    with pytest.raises(ValueError), open_any(main, mode) as file:
        file.write(b"half" if "b" in mode else "half")
        raise ValueError

    assert not main.exists("a")


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_writer_that_nobody_closed_uploads_nothing(main: Branch, mode: str) -> None:
    file = open_any(main, mode)
    file.write(b"half" if "b" in mode else "half")
    del file
    gc.collect()

    assert not main.exists("a")


def test_what_does_not_fit_in_memory_goes_over_a_file(main: Branch) -> None:
    data = noise(SPOOL_BYTES_MAX + 1)

    with main.open("large", "wb") as file:
        file.write(data)

    assert main.read("large") == data


def test_x_keeps_what_is_there(main: Branch) -> None:
    main.upload("a", b"old")

    with pytest.raises(PreconditionFailedError), main.open("a", "xb") as file:
        file.write(b"new")

    assert main.read("a") == b"old"


def test_an_upload_that_is_refused_says_so_at_the_close(repository: Repository) -> None:
    with (
        pytest.raises(NotFoundError, match="'none'"),
        repository.branch("none").open("a", "wb") as file,
    ):
        file.write(b"x")


def test_modes_that_there_are_not(repository: Repository, main: Branch) -> None:
    with pytest.raises(ValueError, match="'a' with mode 'ab': use one of"):
        main.open("a", "ab")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=r"use one of 'r', 'rt', 'rb'$"):
        repository.tag("v1").open("a", "w")  # type: ignore[call-overload]
    with pytest.raises(NotFoundError, match="'none'"):
        main.open("none")


def test_a_reader_stays_with_its_version_while_the_branch_moves(main: Branch) -> None:
    old, new = noise(3 * READ_BYTES), noise(3 * READ_BYTES, seed=2)
    main.upload("a", old)
    main.commit("old")

    with main.open("a", "rb") as file:
        first = file.read(10)
        main.upload("a", new)
        main.commit("new")
        assert first + file.read() == old


def test_a_reader_of_what_was_not_committed_says_that_it_changed(main: Branch) -> None:
    main.upload("a", noise(3 * READ_BYTES))

    with main.open("a", "rb") as file:
        file.read(10)
        main.upload("a", noise(3 * READ_BYTES, seed=2))
        with pytest.raises(PreconditionFailedError, match="it changed while it was"):
            file.read()


async def test_the_same_with_await(async_lake: AsyncLake) -> None:
    main = (await async_lake.create_repository("penguins")).branch("main")

    async with main.open("a", "w") as file:
        await file.write("one\ntwo\n")
    async with main.open("a") as text:
        assert [line async for line in text] == ["one\n", "two\n"]
    async with main.open("a", "rb") as data:
        await data.seek(-4, io.SEEK_END)
        assert await data.tell() == 4
        assert await data.read() == b"two\n"
    with pytest.raises(ValueError):
        async with main.open("a", "w") as file:
            await file.write("half")
            raise ValueError
    assert await main.read_text("a") == "one\ntwo\n"
