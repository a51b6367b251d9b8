"""A command that names places as they were is run with those that are."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.client.rerunning.errors import RerunError
from lakebed.client.rerunning.places import Places, make_places

from support.told_runs import CODE, ENVIRONMENT


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """The code of a run in a folder of its own, with an environment made again."""
    root = tmp_path / "work" / "fraud"
    (root / "src").mkdir(parents=True)
    programs = tmp_path / "env" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "fit"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    return make_places(
        CODE,
        ENVIRONMENT,
        root=root,
        directory=root / "src",
        interpreter=programs / "python",
    )


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("/home/ann/fraud", "ROOT"),
        ("/home/ann/fraud/data/x.csv", "ROOT/data/x.csv"),
        ("--data=/home/ann/fraud/data", "--data=ROOT/data"),
        ("/home/ann/fraud/a:/home/ann/fraud/b", "ROOT/a:ROOT/b"),
        ("/home/ann/fraud2/x", "/home/ann/fraud2/x"),
        ("/home/ann/fraud-old", "/home/ann/fraud-old"),
        ("/mnt/home/ann/fraud", "/mnt/home/ann/fraud"),
        ("/home/ann/fraud/.venv/bin/python", "ENV/bin/python"),
        ("/home/ann/fraud/.venv/lib/x.so", "ENV/lib/x.so"),
        ("relative/home/ann", "relative/home/ann"),
        ("", ""),
    ],
)
def test_a_place_is_told_from_a_name_that_begins_alike(
    places: Places, then: str, now: str
) -> None:
    assert places.programs is not None
    expected = now.replace("ROOT", str(places.root))
    expected = expected.replace("ENV", str(places.programs.parent))

    assert places.map_text(then) == expected


@pytest.mark.parametrize(
    "program",
    ["python", "/home/ann/fraud/.venv/bin/python", "../.venv/bin/python"],
)
def test_the_interpreter_is_that_of_the_environment_that_was_made(
    places: Places, program: str
) -> None:
    assert places.programs is not None
    path = f"{places.programs}:{os.environ['PATH']}"

    argv = places.map_command([program, "/home/ann/fraud/src/train.py"], path)

    assert argv == [str(places.programs / "python"), f"{places.root}/src/train.py"]


def test_a_program_of_the_old_environment_is_that_of_the_new_one(
    places: Places,
) -> None:
    assert places.programs is not None

    argv = places.map_command(["/home/ann/fraud/.venv/bin/fit", "-v"], "/nowhere")

    assert argv == [str(places.programs / "fit"), "-v"]


def test_an_interpreter_of_another_machine_is_found_here_by_its_name(
    places: Places, tmp_path: Path
) -> None:
    assert places.programs is not None

    argv = places.map_command(["/opt/py/bin/python", "x"], str(places.programs))

    assert argv == [str(places.programs / "python"), "x"]


def test_without_a_new_environment_the_old_one_will_do_if_it_is_still_there(
    tmp_path: Path,
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for name in (".venv/bin/python", ".venv/bin/fit", "run.sh"):
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        (old / name).write_text("#!/bin/sh\n")
        (old / name).chmod(0o755)
    code = msgspec.structs.replace(CODE, root=str(old), directory=".")
    there = msgspec.structs.replace(
        ENVIRONMENT, executable=str(old / ".venv/bin/python")
    )

    places = make_places(code, there, root=new, directory=new, interpreter=None)

    for name in (".venv/bin/python", f"{old}/.venv/bin/fit"):
        assert places.map_command([name], "/nowhere")[0].startswith(f"{old}/.venv/")
    with pytest.raises(RerunError, match=r"no program './run.sh'"):
        # That of the old work tree is not the code of the run.
        places.map_command(["./run.sh"], "/nowhere")


def test_a_program_that_is_not_here_is_named(places: Places) -> None:
    with pytest.raises(RerunError, match="no program 'frobnicate' here"):
        places.map_command(["frobnicate"], "/nowhere")
    with pytest.raises(RerunError, match="no command was recorded"):
        places.map_command([], "/nowhere")


def test_a_prefix_of_the_whole_system_stays(tmp_path: Path) -> None:
    system = msgspec.structs.replace(
        ENVIRONMENT, manager="system", prefix="/usr", executable="/usr/bin/python3"
    )
    python = tmp_path / "env" / "bin" / "python"

    places = make_places(
        CODE, system, root=tmp_path, directory=tmp_path, interpreter=python
    )

    assert places.map_text("/usr/share/words") == "/usr/share/words"
    assert places.map_text("/usr/bin/python3") == str(python)


@pytest.mark.parametrize(
    ("written", "now"),
    [
        ("data", "work/fraud/src/data"),
        ("../data", "work/fraud/data"),
        ("../../beside", "work/beside"),
        ("/home/ann/fraud/data", "work/fraud/data"),
        ("/data/train/", "work/elsewhere/data/train"),
        ("/data/../../train/", "work/elsewhere/train"),
    ],
)
def test_a_file_lies_where_the_command_will_look_for_it(
    places: Places, tmp_path: Path, written: str, now: str
) -> None:
    assert places.map_path(written) == tmp_path / now


@pytest.mark.parametrize("written", ["../../../x", "../../../../../etc/passwd"])
def test_nothing_is_written_outside_of_the_folder(places: Places, written: str) -> None:
    with pytest.raises(RerunError, match="more than one folder above the code"):
        places.map_path(written)


def test_the_command_is_told_where_an_input_from_elsewhere_lies_now(
    places: Places, tmp_path: Path
) -> None:
    knowing = places.with_moves(["/data/train", "data", "../x"])

    moved = knowing.map_text("--train=/data/train/a.csv")

    assert moved == f"--train={tmp_path}/work/elsewhere/data/train/a.csv"
    assert knowing.map_path("/data/train") == places.map_path("/data/train")


@given(text=st.text())
def test_a_text_without_a_place_stays_as_it_is(text: str) -> None:
    places = Places("/home/ann/fraud", "/home/ann/fraud", Path("/new"), Path("/new"))

    if "/home/ann/fraud" not in text:
        assert places.map_text(text) == text


def test_the_root_of_the_disk_is_no_place_to_map(tmp_path: Path) -> None:
    places = Places("/", "/", tmp_path, tmp_path)

    assert places.map_text("/etc/hosts") == "/etc/hosts"
