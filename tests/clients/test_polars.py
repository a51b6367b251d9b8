"""Polars: reads and writes tables by its own object_store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.client_page import Section
from support.lakes import Lake


@pytest.fixture
def names(documented: Callable[[str], Section]) -> Any:
    """What the page's block defines: `pl` and `storage_options`."""
    return documented("Polars").run_python()


def make_table(names: Any, rows: int, start: int = 0) -> Any:
    numbers = range(start, start + rows)
    words = [f"word {number} ü" for number in numbers]
    return names.pl.DataFrame({"number": numbers, "word": words})


@pytest.mark.parametrize("name", ["table", "a table+%20 ünï 文件 🦆", "x=1/y=a b"])
def test_a_table_comes_back(lake: Lake, names: Any, name: str) -> None:
    table = make_table(names, 1000)
    options = {"storage_options": names.storage_options}

    table.write_parquet(lake.uri(f"main/{name}.parquet"), **options)
    table.write_csv(lake.uri(f"main/{name}.csv"), **options)

    written = [f"main/{name}.csv", f"main/{name}.parquet"]
    assert sorted(lake.list_keys()) == written
    exact = {"glob": False, **options}
    assert names.pl.read_parquet(lake.uri(written[1]), **exact).equals(table)
    assert names.pl.read_csv(lake.uri(written[0]), **exact).equals(table)


def test_a_large_table_is_sent_in_parts(lake: Lake, names: Any) -> None:
    table = make_table(names, 2_000_000)
    options = {"storage_options": names.storage_options}

    table.lazy().sink_parquet(
        lake.uri("main/table"), compression="uncompressed", **options
    )
    back = names.pl.scan_parquet(lake.uri("main/table"), **options)

    assert "-" in lake.etag("main/table")
    assert back.select(names.pl.col("number").sum()).collect().item() == sum(
        range(2_000_000)
    )
    assert back.filter(number=1_234_567).collect()["word"].item() == "word 1234567 ü"


def test_a_pattern_reads_many_files_of_a_tag(lake: Lake, names: Any) -> None:
    options = {"storage_options": names.storage_options}
    for part in range(3):
        table = make_table(names, 10, start=10 * part)
        table.write_parquet(lake.uri(f"main/t/{part}.parquet"), **options)
    commit_id = lake.commit()
    lake.tag("v1")
    make_table(names, 10, start=30).write_parquet(
        lake.uri("main/t/3.parquet"), **options
    )

    def count(ref: str) -> int:
        scan = names.pl.scan_parquet(lake.uri(f"{ref}/t/*.parquet"), **options)
        return int(scan.select(names.pl.len()).collect().item())

    assert (count("main"), count("v1"), count(commit_id)) == (40, 30, 30)


def test_a_partitioned_table_is_read_by_its_folder(lake: Lake, names: Any) -> None:
    options = {"storage_options": names.storage_options}
    table = make_table(names, 100).with_columns(
        island=names.pl.when(names.pl.col("number") % 2 == 0)
        .then(names.pl.lit("Biscoe"))
        .otherwise(names.pl.lit("Dream Island"))
    )

    table.lazy().sink_parquet(
        names.pl.PartitionBy(lake.uri("main/t/"), key="island"), **options
    )
    scan = names.pl.scan_parquet(lake.uri("main/t/"), **options)

    found = scan.filter(island="Dream Island").select("number").collect()
    assert sorted(found["number"]) == list(range(1, 100, 2))


def test_a_tag_takes_no_table(lake: Lake, names: Any) -> None:
    lake.write("main/path", b"x")
    lake.commit()
    lake.tag("v1")

    with pytest.raises(OSError, match="v1"):
        make_table(names, 1).write_parquet(
            lake.uri("v1/table"), storage_options=names.storage_options
        )
