"""Every client over https, as the page says it: some sign and frame bodies otherwise."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.client_page import Section
from support.client_shell import Shell
from support.lakes import Lake, noise

MIB = 1024 * 1024
DATA = noise(6 * MIB)
KEY = "main/a folder/öbject+"


@pytest.fixture
def table(documented_https: Callable[[str], Section]) -> Any:
    return documented_https("Polars").run_python().pl.DataFrame({"number": [1, 2, 3]})


def test_s3fs(documented_https: Callable[[str], Section], lake: Lake) -> None:
    fs = documented_https("s3fs").run_python().fs
    name = f"{lake.repository}/{KEY}"

    with fs.open(name, "wb", block_size=5 * MIB) as file:
        file.write(DATA)

    assert lake.read(KEY) == DATA
    assert fs.cat(name) == DATA


def test_pyarrow(documented_https: Callable[[str], Section], lake: Lake) -> None:
    s3 = documented_https("pyarrow").run_python().s3
    name = f"{lake.repository}/{KEY}"

    with s3.open_output_stream(name) as stream:
        stream.write(DATA)

    assert lake.read(KEY) == DATA
    with s3.open_input_file(name) as file:
        assert file.read() == DATA


def test_obstore(documented_https: Callable[[str], Section], lake: Lake) -> None:
    store = documented_https("obstore").run_python().store

    store.put(KEY, DATA, chunk_size=5 * MIB)

    assert lake.read(KEY) == DATA
    assert bytes(store.get(KEY).bytes()) == DATA


def test_polars(
    documented_https: Callable[[str], Section], lake: Lake, table: Any
) -> None:
    names = documented_https("Polars").run_python()

    table.write_parquet(lake.uri(KEY), storage_options=names.storage_options)
    back = names.pl.read_parquet(lake.uri(KEY), storage_options=names.storage_options)

    assert back.equals(table)


def test_delta_rs(
    documented_https: Callable[[str], Section], lake: Lake, table: Any
) -> None:
    names = documented_https("delta-rs").run_python()

    for _ in range(2):
        names.write_deltalake(
            lake.uri("main/t"),
            table,
            mode="append",
            storage_options=names.storage_options,
        )
    opened = names.DeltaTable(lake.uri("main/t"), storage_options=names.storage_options)

    assert opened.version() == 1


def test_duckdb(documented_https: Callable[[str], Section], lake: Lake) -> None:
    section = documented_https("DuckDB")
    db = section.run_python().db
    db.execute(section.text("sql"))

    db.execute(f"COPY (SELECT * FROM range(100)) TO '{lake.uri('main/t.parquet')}'")
    rows = db.execute(f"SELECT sum(range) FROM '{lake.uri('main/t.parquet')}'")

    assert rows.fetchall() == [(4950,)]
    db.close()


def test_minio_py(documented_https: Callable[[str], Section], lake: Lake) -> None:
    client = documented_https("minio-py").run_python().client

    for size_bytes in (100, len(DATA)):  # in one piece, and in parts
        data = DATA[:size_bytes]
        client.put_object(
            lake.repository, KEY, io.BytesIO(data), size_bytes, part_size=5 * MIB
        )

        assert lake.read(KEY) == data
        with client.get_object(lake.repository, KEY) as answer:
            assert answer.read() == data


def test_rclone(
    documented_https: Callable[[str], Section], lake: Lake, home: Path
) -> None:
    config = home / "rclone.conf"
    config.write_text(documented_https("rclone").text("ini"))
    shell = Shell(f"export RCLONE_CONFIG='{config}'", home)
    name = f"lake:{lake.repository}/{KEY}"

    (home / "up").write_bytes(DATA)
    shell.run("rclone", "--s3-upload-cutoff", "5M", "copyto", "up", name)
    shell.run("rclone", "copyto", name, "down")

    assert lake.read(KEY) == (home / "down").read_bytes() == DATA


def test_s5cmd(
    documented_https: Callable[[str], Section], lake: Lake, home: Path
) -> None:
    shell = Shell(documented_https("s5cmd").text("sh"), home)

    (home / "up").write_bytes(DATA)
    shell.run("s5cmd", "cp", "--part-size", "5", "up", lake.uri(KEY))
    shell.run("s5cmd", "cp", lake.uri(KEY), "down")

    assert lake.read(KEY) == (home / "down").read_bytes() == DATA


def test_s3cmd(
    documented_https: Callable[[str], Section], lake: Lake, home: Path
) -> None:
    (home / ".s3cfg").write_text(documented_https("s3cmd").text("ini"))
    shell = Shell("", home)

    (home / "up").write_bytes(DATA)
    shell.run("s3cmd", "--multipart-chunk-size-mb", "5", "put", "up", lake.uri(KEY))
    shell.run("s3cmd", "get", lake.uri(KEY), "down")

    assert lake.read(KEY) == (home / "down").read_bytes() == DATA
