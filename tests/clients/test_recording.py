"""Seeds, tables and notebooks with the libraries that people have, not with stand-ins."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lakebed.client.differences import Tolerance, compare_files
from lakebed.client.runs.loggable import as_number, as_step, clean_params

# Untyped: the type checkers run where these are not installed.
np: Any = importlib.import_module("numpy")
pa: Any = importlib.import_module("pyarrow")
pq: Any = importlib.import_module("pyarrow.parquet")

DRAW = """
import json, sys
from lakebed.client.seeding import seed_everything, current_seeds
{before}
seed_everything(7)
{after}
import random
print(json.dumps([np.random.rand(), random.random(), current_seeds().set]))
"""


@pytest.mark.parametrize(
    "order", [("import numpy as np", ""), ("", "import numpy as np")]
)
def test_numpy_draws_the_same_whenever_it_is_imported(order: tuple[str, str]) -> None:
    program = DRAW.format(before=order[0], after=order[1])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    drawn, _, seeds = json.loads(done.stdout)

    assert drawn == np.random.RandomState(7).rand()
    assert seeds == {"python": 7, "numpy": 7}


def test_numbers_of_numpy_are_what_they_stand_for() -> None:
    given = {
        "float64": np.float64(0.1),
        "float32": np.float32(0.5),
        "longdouble": np.longdouble("0.5"),
        "int64": np.int64(3),
        "bool": np.bool_(True),
        "str": np.str_("a"),
        "array": np.array(2),
        "nan": np.float64("nan"),
    }

    params = clean_params(given)

    assert msgspec.json.decode(msgspec.json.encode(params)) == {
        "float64": 0.1,
        "float32": 0.5,
        "longdouble": "0.5",
        "int64": 3,
        "bool": True,
        "str": "a",
        "array": 2,
        "nan": "nan",
    }
    steps = [as_step(each) for each in (np.int64(3), np.uint8(3), np.array(3))]
    assert [(type(each), each) for each in steps] == [(int, 3)] * 3
    for value in (np.float64(2), np.int8(2), np.array(2.0), np.array([2.0])):
        assert as_number("loss", value) == 2.0
    for bad in (np.float64(3), np.bool_(True), np.array([1, 2]), np.array(0.5)):
        with pytest.raises(TypeError, match="step must be a whole number"):
            as_step(bad)
    with pytest.raises(TypeError, match="'loss' must be a number"):
        as_number("loss", np.array([1.0, 2.0]))


def test_arrays_as_numpy_writes_them_are_read(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    for number, array in enumerate(
        [
            generator.random((3, 4, 5)),
            generator.random((7, 2)).astype(">f4"),
            np.asfortranarray(generator.random((4, 3))),
            generator.integers(0, 9, (6,)).astype("u2"),
            generator.random(5).astype("f2"),
            generator.random(4) + 1j * generator.random(4),
            np.array(3.5),
            np.array([True, False]),
        ]
    ):
        other = array.copy(order="K")
        place = tuple(size - 1 for size in array.shape)
        other[place] = not other[place] if array.dtype == bool else other[place] + 1
        first, second = tmp_path / f"{number}a.npy", tmp_path / f"{number}b.npy"
        np.save(first, array)
        np.save(second, other)

        found = compare_files("x.npy", first, second)

        assert found is not None
        where = f"[{', '.join(map(str, place))}]"
        assert (
            f"1 of {array.size * (2 if array.dtype.kind == 'c' else 1)} numbers"
            in found.detail
        )
        assert f"({where}: " in found.detail


def test_compressed_archives_are_compared_by_array(tmp_path: Path) -> None:
    weights = np.linspace(0, 1, 100_000).reshape(100, 1000)
    np.savez_compressed(tmp_path / "a.npz", w=weights, b=np.zeros(3))
    np.savez(tmp_path / "b.npz", w=weights + 1e-9, b=np.zeros(3))

    found = compare_files(
        "m.npz",
        tmp_path / "a.npz",
        tmp_path / "b.npz",
        tolerance=Tolerance(absolute=1e-6),
    )

    assert found is not None
    assert found.is_within_tolerance
    assert "100000 of 100003 numbers differ, by 1e-09 at most" in found.detail


def test_parquet_tables_are_compared_by_column(tmp_path: Path) -> None:
    rows = 200_000
    table = pa.table(
        {
            "id": range(rows),
            "score": [n / 7 for n in range(rows)],
            "label": ["a"] * rows,
        }
    )
    scores = table["score"].to_pylist()
    scores[150_000] += 0.5
    other = table.set_column(1, "score", pa.array(scores))
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=33_333)
    pq.write_table(other, tmp_path / "b.parquet", compression="zstd")
    pq.write_table(table.slice(1), tmp_path / "c.parquet")
    pq.write_table(table.drop_columns(["label"]), tmp_path / "d.parquet")

    def told(name: str, tolerance: float = 0.0) -> tuple[str, bool]:
        found = compare_files(
            "t.parquet",
            tmp_path / "a.parquet",
            tmp_path / name,
            tolerance=Tolerance(tolerance),
        )
        assert found is not None
        return found.detail, found.is_within_tolerance

    detail, is_within = told("b.parquet", 1.0)
    assert (
        "1 of 600000 numbers differ, by 0.5 at most (row 150000, column 'score'"
        in detail
    )
    assert is_within
    assert not told("b.parquet", 0.1)[1]
    assert told("c.parquet") == ("200000 rows is 199999", False)
    assert told("d.parquet") == ("column 'label' is not there", False)


def test_a_parquet_file_written_otherwise_has_the_same_values(tmp_path: Path) -> None:
    table = pa.table({"x": [1.0, None, float("nan")], "y": [["a"], [], None]})
    pq.write_table(table, tmp_path / "a.parquet")
    pq.write_table(table, tmp_path / "b.parquet", compression="gzip")

    found = compare_files(
        "t.parquet",
        tmp_path / "a.parquet",
        tmp_path / "b.parquet",
        tolerance=Tolerance(1e-9),
    )

    assert found is not None
    assert found.detail == "the same values, written otherwise"


def test_the_cells_of_a_real_shell_are_kept_as_they_ran() -> None:
    program = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "from lakebed.client.capture import capture_notebook\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_cell('x = 1', store_history=True)\n"
        "shell.run_cell('%time y = 2', store_history=True)\n"
        "import sys; sys.stdout.flush(); print('\\x1e' + capture_notebook().content.decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    notebook = json.loads(done.stdout.partition("\x1e")[2])

    assert [cell["source"] for cell in notebook["cells"]] == [
        ["x = 1"],
        ["%time y = 2"],
    ]
