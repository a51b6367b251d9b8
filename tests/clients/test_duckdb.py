"""DuckDB, with the httpfs extension that a package carries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.client_page import Section
from support.lakes import Lake


@pytest.fixture
def db(documented: Callable[[str], Section]) -> Iterator[Any]:
    section = documented("DuckDB")
    opened = section.run_python().db
    # Nothing is fetched: an extension that is missing is an error.
    opened.execute("SET autoinstall_known_extensions = false")
    opened.execute(section.text("sql"))
    yield opened
    opened.close()


def answer(db: Any, question: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = db.execute(question).fetchall()
    return rows


@pytest.mark.parametrize("name", ["table", "a table+%20 ünï 文件 🦆", "x=1/y=a b"])
@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_a_table_comes_back(lake: Lake, db: Any, name: str, kind: str) -> None:
    key = f"main/{name}.{kind}"

    db.execute(
        "COPY (SELECT range AS number, 'ü ' || range AS word FROM range(1000)) "
        f"TO '{lake.uri(key)}'"
    )
    question = f"SELECT count(*), sum(number), max(word) FROM '{lake.uri(key)}'"

    assert lake.list_keys() == [key]
    assert answer(db, question) == [(1000, sum(range(1000)), "ü 999")]


def test_a_large_table_is_sent_in_parts(lake: Lake, db: Any) -> None:
    db.execute("SET s3_uploader_max_filesize = '50GB'")  # parts of 5 MiB
    db.execute(
        "COPY (SELECT hash(range) AS number, range AS row FROM range(2000000)) "
        f"TO '{lake.uri('main/table.parquet')}' (COMPRESSION uncompressed)"
    )

    table = lake.uri("main/table.parquet")
    assert "-" in lake.etag("main/table.parquet")
    assert answer(db, f"SELECT count(*), sum(row) FROM '{table}'") == [
        (2_000_000, sum(range(2_000_000)))
    ]
    assert answer(db, f"SELECT number = hash(77777) FROM '{table}' WHERE row = 77777")


def test_a_pattern_reads_many_files_of_a_tag(lake: Lake, db: Any) -> None:
    def write(part: int) -> None:
        db.execute(
            f"COPY (SELECT * FROM range({10 * part}, {10 * part + 10})) "
            f"TO '{lake.uri(f'main/t/part={part}/0.parquet')}'"
        )

    for part in range(3):
        write(part)
    commit_id = lake.commit()
    lake.tag("v1")
    write(3)

    def count(ref: str) -> int:
        files = lake.uri(f"{ref}/t/*/*.parquet")
        return int(answer(db, f"SELECT count(*) FROM read_parquet('{files}')")[0][0])

    assert (count("main"), count("v1"), count(commit_id)) == (40, 30, 30)
    by_folder = lake.uri("v1/t/**")
    assert answer(
        db,
        f"SELECT sum(range) FROM read_parquet('{by_folder}', hive_partitioning = true) "
        "WHERE part = 1",
    ) == [(sum(range(10, 20)),)]


def test_tables_are_joined_across_refs(lake: Lake, db: Any) -> None:
    table = lake.uri("main/table.parquet")
    db.execute(f"COPY (SELECT * FROM range(10)) TO '{table}'")
    lake.commit()
    lake.tag("v1")
    db.execute(f"COPY (SELECT * FROM range(5, 12)) TO '{table}'")

    gone = answer(
        db,
        f"SELECT range FROM '{lake.uri('v1/table.parquet')}' "
        f"EXCEPT SELECT range FROM '{table}' ORDER BY range",
    )

    assert gone == [(number,) for number in range(5)]


def test_a_tag_takes_no_table(lake: Lake, db: Any) -> None:
    lake.write("main/path", b"x")
    lake.commit()
    lake.tag("v1")

    with pytest.raises(Exception, match=r"(?i)403|forbidden|denied"):
        db.execute(f"COPY (SELECT 1) TO '{lake.uri('v1/table.parquet')}'")
