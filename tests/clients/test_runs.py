"""Programs that know nothing of runs, with the key of one in their environment.

What they read and write is recorded, a branch that moves is read where it was when the
run began, and what they wrote is one commit when it has succeeded. Each is a process of its
own, as `lakebed run` starts it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.lakes import Lake
from support.s3server import ServerProcess

BOTO3 = """
import boto3
s3 = boto3.client("s3")
data = s3.get_object(Bucket=LAKE, Key="main/table.csv")["Body"].read()
s3.put_object(Bucket=LAKE, Key="main/out/table.csv", Body=data.upper())
listed = s3.list_objects_v2(Bucket=LAKE, Prefix="main/out/")["Contents"]
assert [each["Key"] for each in listed] == ["main/out/table.csv"]
s3.upload_file(__file__, LAKE, "main/out/script.py")
"""
PANDAS = """
import pandas
frame = pandas.read_csv(f"s3://{LAKE}/main/table.csv")
assert list(frame.b) == [1, 2]
frame.to_csv(f"s3://{LAKE}/main/out/table.csv", index=False)
frame.to_parquet(f"s3://{LAKE}/main/out/table.parquet")
assert len(pandas.read_parquet(f"s3://{LAKE}/main/out/table.parquet")) == 2
"""
PYARROW = """
import os
from pyarrow import csv, fs, parquet
s3 = fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL_S3"])
with s3.open_input_stream(f"{LAKE}/main/table.csv") as stream:
    table = csv.read_csv(stream)
assert table["b"].to_pylist() == [1, 2]
parquet.write_table(table, f"{LAKE}/main/out/table.parquet", filesystem=s3)
"""
DUCKDB = """
import os
from importlib.resources import files
from urllib.parse import urlsplit
import duckdb
db = duckdb.connect()
extensions = files("duckdb_extension_httpfs") / "extensions"
db.load_extension(f"{extensions}/v{duckdb.__version__}/httpfs.duckdb_extension")
db.execute("SET autoinstall_known_extensions = false")
db.execute(f\"\"\"
CREATE SECRET (TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}',
    SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}', REGION 'us-east-1',
    ENDPOINT '{urlsplit(os.environ["AWS_ENDPOINT_URL_S3"]).netloc}',
    URL_STYLE 'path', USE_SSL false);
\"\"\")
rows = db.execute(f"SELECT sum(b) FROM 's3://{LAKE}/main/table.csv'").fetchall()
assert rows == [(3,)], rows
db.execute(f"COPY (SELECT 1 AS x) TO 's3://{LAKE}/main/out/table.parquet'")
"""


@dataclass
class Run:
    """A run that goes on, and how programs in it are started."""

    server: ServerProcess
    lake: Lake
    id: str
    environment: dict[str, str]

    def start(self, program: str) -> subprocess.CompletedProcess[str]:
        """Run `program` with the key of the run."""
        script = Path(os.environ["HOME"]) / "program.py"
        script.write_text(f"LAKE = {self.lake.repository!r}\n{program}")
        return subprocess.run(
            [sys.executable, script],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def end(self, status: str = "succeeded") -> Any:
        """End the run; return how it is shown then."""
        route = f"/repositories/{self.lake.repository}/runs/{self.id}/end"
        return self.server.rest("POST", route, {"status": status})


@pytest.fixture
def commit(lake: Lake) -> str:
    """A table on `main`; return its commit."""
    lake.write("main/table.csv", b"a,b\nx,1\ny,2\n")
    return lake.commit()


@pytest.fixture
def run(server: ServerProcess, lake: Lake, commit: str) -> Run:
    """A run on a branch that moved after it began."""
    wish = {
        "outputs": [{"repository": lake.repository, "branch": "main", "path": "out/"}]
    }
    started = server.rest("POST", f"/repositories/{lake.repository}/runs", wish)
    lake.write("main/table.csv", b"a,b\nz,100\n")
    lake.commit()
    return Run(
        server,
        lake,
        started["run"]["id"],
        {
            "AWS_ACCESS_KEY_ID": started["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": started["secret_access_key"],
            "AWS_ENDPOINT_URL_S3": server.url,
            "AWS_ENDPOINT_URL": server.url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
    )


@pytest.mark.parametrize(
    ("program", "written"),
    [
        (BOTO3, {"out/script.py", "out/table.csv"}),
        (PANDAS, {"out/table.csv", "out/table.parquet"}),
        (PYARROW, {"out/table.parquet"}),
        (DUCKDB, {"out/table.parquet"}),
    ],
    ids=["boto3", "pandas", "pyarrow", "duckdb"],
)
def test_what_a_program_reads_and_writes_is_recorded_without_a_change_to_it(
    run: Run, commit: str, program: str, written: set[str]
) -> None:
    done = run.start(program)
    assert done.returncode == 0, done.stderr
    assert run.lake.list_keys() == ["main/table.csv"]

    sealed = run.end()

    assert sealed["status"] == "succeeded", sealed["missing"]
    assert [
        (each["path"], each["ref"], each["commit"], each["how"])
        for each in sealed["inputs"]
    ] == [("table.csv", "main", commit, "observed")]
    files = [each for each in sealed["outputs"] if each["kind"] == "file"]
    assert {each["path"] for each in files} == written
    (prefix,) = [each for each in sealed["outputs"] if each["kind"] == "prefix"]
    assert prefix["path"] == "out/"
    keys = {"main/table.csv", *(f"main/{path}" for path in written)}
    assert set(run.lake.list_keys()) == keys
    assert run.lake.read("main/table.csv") == b"a,b\nz,100\n"


@pytest.mark.parametrize("program", [BOTO3, PANDAS], ids=["boto3", "pandas"])
def test_after_the_end_a_program_is_told_why_it_is_refused(
    run: Run, program: str
) -> None:
    run.end("failed")

    done = run.start(program)

    assert done.returncode != 0
    assert "has ended" in done.stderr or "Forbidden" in done.stderr, done.stderr
    assert run.lake.list_keys() == ["main/table.csv"]


def test_a_failed_program_publishes_nothing_and_what_it_read_is_kept(run: Run) -> None:
    assert run.start(BOTO3 + "raise SystemExit(3)\n").returncode == 3

    sealed = run.end("failed")

    assert [each["path"] for each in sealed["inputs"]] == ["table.csv"]
    assert sealed["outputs"] == []
    assert run.lake.list_keys() == ["main/table.csv"]
