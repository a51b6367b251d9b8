"""An environment is made again from what was recorded of it, without any network."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from lakebed.client.capture import Captured, capture_environment
from lakebed.client.restoring import (
    RecreatedEnvironment,
    RestoreError,
    check_environment,
    recreate_environment,
)
from lakebed.client.wire import Distribution, Environment

from support.wheels import make_wheel, sha256_of

installers = pytest.mark.parametrize("installer", ["uv", "pip"])
UV = Path(sys.executable).with_name("uv")
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}"


@dataclass(frozen=True)
class Project:
    """A folder with a project, its environment, and an index of wheels."""

    root: Path
    wheels: Path

    @property
    def python(self) -> Path:
        return self.root / ".venv" / "bin" / "python"

    def install(self, *what: str) -> None:
        index = ("--no-index", "--find-links", str(self.wheels))
        run(UV, "pip", "install", "-q", "--python", self.python, *index, *what)

    def capture(self) -> Captured[Environment]:
        return capture_environment(self.root, [str(self.python), "train.py"])


def run(*words: object) -> str:
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    run(UV, "venv", "-q", "--python", sys.executable, root / ".venv")
    for name, version in (("alpha", "1.0"), ("alpha", "2.0"), ("beta-kit", "0.3")):
        make_wheel(tmp_path / "wheels", name, version)
    return Project(root, tmp_path / "wheels")


def recreate(
    captured: Captured[Environment],
    project: Project,
    into: Path,
    installer: Literal["uv", "pip"] = "uv",
    **more: dict[str, Path],
) -> RecreatedEnvironment:
    files = {file.name: file.content for file in captured.files}
    return recreate_environment(
        captured.part,
        files.__getitem__,
        into,
        pip_options=("--no-index", "--find-links", str(project.wheels)),
        installer=installer,
        **more,
    )


def version_of(name: str, environment: RecreatedEnvironment) -> str:
    return run(environment.python, "-c", f"import {name}; print({name}.VERSION)")


@installers
def test_the_versions_that_were_installed_are_installed_again(
    installer: Literal["uv", "pip"], project: Project, tmp_path: Path
) -> None:
    project.install("alpha==1.0", "beta-kit")

    again = recreate(project.capture(), project, tmp_path / "again", installer)

    assert version_of("alpha", again) == "1.0"
    assert version_of("beta_kit", again) == "0.3"
    assert again.faithfulness == "versions"
    assert "no lock file pins the content of alpha, beta-kit" in again.notes[0]


UV_LOCK = """version = 1
[[package]]
name = "alpha"
version = "1.0"
source = {{ registry = "https://pypi.org/simple" }}
wheels = [{{ url = "https://x/alpha.whl", hash = "{alpha}", size = 1 }}]

[[package]]
name = "beta-kit"
version = "0.3"
source = {{ registry = "https://pypi.org/simple" }}
sdist = {{ url = "https://x/beta.tar.gz", hash = "{beta}" }}
"""
POETRY_LOCK = """[[package]]
name = "alpha"
version = "1.0"
files = [{{file = "alpha-1.0-py3-none-any.whl", hash = "{alpha}"}}]

[[package]]
name = "beta-kit"
version = "0.3"
files = [{{file = "beta_kit-0.3-py3-none-any.whl", hash = "{beta}"}}]
"""
OLD_POETRY_LOCK = """[[package]]
name = "alpha"
version = "1.0"

[[package]]
name = "beta-kit"
version = "0.3"

[metadata.files]
alpha = [{{file = "a.whl", hash = "{alpha}"}}]
beta-kit = [{{file = "b.whl", hash = "{beta}"}}]
"""
REQUIREMENTS = """--index-url https://pypi.org/simple
alpha==1.0 \\
    --hash={alpha}
    # via nothing
Beta_Kit[extra]==0.3 ; python_version > "3" \\
    --hash={beta}
"""
PIPFILE_LOCK = """{{"_meta": {{}}, "default": {{"alpha": {{"version": "==1.0", "hashes": ["{alpha}"]}}}},
"develop": {{"beta_kit": {{"version": "==0.3", "hashes": ["{beta}"]}}}}}}"""
PYLOCK = """lock-version = "1.0"
[[packages]]
name = "alpha"
version = "1.0"
wheels = [{{ url = "https://x/a.whl", hashes = {{ sha256 = "{alpha_hex}" }} }}]

[[packages]]
name = "beta-kit"
version = "0.3"
sdist = {{ url = "https://x/b.tar.gz", hashes = {{ sha256 = "{beta_hex}" }} }}
"""
LOCKS = {
    "uv.lock": UV_LOCK,
    "poetry.lock": POETRY_LOCK,
    "old/poetry.lock": OLD_POETRY_LOCK,
    "requirements.txt": REQUIREMENTS,
    "Pipfile.lock": PIPFILE_LOCK,
    "pdm.lock": POETRY_LOCK,
    "pylock.toml": PYLOCK,
}


def write_lock(project: Project, name: str) -> None:
    alpha = sha256_of(project.wheels / "alpha-1.0-py3-none-any.whl")
    beta = sha256_of(project.wheels / "beta_kit-0.3-py3-none-any.whl")
    text = LOCKS[name].format(
        alpha=alpha,
        beta=beta,
        alpha_hex=alpha.removeprefix("sha256:"),
        beta_hex=beta.removeprefix("sha256:"),
    )
    (project.root / Path(name).name).write_text(text)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_gives_each_file_by_its_hash(
    name: str, project: Project, tmp_path: Path
) -> None:
    write_lock(project, name)
    project.install("alpha==1.0", "beta-kit")
    captured = project.capture()

    again = recreate(captured, project, tmp_path / "again")

    assert captured.missing == ()
    assert [lock.path for lock in captured.part.locks] == [Path(name).name]
    assert again == RecreatedEnvironment(again.python, "lock")
    assert version_of("alpha", again) == "1.0"


@installers
def test_other_bytes_under_the_same_version_are_refused(
    installer: Literal["uv", "pip"], project: Project, tmp_path: Path
) -> None:
    write_lock(project, "uv.lock")
    project.install("alpha==1.0", "beta-kit")
    captured = project.capture()
    make_wheel(project.wheels, "alpha", "1.0", "VERSION = 'forged'\n")

    with pytest.raises(RestoreError, match="not what was locked") as raised:
        recreate(captured, project, tmp_path / "again", installer)

    assert "\n" not in raised.value.message
    assert not (tmp_path / "again").exists()


def test_a_lock_file_that_does_not_say_what_is_installed_is_named(
    project: Project,
) -> None:
    write_lock(project, "uv.lock")
    project.install("alpha==2.0", "beta-kit")

    captured = project.capture()

    assert [(each.what, each.reason) for each in captured.missing] == [
        (
            "environment.lock",
            "'uv.lock' does not say what is installed: alpha 2.0 (locked: 1.0)",
        )
    ]


@installers
def test_a_version_that_is_gone_is_told_with_the_way_out(
    installer: Literal["uv", "pip"], project: Project, tmp_path: Path
) -> None:
    project.install("alpha==1.0")
    captured = project.capture()
    (project.wheels / "alpha-1.0-py3-none-any.whl").unlink()

    with pytest.raises(RestoreError) as raised:
        recreate(captured, project, tmp_path / "again", installer)

    assert "a distribution cannot be had any more" in raised.value.message
    assert "alpha" in raised.value.message
    assert "current environment" in raised.value.message
    assert "\n" not in raised.value.message


@installers
def test_no_network_is_told_as_that(
    installer: Literal["uv", "pip"],
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"PIP_RETRIES": "1", "UV_HTTP_RETRIES": "0"}.items():
        monkeypatch.setenv(name, value)
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "UV_INDEX_URL", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    project.install("alpha==1.0")
    captured = project.capture()

    with pytest.raises(RestoreError, match="cannot reach what has the distributions"):
        recreate_environment(
            captured.part,
            dict[str, bytes]().__getitem__,
            tmp_path / "again",
            pip_options=("--index-url", "http://127.0.0.1:9/simple"),
            installer=installer,
        )


def test_a_python_that_is_not_here_names_those_that_are(
    project: Project, tmp_path: Path
) -> None:
    captured = project.capture()
    other = msgspec.structs.replace(captured.part, python="2.6.9")

    with pytest.raises(RestoreError) as raised:
        recreate(Captured(other), project, tmp_path / "again", "pip")

    assert (
        f"the run had Python 2.6.9, and here is {PYTHON}" in raised.value.message
        or (PYTHON in raised.value.message)
    )
    assert "uv python install 2.6" in raised.value.message


def test_another_patch_release_is_taken_and_told(
    project: Project, tmp_path: Path
) -> None:
    captured = project.capture()
    minor = PYTHON.rpartition(".")[0]
    other = msgspec.structs.replace(captured.part, python=f"{minor}.99")

    again = recreate(Captured(other), project, tmp_path / "again", "pip")

    assert again.faithfulness == "partly"
    assert again.notes[0].startswith(f"Python {minor}.99 is {minor}.")


def test_an_editable_project_follows_its_code_to_where_it_is_now(
    project: Project, tmp_path: Path
) -> None:
    """What builds it cannot be fetched here, so its modules are made importable."""
    write_editable(project)
    moved = tmp_path / "moved"
    captured = project.capture()
    project.root.rename(moved)

    again = recreate(
        captured, project, tmp_path / "again", moved={str(project.root): moved}
    )

    place = run(again.python, "-c", "import mine; print(mine.__file__)")
    assert place == str(moved / "src" / "mine.py")
    assert again.faithfulness == "partly"
    assert "'mine' is imported from" in again.notes[0]


def write_editable(project: Project) -> None:
    """Install the project itself as editable installs leave it."""
    (project.root / "src").mkdir()
    (project.root / "src" / "mine.py").write_text("VERSION = '1'\n")
    (project.root / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["nowhere-to-be-had"]\n'
        'build-backend = "nowhere"\n[project]\nname = "mine"\nversion = "1"\n'
    )
    site = next((project.root / ".venv").glob("lib/python*/site-packages"))
    (site / "mine-1.dist-info").mkdir()
    (site / "mine-1.dist-info" / "METADATA").write_text("Name: mine\nVersion: 1\n")
    (site / "mine-1.dist-info" / "direct_url.json").write_text(
        json.dumps({"url": project.root.as_uri(), "dir_info": {"editable": True}})
    )


def test_an_editable_project_is_noted_and_one_from_elsewhere_is_a_gap(
    project: Project,
) -> None:
    write_editable(project)
    inside = project.capture()
    site = next((project.root / ".venv").glob("lib/python*/site-packages"))
    (site / "mine-1.dist-info" / "direct_url.json").write_text(
        '{"url": "file:///elsewhere/mine", "dir_info": {"editable": true}}'
    )

    outside = project.capture()

    assert inside.part.distributions[0].is_editable
    assert inside.missing == ()
    assert [each.what for each in outside.missing] == ["environment.distributions"]


def test_a_folder_that_is_not_here_is_told(project: Project, tmp_path: Path) -> None:
    captured = project.capture()
    gone = Distribution(name="mine", version="1", url="file:///elsewhere/mine")
    other = msgspec.structs.replace(captured.part, distributions=[gone])

    with pytest.raises(
        RestoreError, match="'mine' was installed from '/elsewhere/mine'"
    ):
        recreate(Captured(other), project, tmp_path / "again")


@pytest.mark.parametrize(
    "forged",
    [
        Distribution(name="alpha\n--index-url http://evil", version="1"),
        Distribution(name="alpha", version="1 --index-url http://evil"),
        Distribution(name="alpha", version="1", url="http://evil/x\n-e ."),
        Distribution(name="--editable", version="1"),
    ],
)
def test_a_forged_record_does_not_reach_the_installer(
    forged: Distribution, project: Project, tmp_path: Path
) -> None:
    environment = msgspec.structs.replace(
        project.capture().part, distributions=[forged]
    )

    with pytest.raises(RestoreError, match="the record is damaged"):
        recreate(Captured(environment), project, tmp_path / "again")


def test_conda_is_named_where_it_is_needed_and_missing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    package = Distribution(name="numpy", version="2.0=py311_0")
    environment = msgspec.structs.replace(project.capture().part, conda=[package])

    with pytest.raises(RestoreError, match="install micromamba"):
        recreate(Captured(environment), project, tmp_path / "again")


def test_what_differs_is_told_package_by_package() -> None:
    recorded = Environment(
        python="3.11.7",
        libc="glibc 2.36",
        distributions=[
            Distribution(name="alpha", version="1.0"),
            Distribution(name="beta", version="1.0"),
            Distribution(name="same", version="1.0", url="file:///there"),
            Distribution(name="source", version="1", url="git+https://x/y@aaa"),
        ],
    )
    current = Environment(
        python="3.11.9",
        libc="glibc 2.36",
        distributions=[
            Distribution(name="alpha", version="2.0"),
            Distribution(name="gamma", version="1.0"),
            Distribution(name="same", version="1.0", url="file:///here"),
            Distribution(name="source", version="1", url="git+https://x/y@bbb"),
        ],
    )

    told = [str(each) for each in check_environment(recorded, current)]

    assert told == [
        "python 3.11.7 is 3.11.9 here",
        "alpha 1.0 is 2.0 here",
        "beta 1.0 is not there",
        "gamma 1.0 was not there",
        "source 1 (git+https://x/y@aaa) is 1 (git+https://x/y@bbb) here",
    ]
