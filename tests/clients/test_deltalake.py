"""delta-rs: tables whose commits rest on conditional writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from lakebed.client import MergeConflictError

from support.client_page import Section
from support.lakes import Lake
from support.s3server import ServerProcess, run_server

APPENDS = 10
"""Of each writer. A writer tries a commit 15 times; that all of the other's commits fall
between the tries of one is not to be expected."""


@pytest.fixture
def names(documented: Callable[[str], Section]) -> Any:
    """What the page's blocks define."""
    return documented("delta-rs").run_python()


@pytest.fixture
def pl(documented: Callable[[str], Section]) -> Any:
    return documented("Polars").run_python().pl


@pytest.fixture
def second_server(directory: Path, server: ServerProcess) -> Iterator[ServerProcess]:
    """Another process over the same lake."""
    del server
    with run_server(directory) as running:
        yield running


class Table:
    """A Delta table of numbers at one address."""

    def __init__(self, names: Any, pl: Any, uri: str, **changed: str) -> None:
        self.names = names
        self.pl = pl
        self.uri = uri
        self.options = {**names.storage_options, **changed}

    def append(self, *numbers: int) -> None:
        rows = self.pl.DataFrame({"number": numbers})
        self.names.write_deltalake(
            self.uri, rows, mode="append", storage_options=self.options
        )

    def open(self, version: int | None = None) -> Any:
        return self.names.DeltaTable(
            self.uri, version=version, storage_options=self.options
        )

    def numbers(self, version: int | None = None) -> list[int]:
        tables = self.names.QueryBuilder().register("t", self.open(version))
        rows = tables.execute("SELECT number FROM t ORDER BY 1").read_all()
        return list(rows["number"].to_pylist())


@pytest.fixture
def make_table(names: Any, pl: Any, lake: Lake) -> Callable[..., Table]:
    def make(ref: str = "main", **changed: str) -> Table:
        return Table(names, pl, lake.uri(f"{ref}/a table"), **changed)

    return make


def test_a_table_has_versions(make_table: Callable[..., Table]) -> None:
    table = make_table()
    for number in range(3):
        table.append(number)

    table.open().delete("number = 1")

    assert table.open().version() == 3
    assert table.numbers() == [0, 2]
    assert [table.numbers(version) for version in range(3)] == [[0], [0, 1], [0, 1, 2]]


def test_of_two_racing_writers_none_loses_a_commit(
    make_table: Callable[..., Table],
    server: ServerProcess,
    second_server: ServerProcess,
) -> None:
    make_table().append(-1)
    tables = [make_table(AWS_ENDPOINT_URL=each.url) for each in (server, second_server)]

    def write(writer: int) -> None:
        for number in range(APPENDS):
            tables[writer].append(writer * APPENDS + number)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))

    table = make_table()
    assert table.numbers() == list(range(-1, 2 * APPENDS))
    assert table.open().version() == 2 * APPENDS
    for version in range(2 * APPENDS):
        assert len(table.numbers(version)) == version + 1


def test_time_goes_back_by_tag_by_commit_id_and_by_version(
    lake: Lake, make_table: Callable[..., Table]
) -> None:
    make_table().append(1)
    commit_id = lake.commit()
    make_table().append(2)
    lake.commit()
    lake.tag("v1")
    make_table().append(3)

    assert make_table().numbers() == [1, 2, 3]
    assert make_table("v1").numbers() == [1, 2]
    assert make_table(commit_id).numbers() == [1]
    assert make_table("v1").numbers(version=0) == [1]
    with pytest.raises(Exception, match=r"(?i)version"):
        make_table(commit_id).open(version=1)


def test_a_table_that_two_branches_changed_is_a_conflict(
    lake: Lake, make_table: Callable[..., Table]
) -> None:
    make_table().append(1)
    lake.commit()
    lake.branch("dev")
    make_table("dev").append(2)
    lake.commit("dev")
    make_table("main").append(3)
    lake.commit("main")

    with pytest.raises(MergeConflictError) as caught:
        lake.merge("dev", "main")

    paths = [conflict.path for conflict in caught.value.conflicts]
    assert paths == ["a table/_delta_log/00000000000000000001.json"]


def test_a_tag_takes_no_commit(lake: Lake, make_table: Callable[..., Table]) -> None:
    make_table().append(1)
    lake.commit()
    lake.tag("v1")

    with pytest.raises(Exception, match="v1"):
        make_table("v1").append(2)

    assert make_table("v1").numbers() == [1]


def test_a_table_is_kept_in_order(lake: Lake, make_table: Callable[..., Table]) -> None:
    table = make_table()
    for number in range(12):
        table.append(number)
    files = [key for key in lake.list_keys() if key.endswith(".parquet")]

    table.open().optimize.compact()
    table.open().create_checkpoint()
    removed = table.open().vacuum(
        retention_hours=0, enforce_retention_duration=False, dry_run=False
    )

    assert len(removed) == len(files) == 12
    assert table.numbers() == list(range(12))
    assert [key for key in lake.list_keys() if key in files] == []
