"""The folder of a re-run has what the first run had, under the places of now."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lakebed.client.rerunning import folder as folders
from lakebed.client.rerunning.errors import RerunError
from lakebed.client.rerunning.folder import Prepared, check_folder, prepare_folder
from lakebed.client.rerunning.options import RerunOptions
from lakebed.client.restoring import RecreatedEnvironment, RestoredCode
from lakebed.client.wire import (
    Code,
    ConfigFile,
    Configuration,
    Environment,
    Run,
    Seeds,
)

from support.told_runs import CODE, ENVIRONMENT, make_input, make_output, make_run


class KeptFiles:
    """Has the kept files of a run."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    async def read_run_file(self, repository: str, run: str, name: str) -> bytes:
        del repository, run
        return self._files[name]


@pytest.fixture(autouse=True)
def restoring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for what restores code and environment, which has tests of its own."""

    def restore_code(
        code: Code, read_file: Callable[[str], bytes], into: Path, **_: Any
    ) -> RestoredCode:
        directory = into / code.directory
        directory.mkdir(parents=True)
        (directory / "in-git.yaml").write_text("password: real")
        return RestoredCode(into, directory, ("a submodule is not there",))

    def recreate_environment(
        environment: Environment,
        read_file: Callable[[str], bytes],
        into: Path,
        **_: Any,
    ) -> RecreatedEnvironment:
        python = into / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text("#!/bin/sh\n")
        python.chmod(0o755)
        return RecreatedEnvironment(python, "lock", ("one wheel is another",))

    monkeypatch.setattr(folders, "restore_code", restore_code)
    monkeypatch.setattr(folders, "recreate_environment", recreate_environment)


async def prepare(
    run: Run,
    folder: Path,
    files: Mapping[str, bytes] | None = None,
    **options: Any,
) -> Prepared:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": "/mine", "TOKEN": "t"}
    wanted = RerunOptions(folder=folder, **options)
    return await prepare_folder(KeptFiles(files or {"conf": b""}), run, wanted, environ)


async def test_the_command_runs_where_it_ran_in_the_environment_that_was(
    tmp_path: Path,
) -> None:
    prepared = await prepare(make_run(), tmp_path)

    work = tmp_path / "work" / "fraud"
    assert prepared.directory == work / "src"
    assert prepared.argv == [f"{tmp_path}/env/bin/python", "train.py", "--depth", "3"]
    assert prepared.environ["PATH"].startswith(f"{tmp_path}/env/bin:")
    assert prepared.environ["VIRTUAL_ENV"] == f"{tmp_path}/env"
    assert "PYTHONPATH" not in prepared.environ
    assert prepared.environ["TOKEN"] == "t"
    assert prepared.notes == ("a submodule is not there", "one wheel is another")


async def test_seeds_are_those_of_then_not_those_of_here(tmp_path: Path) -> None:
    seeded = await prepare(make_run(), tmp_path / "1")
    unseeded = await prepare(make_run(seeds=Seeds()), tmp_path / "2")

    assert seeded.seed == 42
    assert seeded.environ["LAKEBED_SEED"] == "42"
    assert seeded.environ["PYTHONHASHSEED"] == "42"
    assert "PYTHONHASHSEED" not in unseeded.environ


async def test_recorded_variables_are_set_and_places_in_them_are_those_of_now(
    tmp_path: Path,
) -> None:
    recorded = msgspec.structs.replace(
        ENVIRONMENT,
        variables={
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": "/home/ann/fraud/lib",
            "HOME": "/home/ann",
            "VIRTUAL_ENV": "/home/ann/fraud/.venv",
        },
    )

    prepared = await prepare(make_run(environment=recorded), tmp_path)

    assert prepared.environ["OMP_NUM_THREADS"] == "1"
    assert prepared.environ["PYTHONPATH"] == f"{tmp_path}/work/fraud/lib"
    assert "HOME" not in prepared.environ
    assert prepared.environ["VIRTUAL_ENV"] == f"{tmp_path}/env"


async def test_inputs_and_outputs_lie_where_the_command_looks_for_them(
    tmp_path: Path,
) -> None:
    run = make_run(
        inputs=[
            make_input("2026/", local="../data/"),
            make_input("x.csv", local="/mnt/x.csv"),
            make_input("seen", how="observed"),
        ],
        outputs=[
            make_output("m.json", local="m.json"),
            make_output("log", how="observed"),
        ],
    )

    prepared = await prepare(run, tmp_path)

    work = tmp_path / "work"
    assert [(each.ref, each.path, each.local) for each in prepared.inputs] == [
        ("main", "2026/", f"{work}/fraud/data/"),
        ("main", "x.csv", f"{work}/elsewhere/mnt/x.csv"),
    ]
    assert [(each.branch, each.path, each.local) for each in prepared.outputs] == [
        ("main", "m.json", f"{work}/fraud/src/m.json")
    ]
    assert any("/mnt/x.csv" in note for note in prepared.notes)


async def test_configuration_is_put_as_it_was_but_for_secrets(tmp_path: Path) -> None:
    configuration = Configuration(
        files=[
            ConfigFile(path="conf.yaml", file="a", sha256=""),
            ConfigFile(path="in-git.yaml", file="b", sha256="", is_masked=True),
            ConfigFile(path="gone.yaml", file="b", sha256="", is_masked=True),
        ]
    )
    files = {"a": b"depth: 3", "b": b"password: ***"}

    prepared = await prepare(make_run(configuration=configuration), tmp_path, files)

    assert (prepared.directory / "conf.yaml").read_bytes() == b"depth: 3"
    assert (prepared.directory / "in-git.yaml").read_text() == "password: real"
    assert (prepared.directory / "gone.yaml").read_text() == "password: ***"
    notes = [note for note in prepared.notes if ".yaml" in note]
    assert len(notes) == 2
    assert notes[0].startswith("'in-git.yaml' is the one of the code: ")
    assert notes[1] == "'gone.yaml' has secrets, which were not recorded: '***'"


async def test_the_environment_that_is_here_is_taken_when_asked_for(
    tmp_path: Path,
) -> None:
    run = make_run(code=msgspec.structs.replace(CODE, argv=["sh", "-c", "true"]))

    prepared = await prepare(run, tmp_path, environment="current")

    assert not (tmp_path / "env").exists()
    assert prepared.environ["PYTHONPATH"] == "/mine"
    assert prepared.argv[1:] == ["-c", "true"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"code": {}}, "its code was not recorded"),
        ({"environment": {}}, "again: it was not recorded"),
        (
            {"code": msgspec.structs.replace(CODE, argv=["fit", "--token=***"])},
            "a secret, which was not recorded: '--token=\\*\\*\\*'",
        ),
        ({"code": msgspec.structs.replace(CODE, argv=[])}, "no command was recorded"),
        (
            {"code": msgspec.structs.replace(CODE, notebook="cells.ipynb")},
            "was a notebook, .* kept with it as 'cells.ipynb'",
        ),
        (
            {"code": msgspec.structs.replace(CODE, argv=["/usr/bin/ipython"])},
            "it was ipython, which waits for somebody to type",
        ),
        (
            {"outputs": [make_output("m", local="../../../m")]},
            "more than one folder above the code",
        ),
    ],
)
async def test_what_cannot_be_done_again_says_why(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RerunError, match=message):
        await prepare(make_run(**changes), tmp_path)


@pytest.mark.parametrize("root", ["/", "", "/home/ann/elsewhere"])
async def test_a_work_tree_without_a_usable_name_has_one(
    tmp_path: Path, root: str
) -> None:
    code = msgspec.structs.replace(CODE, root=root, directory=".")

    prepared = await prepare(make_run(code=code), tmp_path)

    assert prepared.directory == tmp_path / "work" / "code"


def test_a_folder_that_is_used_is_not_touched(tmp_path: Path) -> None:
    check_folder(tmp_path / "new")
    check_folder(tmp_path)
    (tmp_path / "mine").write_text("x")

    with pytest.raises(RerunError, match="is not empty"):
        check_folder(tmp_path)
