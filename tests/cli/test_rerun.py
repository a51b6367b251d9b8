"""A run is done again elsewhere, from nothing but Git and the server, and compared."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.commands import Lakebed, Result
from support.wheels import make_wheel

TRAIN = """\
import json, sys
rows = open(sys.argv[1]).read().split()
numbers = [float(row) for row in rows]
json.dump({"mean": sum(numbers) / len(numbers)}, open(sys.argv[2], "w"))
print("trained on", len(numbers))
"""
READ_OVER_S3 = """\
import hashlib, os, sys
import boto3
s3 = boto3.client("s3", region_name="us-east-1")
body = s3.get_object(Bucket=sys.argv[1], Key="main/data.txt")["Body"].read()
open("model.txt", "w").write(hashlib.sha256(body).hexdigest())
"""


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@x", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return done.stdout.decode().strip()


@dataclass(frozen=True, slots=True)
class Project:
    """Code in a Git work tree with a remote, and a repository with its data."""

    folder: Path
    remote: Path
    repository: str
    lakebed: Lakebed

    def write(self, **files: str) -> None:
        """Commit files with these names (`train_py` is `train.py`), and push."""
        for name, text in files.items():
            (self.folder / name.replace("_", ".")).write_text(text)
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-qm", "code")
        git(self.folder, "push", "-q", "origin", "HEAD:main")

    def run(self, *words: str, succeeds: bool = True) -> dict[str, Any]:
        """Run `lakebed run` in the work tree; return the newest run."""
        os.chdir(self.folder)
        self.lakebed("run", *words, succeeds=succeeds)
        listed = self.lakebed("runs", "list", "--repo", self.repository, "--json")
        newest: dict[str, Any] = listed.json[0]
        return newest

    def train(self, *options: str) -> str:
        """Train on `main`; return the id of the run."""
        where = f"lakebed://{self.repository}/main"
        trained = self.run(
            *(
                "-i",
                f"{where}/data.txt=data.txt",
                "-o",
                f"model.json={where}/model.json",
            ),
            *("--seed", "1", *options, "--"),
            *(sys.executable, "train.py", "data.txt", "model.json"),
        )
        return str(trained["id"])

    def forget(self) -> None:
        """Remove the work tree, as if this were another machine."""
        os.chdir(self.folder.parent)
        shutil.rmtree(self.folder)


@pytest.fixture
def project(
    tmp_path: Path,
    lakebed: Lakebed,
    repository: str,
    put: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    remote, folder = tmp_path / "remote.git", tmp_path / "then" / "code"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(remote))
    git(tmp_path, "clone", "-q", str(remote), str(folder))
    (folder / ".gitignore").write_text("*.txt\n*.json\n.venv\n__pycache__\n")
    put(f"{repository}/main/data.txt", "1 2 3 4\n")
    lakebed("commit", f"{repository}/main", "-m", "data")
    made = Project(folder, remote, repository, lakebed)
    made.write(train_py=TRAIN)
    return made


def again(project: Project, run: str, *options: str, code: int = 0) -> Result:
    """Do a run again in the environment that is here."""
    arguments = ("rerun", run, "--env", "current", *options)
    result = project.lakebed(*arguments, succeeds=code == 0)
    assert result.code == code, result
    return result


def test_the_same_comes_out_elsewhere_after_the_branch_moved_on(
    project: Project, put: Callable[[str, str], None], tmp_path: Path
) -> None:
    run = project.train()
    project.forget()
    put(f"{project.repository}/main/data.txt", "100 200\n")
    project.lakebed("commit", f"{project.repository}/main", "-m", "other data")

    result = again(project, run, "--verify", "--json")

    outcome = result.json
    assert outcome["verdict"]["is_identical"] is True
    assert outcome["verdict"]["compared"] == 1
    assert outcome["notes"] == []
    assert outcome["folder"] is None
    shown = project.lakebed("why", run, "--json").json["run"]
    assert [each["rerun"] for each in shown["verdicts"]] == [outcome["rerun"]]
    assert not list(tmp_path.glob("lakebed-rerun-*"))


def test_a_commit_that_was_never_pushed_is_done_again_elsewhere(
    project: Project,
) -> None:
    (project.folder / "train.py").write_text(TRAIN + "print('not pushed')\n")
    git(project.folder, "commit", "-qam", "only here")
    run = project.train()
    project.forget()

    outcome = again(project, run, "--verify", "--json").json

    assert outcome["verdict"]["is_identical"] is True
    why = project.lakebed("why", run, "--json").json["run"]
    assert why["code"]["is_pushed"] is False
    assert why["code"]["bundle"] == "code.bundle"
    assert [each["name"] for each in why["files"]].count("code.bundle") == 1
    assert "code.is_pushed" not in [each["what"] for each in why["reasons"]]


def test_a_rerun_publishes_nothing(project: Project) -> None:
    run = project.train()
    where = f"{project.repository}/main"
    before = project.lakebed("log", where, "--json").json
    branches = project.lakebed("branch", "list", project.repository, "--json").json

    outcome = again(project, run, "--verify", "--json").json

    assert project.lakebed("log", where, "--json").json == before
    assert (
        project.lakebed("branch", "list", project.repository, "--json").json == branches
    )
    done = project.lakebed("why", outcome["rerun"], "--json").json["run"]
    assert done["rerun_of"] == run
    assert done["status"] == "succeeded"
    assert [each["path"] for each in done["outputs"]] == ["model.json"]


def test_a_script_that_draws_without_a_seed_is_graded_and_told_as_such(
    project: Project,
) -> None:
    project.write(
        train_py="import os, sys\n"
        "open(sys.argv[2], 'wb').write(b'{\"salt\": 1' + os.urandom(8).hex().encode() + b'}')\n"
    )
    where = f"lakebed://{project.repository}/main"
    run = project.run(
        *("-i", f"{where}/data.txt=data.txt", "-o", f"model.json={where}/model.json"),
        *("--", sys.executable, "train.py", "data.txt", "model.json"),
    )["id"]

    result = again(project, run, "--verify", code=6)

    assert "verdict\tdiffers: 1 of 1 output" in result.out
    assert re.search(r"differs\tchanged  model.json  from byte 1\d", result.out)
    why = project.lakebed("why", run).out
    assert "re-runs\tdiffers in 1 of 1 output" in why
    assert "proven" not in why
    assert "B: no seed was set" in why


def test_a_seed_is_given_again(project: Project) -> None:
    project.write(
        train_py="import os, sys, json\n"
        "seeds = [os.environ['LAKEBED_SEED'], os.environ['PYTHONHASHSEED'], hash('a')]\n"
        "json.dump(seeds, open(sys.argv[2], 'w'))\n"
    )
    run = project.train()

    outcome = again(project, run, "--verify", "--json").json

    assert outcome["verdict"]["is_identical"] is True


def test_what_was_not_committed_is_part_of_the_code(project: Project) -> None:
    (project.folder / "train.py").write_text(TRAIN + "import extra\n")
    (project.folder / "extra.py").write_text("print('untracked')\n")
    run = project.train()
    project.forget()

    outcome = again(project, run, "--verify", "--json").json

    assert outcome["verdict"]["is_identical"] is True


def test_a_run_that_a_program_began_itself_is_done_again_as_one(
    project: Project, put: Callable[[str, str], None]
) -> None:
    where = f"lakebed://{project.repository}/main"
    project.write(
        fit_py="import lakebed.client\n"
        "with lakebed.client.connect() as lake:\n"
        f"    with lake.run('fit', seed=3, inputs=['{where}/data.txt']) as run:\n"
        "        run.input('WHERE/data.txt', 'in.txt')\n".replace("WHERE", where)
        + "        text = open('in.txt').read()\n"
        "        run.log_metric('length', len(text))\n"
        "        open('model.txt', 'w').write(text * 2)\n"
        f"        run.output('model.txt', '{where}/model.txt')\n"
    )
    command = [sys.executable, "fit.py"]
    subprocess.run(command, check=True, cwd=project.folder)
    listed = project.lakebed("runs", "list", "--repo", project.repository, "--json")
    run = listed.json[0]["id"]
    project.forget()
    put(f"{project.repository}/main/data.txt", "other data")
    project.lakebed("commit", f"{project.repository}/main", "-m", "other data")

    outcome = again(project, run, "--verify", "--json").json

    assert outcome["verdict"]["is_identical"] is True
    assert outcome["verdict"]["compared"] == 1
    runs = project.lakebed("runs", "list", "--repo", project.repository, "--json").json
    assert [each["rerun_of"] for each in runs] == [run, None]


def test_what_is_read_over_s3_is_what_the_first_run_read(
    project: Project, put: Callable[[str, str], None]
) -> None:
    pytest.importorskip("boto3")
    project.write(train_py=READ_OVER_S3)
    where = f"lakebed://{project.repository}/main"
    run = project.run(
        *("-o", f"model.txt={where}/model.txt", "--seed", "1", "--"),
        *(sys.executable, "train.py", project.repository),
    )["id"]
    put(f"{project.repository}/main/data.txt", "other")
    project.lakebed("commit", f"{project.repository}/main", "-m", "other data")

    outcome = again(project, run, "--verify", "--json").json

    assert outcome["verdict"]["is_identical"] is True
    first, second = (
        project.lakebed("why", each, "--json").json["run"]["inputs"]
        for each in (run, outcome["rerun"])
    )
    assert first == second
    assert [each["how"] for each in first] == ["observed"]


def test_the_branch_that_was_read_may_be_gone(project: Project) -> None:
    project.lakebed("branch", "create", f"{project.repository}/dev", "main")
    where = f"lakebed://{project.repository}"
    run = project.run(
        *("-i", f"{where}/dev/data.txt=data.txt"),
        *("-o", f"model.json={where}/main/model.json", "--seed", "1", "--"),
        *(sys.executable, "train.py", "data.txt", "model.json"),
    )["id"]
    project.lakebed("branch", "delete", f"{project.repository}/dev", "--yes")
    project.forget()

    outcome = again(project, run, "--verify", "--json").json

    assert outcome["verdict"]["is_identical"] is True


def test_a_command_that_fails_leaves_its_folder_for_whoever_looks(
    project: Project, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    project.write(
        train_py=f"import os, sys\nif os.path.exists({str(flag)!r}): sys.exit(9)\n"
        "open(sys.argv[2], 'w').write('{}')\n"
    )
    run = project.train()
    flag.touch()

    result = again(project, run, "--verify", code=1)

    assert "it could not run: the command ended with 9" in result.out
    folder = Path(re.findall(r"folder\t(.*)", result.out)[0])
    assert (folder / "work" / "code" / "train.py").exists()


def test_a_remote_that_is_gone_is_named_and_a_clone_will_do(
    project: Project, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(project.remote), str(clone))
    run = project.train()
    project.forget()
    shutil.rmtree(project.remote)

    failed = again(project, run, "--verify", code=1)
    outcome = again(project, run, "--verify", "--code", str(clone), "--json").json

    assert failed.err.count("\n") <= 3
    assert "remote.git" in failed.err
    assert "--code" in failed.err
    assert outcome["verdict"]["is_identical"] is True


def test_an_environment_is_made_again_from_wheels_without_any_index(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "halve", "1.0", "def halve(x): return x / 2\n")
    for name, value in _offline(wheels).items():
        monkeypatch.setenv(name, value)
    python = _make_environment(project.folder / ".venv", "halve==1.0")
    project.write(
        train_py="import halve, sys\nopen(sys.argv[2], 'w').write(str(halve.halve(3)))\n"
    )
    where = f"lakebed://{project.repository}/main"
    run = project.run(
        *("-i", f"{where}/data.txt=data.txt", "-o", f"model.json={where}/model.json"),
        *("--seed", "1", "--", str(python), "train.py", "data.txt", "model.json"),
    )["id"]
    project.forget()
    # What is newer now is not what was there then.
    make_wheel(wheels, "halve", "2.0", "def halve(x): return x // 2\n")

    result = project.lakebed("rerun", run, "--verify", "--json")

    assert result.json["verdict"]["is_identical"] is True


def test_an_environment_that_cannot_be_made_again_names_what_is_missing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheel = make_wheel(wheels, "halve", "1.0", "def halve(x): return x / 2\n")
    for name, value in _offline(wheels).items():
        monkeypatch.setenv(name, value)
    python = _make_environment(project.folder / ".venv", "halve==1.0")
    run = project.run(
        *("-o", f"model.json=lakebed://{project.repository}/main/model.json"),
        *("--", str(python), "-c", "open('model.json', 'w').write('1')"),
    )["id"]
    wheel.unlink()

    result = project.lakebed("rerun", run, "--verify", succeeds=False)

    assert result.code == 1
    assert "halve" in result.err
    assert "--env current" in result.err


def _offline(wheels: Path) -> Mapping[str, str]:
    return {
        "UV_FIND_LINKS": str(wheels),
        "UV_NO_INDEX": "1",
        "UV_OFFLINE": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_INDEX": "1",
        "UV_CACHE_DIR": str(wheels.parent / "uv-cache"),
    }


def _make_environment(folder: Path, *distributions: str) -> Path:
    uv = Path(sys.executable).parent / "uv"
    python = folder / "bin" / "python"
    for words in (
        ("venv", "-q", "--python", sys.executable, str(folder)),
        ("pip", "install", "-q", "--python", str(python), *distributions),
    ):
        subprocess.run([str(uv), *words], check=True, capture_output=True)
    return python


def test_a_metric_may_be_tolerated_and_is_not_called_identical(
    project: Project,
) -> None:
    project.write(
        train_py="import sys, time\nimport lakebed.client\n"
        "with lakebed.client.connect() as lake, lake.run() as run:\n"
        "    run.log_metric('at', time.time())\n"
        "open(sys.argv[2], 'w').write('{}')\n"
    )
    run = project.train()

    strict = again(project, run, "--verify", code=6)
    tolerant = again(project, run, "--verify", "--tolerance", "a*=inf", "--json").json

    assert "differs\tmetric  at: " in strict.out
    assert tolerant["verdict"]["is_identical"] is False
    assert tolerant["verdict"]["differences"][0]["is_within_tolerance"] is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tolerance", "auc"), "is not NAME=NUMBER"),
        (("--tolerance", "auc=much"), "is not NAME=NUMBER"),
        (("--tolerance", "auc=-1"), "must be 0 or more"),
        (("--env", "theirs"), "theirs"),
    ],
)
def test_options_that_mean_nothing_are_usage(
    lakebed: Lakebed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    result = lakebed("rerun", "1234567", *options, succeeds=False)

    assert result.code == 2
    assert message in result.err
    assert list(tmp_path.glob("lakebed-rerun-*")) == []


def test_a_run_that_there_is_not_is_not_found(lakebed: Lakebed, tmp_path: Path) -> None:
    result = lakebed("rerun", "f" * 32, succeeds=False)

    assert result.code == 3
    assert "f" * 32 in result.err


def test_a_folder_that_is_used_is_not_touched(project: Project, tmp_path: Path) -> None:
    run = project.train()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "file").write_text("x")

    result = again(project, run, "--keep", str(mine), code=1)

    assert "is not empty" in result.err
    assert [path.name for path in mine.iterdir()] == ["file"]


def test_what_differs_is_kept_in_both_versions_when_asked(
    project: Project, tmp_path: Path
) -> None:
    project.write(
        train_py="import sys, uuid\nopen(sys.argv[2], 'w').write(str(uuid.uuid4()))\n"
    )
    run = project.train()
    kept = tmp_path / "kept"

    again(project, run, "--verify", "--keep", str(kept), code=6)

    versions = [
        (kept / "outputs" / side / project.repository / "model.json").read_text()
        for side in ("first", "again")
    ]
    assert versions[0] != versions[1]
    assert (kept / "work" / "code" / "model.json").read_text() == versions[1]
