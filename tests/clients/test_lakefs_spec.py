"""`lakefs-spec`: pandas, pyarrow and DuckDB through its fsspec file system."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import duckdb
import lakefs_spec
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from support.s3server import ADMIN, ServerProcess

SPEC: Any = lakefs_spec
PANDAS: Any = pd
_numbers = itertools.count(1)


@pytest.fixture
def options(server: ServerProcess) -> dict[str, Any]:
    return {"host": server.url, "username": ADMIN.id, "password": ADMIN.secret}


@pytest.fixture
def fs(options: dict[str, Any]) -> Any:
    return SPEC.LakeFSFileSystem(**options, skip_instance_cache=True)


@pytest.fixture
def repository(server: ServerProcess) -> str:
    return server.create_repository(f"spec-{next(_numbers)}")


@pytest.fixture
def table() -> Any:
    return PANDAS.DataFrame({"n": range(1000), "text": [f"ü{n}" for n in range(1000)]})


@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
def test_pandas_writes_and_reads(
    options: dict[str, Any], repository: str, table: Any, kind: str
) -> None:
    address = f"lakefs://{repository}/main/folder/table.{kind}"
    more = {} if kind == "json" else {"index": False}

    getattr(table, f"to_{kind}")(address, storage_options=options, **more)
    read = getattr(PANDAS, f"read_{kind}")(address, storage_options=options)

    PANDAS.testing.assert_frame_equal(read, table)


def test_pandas_writes_to_a_branch_that_it_makes(
    options: dict[str, Any], repository: str, table: Any
) -> None:
    address = f"lakefs://{repository}/new-branch/t.csv"

    for _ in range(2):
        table.to_csv(address, storage_options=options, index=False)

    assert len(PANDAS.read_csv(address, storage_options=options)) == 1000


def test_pyarrow_reads_a_partitioned_dataset(
    fs: Any, repository: str, table: Any
) -> None:
    import pyarrow as pa

    arrow: Any = pa
    parquet: Any = pq
    table["part"] = table["n"] % 3
    root = f"{repository}/main/set"
    parquet.write_to_dataset(
        arrow.Table.from_pandas(table), root, partition_cols=["part"], filesystem=fs
    )

    dataset: Any = ds
    found = dataset.dataset(root, filesystem=fs, format="parquet", partitioning="hive")

    assert found.count_rows() == 1000
    assert len(found.files) == 3


def test_duckdb_reads_and_writes(fs: Any, repository: str, table: Any) -> None:
    engine: Any = duckdb
    connection = engine.connect()
    connection.register_filesystem(fs)
    connection.register("given", table)
    address = f"lakefs://{repository}/main/duck.parquet"

    connection.execute(f"COPY given TO '{address}' (FORMAT parquet)")
    (total,) = connection.execute(f"SELECT sum(n) FROM '{address}'").fetchone()

    assert total == sum(range(1000))
    connection.close()


def test_a_transaction_is_one_commit(fs: Any, repository: str) -> None:
    with fs.transaction(repository, "main") as tx:
        fs.pipe(f"{repository}/{tx.branch.id}/a", b"1")
        fs.pipe(f"{repository}/{tx.branch.id}/b", b"2")
        commit = tx.commit(message="both")
        tx.tag(commit, name="v1")

    assert sorted(fs.ls(f"{repository}/v1/", detail=False)) == [
        f"{repository}/v1/a",
        f"{repository}/v1/b",
    ]
    assert fs.cat(f"{repository}/main/a") == b"1"


def test_files_go_up_and_down_and_are_skipped_when_they_are_there(
    fs: Any, repository: str, tmp_path: Path
) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(b"data")
    remote = f"{repository}/main/x/file"

    fs.put(str(source), remote)
    before = fs.info(remote)
    fs.put(str(source), remote)  # the checksum is that of the file: nothing is sent
    fs.get(remote, str(back))

    assert back.read_bytes() == b"data"
    assert fs.info(remote) == before
    assert fs.exists(remote)
    assert not fs.exists(f"{repository}/main/nosuch")
    assert fs.tail(remote, 2) == b"ta"
    fs.cp(remote, f"{repository}/main/copy")
    fs.rm(f"{repository}/main/x", recursive=True)
    assert fs.ls(f"{repository}/main/", detail=False) == [f"{repository}/main/copy"]
    with pytest.raises(FileNotFoundError):
        fs.cat(remote)
