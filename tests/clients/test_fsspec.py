"""Libraries read and write through the file system as `docs/fsspec.md` shows them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import pytest
from lakebed.client.fs import LakebedFileSystem

from support import client_page
from support.asked import Asked, note_requests
from support.client_page import read_sections
from support.lakes import Lake
from support.s3server import ADMIN_ENVIRONMENT, ServerProcess

PAGE = Path(__file__).parents[2] / "docs" / "fsspec.md"
Run = Callable[[str], SimpleNamespace]


@pytest.fixture(autouse=True)
def environment(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    given = {
        "LAKEBED_SERVER": server.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        **ADMIN_ENVIRONMENT,
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    yield
    for made in LakebedFileSystem._cache.values():
        made.close()
    LakebedFileSystem.clear_instance_cache()


@pytest.fixture
def run(server: ServerProcess, lake: Lake) -> Run:
    """Run the block of a section; return what it defines."""
    values = {
        client_page.URL: server.url,
        f"{client_page.REPOSITORY}/": f"{lake.repository}/",
    }
    sections = read_sections(values, PAGE)
    return lambda title: sections[title].run_python()


@pytest.fixture
def root(lake: Lake) -> str:
    return f"lakebed://{lake.repository}/main"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    return note_requests(monkeypatch)


def test_each_block_of_the_page_is_run() -> None:
    here = Path(__file__).read_text()

    assert all(f'run("{title}")' in here for title in read_sections({}, PAGE))


def test_the_beginning(run: Run, root: str) -> None:
    done = run("Begin")

    assert done.fs.cat(f"{root}/notes/second.txt") == b"there"


def test_transactions(run: Run, lake: Lake) -> None:
    done = run("Transactions")

    commit = lake.client.get_commit(lake.repository, "main")
    assert done.transaction.commit_id == commit.id
    assert commit.metadata == {"job": "nightly"}
    assert done.fs.find(f"{lake.repository}/main@") == [
        f"{lake.repository}/main@/a.csv",
        f"{lake.repository}/main@/b.csv",
    ]


def test_pandas(run: Run) -> None:
    done = run("pandas")

    assert done.parquet.equals(done.table)
    assert done.csv.equals(done.table)


def test_pandas_writes_in_a_transaction(lake: Lake, root: str) -> None:
    pd: Any = import_module("pandas")
    with fsspec.filesystem("lakebed").transaction("With pandas"):
        pd.DataFrame({"a": [1]}).to_parquet(f"{root}/a.parquet")
        pd.DataFrame({"a": [1]}).to_csv(f"{root}/a.csv")
        assert len(pd.read_parquet(f"{root}/a.parquet")) == 1

    log = [commit.message for commit in lake.client.iter_log(lake.repository, "main")]
    assert log[0] == "With pandas"
    assert list(lake.client.iter_uncommitted(lake.repository, "main")) == []


def test_pandas_needs_a_handful_of_requests(
    run: Run, root: str, asked: list[Asked]
) -> None:
    pd: Any = import_module("pandas")
    run("pandas")
    asked.clear()
    table = pd.read_parquet(f"{root}/table.parquet")
    assert len(asked) <= 7
    asked.clear()
    pd.read_csv(f"{root}/table.csv.gz")
    assert len(asked) <= 2
    asked.clear()
    table.to_parquet(f"{root}/new.parquet")
    assert len(asked) <= 1


def test_pyarrow(run: Run, lake: Lake, asked: list[Asked]) -> None:
    done = run("pyarrow")

    assert done.heavy.num_rows == 10
    assert done.dataset.to_table().sort_by("mass_g")["mass_g"] == done.table["mass_g"]
    asked.clear()
    again = done.ds.dataset(done.pinned, filesystem=done.fs, partitioning="hive")
    assert again.count_rows() == 100
    assert all("/objects/" not in request.path for request in asked), "kept infos"
    log = [commit.message for commit in lake.client.iter_log(lake.repository, "main")]
    assert log[0] == "Write a dataset"


def test_duckdb(run: Run, lake: Lake, asked: list[Asked]) -> None:
    done = run("DuckDB")

    assert done.rows == [(499_500,)]
    lake.commit()
    pinned = done.fs.pin(f"{lake.repository}/main/numbers.parquet")
    asked.clear()
    query = f"select count(*) from 'lakebed://{pinned}'"
    assert done.duckdb.sql(query).fetchall() == [(1000,)]
    assert len(asked) <= 3
    done.duckdb.unregister_filesystem("lakebed")


def test_zarr(run: Run, lake: Lake) -> None:
    done = run("Zarr")

    assert done.np.array_equal(done.corner, [[0, 1], [100, 101]])
    assert done.np.array_equal(
        done.images["x"][:], done.np.arange(10_000).reshape(100, 100)
    )
    lake.commit()
    fs = fsspec.filesystem("lakebed")
    pinned = fs.pin(f"{lake.repository}/main/images.zarr")
    done.group["x"][:] = 0
    old = done.zarr.open_group(f"lakebed://{pinned}", mode="r")
    assert old["x"][1, 1] == 101
    with pytest.raises(OSError, match="never change"):
        done.zarr.open_group(f"lakebed://{pinned}", mode="a").create_array(
            "y", data=done.np.zeros(3)
        )


def test_hugging_face_datasets(run: Run) -> None:
    done = run("Hugging Face datasets")

    for read in (done.loaded, done.saved, list(done.streamed)):
        assert list(read) == list(done.table)


DASK_IS_BEHIND_PANDAS = pytest.mark.filterwarnings("ignore:The inplace keyword")


@DASK_IS_BEHIND_PANDAS
def test_dask(run: Run, root: str) -> None:
    done = run("Dask")

    assert done.total == 499_500
    text = done.dd.read_parquet(f"{root}/frame")["y"].value_counts()
    assert text.compute(scheduler="threads").to_dict() == {"a": 500, "b": 500}


@DASK_IS_BEHIND_PANDAS
def test_dask_in_other_processes(run: Run, root: str) -> None:
    done = run("Dask")
    context = multiprocessing.get_context("spawn")

    with ProcessPoolExecutor(2, context) as pool:
        frame: Any = done.dd.read_parquet(f"{root}/frame")
        total = frame["x"].sum().compute(scheduler="processes", pool=pool)

    assert total == 499_500
