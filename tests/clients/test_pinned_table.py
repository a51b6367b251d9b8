"""The road of a table: written on a branch, merged, tagged, changed, read at its tag."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.client_page import Section
from support.lakes import Lake


def test_a_delta_table_is_read_at_its_old_tag_with_its_old_content(
    documented: Callable[[str], Section], lake: Lake
) -> None:
    delta = documented("delta-rs").run_python()
    polars = documented("Polars").run_python()
    duckdb = documented("DuckDB")
    names = duckdb.run_python()
    db = names.db
    db.execute(duckdb.text("sql"))
    duckdb.run_python(1, db=db, duckdb=names.duckdb)

    def write(ref: str, mode: str, weights: list[int]) -> None:
        rows = polars.pl.DataFrame(
            {"species": ["Adélie"] * len(weights), "weight_g": weights}
        )
        delta.write_deltalake(
            lake.uri(f"{ref}/penguins"),
            rows,
            mode=mode,
            partition_by=["species"],
            storage_options=delta.storage_options,
        )

    lake.branch("clean")
    write("clean", "append", [3750, 3800])
    write("clean", "append", [3250])
    lake.commit("clean")
    lake.merge("clean", "main")
    lake.tag("v1", "main")
    write("main", "append", [9999])
    table = delta.DeltaTable(
        lake.uri("main/penguins"), storage_options=delta.storage_options
    )
    table.delete("weight_g = 3750")
    write("clean", "overwrite", [1])
    lake.commit("main")
    lake.commit("clean")

    def by_polars(ref: str) -> list[int]:
        scan = polars.pl.scan_delta(
            lake.uri(f"{ref}/penguins"), storage_options=polars.storage_options
        )
        return sorted(scan.collect()["weight_g"])

    def by_duckdb(ref: str) -> list[int]:
        question = (
            f"SELECT weight_g FROM delta_scan('{lake.uri(f'{ref}/penguins')}') "
            "WHERE species = 'Adélie' ORDER BY weight_g"
        )
        rows: list[Any] = db.execute(question).fetchall()
        return [weight for (weight,) in rows]

    for read in (by_polars, by_duckdb):
        assert read("v1") == [3250, 3750, 3800]
        assert read("main") == [3250, 3800, 9999]
        assert read("clean") == [1]
        assert read("main~1") == [3250, 3750, 3800]
    db.close()
