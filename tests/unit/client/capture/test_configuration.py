"""Configuration files become parameters with types, and are kept by content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePath
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.client.capture import (
    FileToKeep,
    Limits,
    capture_configuration,
    capture_notebook,
    capture_run,
)
from lakebed.client.capture.flattening import (
    PARAMS_MAX,
    UnreadableError,
    flatten_params,
    read_configuration,
)
from lakebed.client.wire import ParamValue


def params_of(name: str, text: str) -> dict[str, ParamValue]:
    return flatten_params(read_configuration(PurePath(name), text.encode()))


def test_values_keep_their_types() -> None:
    expected = {"lr": 0.001, "steps": 10, "warm": True, "name": "a", "m.size": 3}

    assert params_of(
        "c.json", json.dumps({**expected, "m.size": 1, "m": {"size": 3}})
    ) == {
        **expected,
        '"m.size"': 1,
    }
    assert (
        params_of(
            "c.toml", 'lr = 1e-3\nsteps = 10\nwarm = true\nname = "a"\n[m]\nsize = 3\n'
        )
        == expected
    )
    assert (
        params_of("c.yaml", "lr: 1e-3\nsteps: 10\nwarm: true\nname: a\nm: {size: 3}\n")
        == expected
    )
    ini = params_of(
        "c.ini", "[a]\nlr = 1e-3\nsteps = 10\nwarm = true\nName = a\n[m]\nsize = 3\n"
    )
    assert ini == {
        "a.lr": 0.001,
        "a.steps": 10,
        "a.warm": True,
        "a.Name": "a",
        "m.size": 3,
    }


def test_an_ini_file_without_sections_and_a_quoted_yaml_number() -> None:
    assert params_of("c.cfg", "lr = 0.1\nname = x = y\n") == {
        "lr": 0.1,
        "name": "x = y",
    }
    assert params_of("c.yaml", 'version: "1e3"\n') == {"version": "1e3"}


def test_lists_of_values_are_one_parameter_and_lists_of_tables_are_numbered() -> None:
    assert params_of(
        "c.json", '{"hidden": [64, 32], "empty": [], "layers": [{"n": 1}, {"n": 2}]}'
    ) == {
        "hidden": "[64, 32]",
        "empty": "[]",
        "layers.0.n": 1,
        "layers.1.n": 2,
    }


def test_what_json_has_no_number_for_is_text() -> None:
    assert params_of("c.toml", "a = nan\nb = inf\nc = 2026-11-24\n") == {
        "a": "nan",
        "b": "inf",
        "c": "2026-11-24",
    }
    assert params_of("c.json", '{"big": 99999999999999999999}') == {
        "big": "99999999999999999999"
    }


documents = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=10,
    ),
    max_size=5,
)


@given(documents)
def test_every_plain_value_is_a_parameter_of_its_own(document: dict[str, Any]) -> None:
    params = flatten_params(document)

    assert len(params) == (_leaves(document) if document else 0)
    json.dumps(params, allow_nan=False)


def _leaves(value: object) -> int:
    match value:
        case dict() if value:
            inner = cast("dict[str, object]", value)
            return sum(_leaves(each) for each in inner.values())
        case list():
            items: list[object] = value  # pyright: ignore[reportUnknownVariableType]
            if any(isinstance(each, list | dict) for each in items):
                return sum(_leaves(each) for each in items)
            return 1
        case _:
            return 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.json", "{"),
        ("c.json", "[" * 100_000),
        ("c.toml", "= 1"),
        ("c.yaml", "a: [1"),
        ("c.yaml", "!!python/object/apply:os.system ['true']"),
        ("c.ini", "[a\nx"),
        ("c.pkl", ""),
    ],
)
def test_what_cannot_be_read_says_so_in_one_line(name: str, text: str) -> None:
    with pytest.raises(UnreadableError, match=r"^'c\.") as raised:
        read_configuration(PurePath(name), text.encode())

    assert "\n" not in str(raised.value)


def test_without_pyyaml_the_file_is_kept_and_its_parameters_are_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    def find_nothing(name: str, package: str | None = None) -> ModuleType | None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", find_nothing)
    (tmp_path / "c.yaml").write_text(
        "lr: 1\npassword:\n- c4nary\n- c4nary\nuser: ann\n"
    )

    captured, params = capture_configuration(tmp_path, [Path("c.yaml")])

    assert params == {}
    assert captured.missing[0].what == "configuration.params"
    assert "PyYAML is not installed" in captured.missing[0].reason
    assert captured.files[0].content == b"lr: 1\npassword:\n***\n***\nuser: ann\n"


def test_files_are_kept_by_content(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "a.json").write_text('{"lr": 1}')

    captured, params = capture_configuration(tmp_path, [Path("conf/a.json")])

    (row,) = captured.part.files
    assert (row.path, row.file) == ("conf/a.json", "config/conf/a.json")
    assert row.sha256 == hashlib.sha256(b'{"lr": 1}').hexdigest()
    assert captured.files == (FileToKeep("config/conf/a.json", b'{"lr": 1}'),)
    assert params == {"lr": 1}


def test_a_value_that_two_files_have_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"lr": 1, "same": 2}')
    (tmp_path / "b.json").write_text('{"lr": 1.5, "same": 2}')

    _, params = capture_configuration(tmp_path, [Path("a.json"), tmp_path / "b.json"])

    assert params == {"lr": 1, "same": 2, "b.json:lr": 1.5}


@pytest.mark.parametrize(
    "argv",
    [
        ["python", "train.py", "--config", "c.json"],
        ["python", "train.py", "--config=c.json"],
        ["python", "train.py", "--model-config-file", "c.json"],
        ["python", "train.py", "params=c.json"],
    ],
)
def test_a_file_that_the_command_names_as_configuration_is_taken(
    argv: list[str], tmp_path: Path
) -> None:
    (tmp_path / "c.json").write_text('{"lr": 1}')

    captured = capture_run(tmp_path, argv, environ={})

    assert captured.params == {"lr": 1}
    assert [file.path for file in captured.configuration.files] == ["c.json"]


@pytest.mark.parametrize(
    "argv", [["x", "--data", "c.json"], ["x", "--config", "gone.json"], ["x"]]
)
def test_other_files_of_the_command_are_not(argv: list[str], tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"lr": 1}')

    assert capture_run(tmp_path, argv, environ={}).params == {}


def test_gaps_of_configuration_are_named(tmp_path: Path) -> None:
    (tmp_path / "large.json").write_text("x" * 100)
    (tmp_path / "many.json").write_text(
        json.dumps({str(n): n for n in range(PARAMS_MAX + 5)})
    )

    captured, params = capture_configuration(
        tmp_path,
        [Path("gone.json"), Path("large.json")],
        limits=Limits(config_bytes_max=50),
    )
    many, all_params = capture_configuration(tmp_path, [Path("many.json")])

    assert [each.reason for each in captured.missing] == [
        "'gone.json' cannot be read: No such file or directory",
        "'large.json' is larger than 50 B",
    ]
    assert params == {}
    assert len(all_params) == PARAMS_MAX
    assert many.missing[0].what == "configuration.params"


# Notebooks ---------------------------------------------------------------------------


def test_the_cells_of_a_notebook_are_kept_as_they_ran() -> None:
    shell = SimpleNamespace(
        history_manager=SimpleNamespace(
            input_hist_raw=["", "%pip list\nx = 1", "", "x = 2"]
        )
    )

    file = capture_notebook(shell)

    assert file is not None
    notebook = json.loads(file.content)
    assert [
        (cell["execution_count"], cell["source"]) for cell in notebook["cells"]
    ] == [
        (1, ["%pip list\n", "x = 1"]),
        (3, ["x = 2"]),
    ]
    assert all(cell["outputs"] == [] for cell in notebook["cells"])
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)


def test_the_shell_is_found_without_importing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    assert capture_notebook() is None

    ipython = ModuleType("IPython")
    shell = SimpleNamespace(user_ns={"In": ["", "y = 1"]})
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)

    file = capture_notebook()
    assert file is not None
    assert b"y = 1" in file.content


@pytest.mark.parametrize(
    "shell", [None, object(), SimpleNamespace(user_ns={"In": [""]})]
)
def test_what_is_no_notebook_has_none(shell: object) -> None:
    assert capture_notebook(shell) is None
