"""Clients that know nothing of refs, on the port where buckets and keys are plain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.client_page import Section
from support.client_shell import Shell
from support.lakes import Lake, noise

MIB = 1024 * 1024


def test_a_program_sees_plain_keys(
    documented_flat: Callable[[str], Section], lake: Lake, tmp_path: Path
) -> None:
    shell = Shell(documented_flat("s5cmd").text("sh"), tmp_path)
    data = noise(12 * MIB)
    (tmp_path / "up").write_bytes(data)
    lake.tag("v1")

    shell.run("s5cmd", "cp", "--part-size", "5", "up", lake.uri("a folder/key"))
    listed = shell.run("s5cmd", "ls", "--show-fullpath", lake.uri("*")).out
    shell.run("s5cmd", "cp", lake.uri("a folder/key"), "down")

    assert listed.splitlines() == [lake.uri("a folder/key")]
    assert lake.read("main/a folder/key") == data
    assert (tmp_path / "down").read_bytes() == data


def test_a_table_lies_at_the_root_of_a_bucket(
    documented_flat: Callable[[str], Section], lake: Lake
) -> None:
    delta = documented_flat("delta-rs").run_python()
    rows = documented_flat("Polars").run_python().pl.DataFrame({"number": [1, 2]})

    for _ in range(2):
        delta.write_deltalake(
            lake.uri(), rows, mode="append", storage_options=delta.storage_options
        )

    table = delta.DeltaTable(lake.uri(), storage_options=delta.storage_options)
    assert table.version() == 1
    log = "main/_delta_log/00000000000000000001.json"
    assert log in lake.list_keys()
