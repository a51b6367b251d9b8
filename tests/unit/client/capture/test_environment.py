"""What a command will run in: of the Python that it names, not of ours."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lakebed.client.capture import (
    Captured,
    Limits,
    capture_environment,
    capture_hardware,
)
from lakebed.client.capture.container import find_container
from lakebed.client.capture.distributions import read_conda, read_distributions
from lakebed.client.wire import Distribution, Environment, Gpu

from support.wheels import make_wheel

DIGEST = "sha256:" + "ab" * 32
PLAIN = {"PATH": "/usr/bin:/bin"}


def capture(directory: Path, *argv: str, **environ: str) -> Captured[Environment]:
    return capture_environment(directory, argv, environ=PLAIN | environ)


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def venv(prefix: Path) -> Path:
    """Make an environment; return its Python."""
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [uv, "venv", "-q", "--python", sys.executable, prefix],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return prefix / "bin" / "python"


def install(python: Path, folder: Path, **files: str) -> None:
    """Install `alpha` 1.0 as installers leave it, with `files` in its dist-info."""
    site = next(python.parent.parent.glob("lib/python*/site-packages"))
    info = site / "alpha-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Alpha\nVersion: 1.0\n")
    for name, text in files.items():
        (info / name.replace("__", ".")).write_text(text)


# Which Python ------------------------------------------------------------------------


def test_the_python_of_the_command_is_asked_not_ours(tmp_path: Path) -> None:
    python = venv(tmp_path / "other")
    install(python, tmp_path)

    captured = capture(tmp_path, str(python), "train.py")

    environment = captured.part
    assert environment.python == ".".join(map(str, sys.version_info[:3]))
    assert environment.implementation == "cpython"
    assert environment.prefix == str(tmp_path / "other")
    assert environment.distributions == [Distribution(name="alpha", version="1.0")]
    assert captured.missing == ()


def test_this_process_tells_of_itself() -> None:
    environment = capture_environment(Path.cwd(), [], in_process=True).part

    assert environment.executable == sys.executable
    assert "msgspec" in {each.name for each in environment.distributions}


def test_names_are_found_on_the_path_of_the_command(tmp_path: Path) -> None:
    python = venv(tmp_path / "env")

    environment = capture(tmp_path, "python", "x.py", PATH=str(python.parent)).part

    assert environment.prefix == str(tmp_path / "env")


def test_a_script_of_an_environment_leads_to_its_python(tmp_path: Path) -> None:
    python = venv(tmp_path / "env")
    program(tmp_path / "env" / "bin" / "torchrun", f"#!{python}\nimport torch\n")

    environment = capture(tmp_path, str(tmp_path / "env/bin/torchrun"), "train.py").part

    assert environment.prefix == str(tmp_path / "env")


def test_a_long_shebang_leads_there_too(tmp_path: Path) -> None:
    python = venv(tmp_path / "env")
    script = program(
        tmp_path / "env" / "bin" / "tool",
        f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\nimport tool\n",
    )

    assert capture(tmp_path, str(script)).part.prefix == str(tmp_path / "env")


@pytest.mark.parametrize(
    "argv", [["uv", "run", "train.py"], ["uv", "run", "python", "train.py"]]
)
def test_uv_runs_in_the_environment_of_the_project(
    argv: list[str], tmp_path: Path
) -> None:
    venv(tmp_path / ".venv")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "sub").mkdir()

    environment = capture(tmp_path / "sub", *argv).part

    assert environment.prefix == str(tmp_path / ".venv")
    assert environment.manager == "uv"


def test_poetry_runs_in_the_environment_that_it_keeps_elsewhere(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text("[tool.poetry]\n")
    mark = base64.urlsafe_b64encode(hashlib.sha256(bytes(project)).digest()).decode()[
        :8
    ]
    prefix = tmp_path / "cache" / "pypoetry" / "virtualenvs" / f"project-{mark}-py3.11"
    venv(prefix)

    environment = capture(
        project,
        "poetry",
        "run",
        "python",
        "x.py",
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    ).part

    assert environment.prefix == str(prefix)
    assert environment.manager == "poetry"


def test_conda_runs_in_the_environment_that_is_named(tmp_path: Path) -> None:
    prefix = tmp_path / "root" / "envs" / "fraud"
    venv(prefix)
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "numpy-2.1.0-py311_0.json").write_text("{}")

    environment = capture(
        tmp_path,
        *("conda", "run", "-n", "fraud", "python", "x.py"),
        CONDA_EXE=str(tmp_path / "root" / "bin" / "conda"),
    ).part

    assert environment.prefix == str(prefix)
    assert environment.manager == "conda"
    assert environment.conda == [Distribution(name="numpy", version="2.1.0=py311_0")]


@pytest.mark.parametrize(
    ("argv", "what", "words"),
    [
        (["/nowhere/python", "x.py"], "environment", "'/nowhere/python' is no Python"),
        (["poetry", "run", "python", "x.py"], "environment", "'poetry run' works in"),
        (["ls", "-l"], "environment", "'ls' is no Python"),
        (["sh", "train.sh"], "environment.python", "'sh' may run anything"),
    ],
)
def test_what_is_not_known_is_named(
    argv: list[str], what: str, words: str, tmp_path: Path
) -> None:
    python = venv(tmp_path / "env")

    captured = capture(tmp_path, *argv, PATH=f"{python.parent}:/usr/bin:/bin")

    assert captured.missing[0].what == what
    assert words in captured.missing[0].reason
    assert captured.part.os


def test_a_python_that_does_not_work_is_named(tmp_path: Path) -> None:
    broken = program(tmp_path / "bin" / "python", "#!/bin/sh\nexit 3\n")

    captured = capture(tmp_path, str(broken), "x.py")

    assert captured.part.python == ""
    assert captured.missing[0].reason == f"'{broken}' does not answer like a Python"


def test_what_starts_with_a_python_may_print(tmp_path: Path) -> None:
    python = venv(tmp_path / "env")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "sitecustomize.py").write_text("print('hello (', 1, [')'])\n")

    environment = capture(
        tmp_path, str(python), "x.py", PYTHONPATH=str(tmp_path / "lib")
    ).part

    assert environment.prefix == str(tmp_path / "env")


# What is installed -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direct", "url", "is_editable"),
    [
        (
            {
                "url": "https://ann:pw@x/y.git",
                "vcs_info": {"vcs": "git", "commit_id": "a1"},
            },
            "git+https://x/y.git@a1",
            False,
        ),
        (
            {"url": "https://x/y.whl", "archive_info": {"hashes": {"sha256": "00"}}},
            "https://x/y.whl#sha256=00",
            False,
        ),
        (
            {"url": "https://x/y.whl", "archive_info": {"hash": "sha256=00"}},
            "https://x/y.whl#sha256=00",
            False,
        ),
        (
            {
                "url": "https://x/y",
                "vcs_info": {"vcs": "git", "commit_id": "a"},
                "subdirectory": "s",
            },
            "git+https://x/y@a#subdirectory=s",
            False,
        ),
        ({"url": "file:///p", "dir_info": {"editable": True}}, "file:///p", True),
        ({"url": 3}, None, False),
        ([], None, False),
    ],
)
def test_where_a_distribution_came_from_is_read(
    direct: object, url: str | None, is_editable: bool, tmp_path: Path
) -> None:
    python = venv(tmp_path / "env")
    install(python, tmp_path, direct_url__json=json.dumps(direct))

    (found,) = capture(tmp_path, str(python)).part.distributions

    assert (found.url, found.is_editable) == (url, is_editable)


def test_names_are_in_the_form_that_indexes_compare_and_the_first_one_counts(
    tmp_path: Path,
) -> None:
    for folder, name in (
        ("a", "Ruamel_Yaml-1.0"),
        ("b", "ruamel.yaml-2.0"),
        ("b", "x-1+local_1"),
    ):
        info = tmp_path / folder / f"{name}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Name: x\nVersion: 1+local-1\n\nVersion: 9\n")
    (tmp_path / "b" / "old.egg-info").mkdir()
    (tmp_path / "b" / "old.egg-info" / "PKG-INFO").write_text(
        "Name: Old.One\nVersion: 3\n"
    )

    found = read_distributions([str(tmp_path / "a"), str(tmp_path / "b"), "/nowhere"])

    assert found == [
        Distribution(name="old-one", version="3"),
        Distribution(name="ruamel-yaml", version="1.0"),
        Distribution(name="x", version="1+local-1"),
    ]


def test_conda_packages_have_their_url_without_the_token(tmp_path: Path) -> None:
    meta = tmp_path / "conda-meta"
    meta.mkdir()
    data = {
        "files": ["x" * 100] * 200,
        "url": "https://conda.anaconda.org/t/tk-secret/main/linux-64/numpy-2.conda",
        "version": "2",
    }
    (meta / "numpy-2-py_0.json").write_text(json.dumps(data))
    (meta / "history").write_text("")

    assert read_conda(tmp_path) == [
        Distribution(
            name="numpy",
            version="2=py_0",
            url="https://conda.anaconda.org/main/linux-64/numpy-2.conda",
        )
    ]


# Lock files --------------------------------------------------------------------------


def test_lock_files_up_to_the_root_are_kept_by_content(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "uv.lock").write_text("version = 1\n")
    (tmp_path / "requirements.txt").write_text("numpy>=2\n")
    (tmp_path / "requirements-dev.txt").write_text(
        "--index-url https://a:pw@x/\npytest==9.2\n"
    )
    (tmp_path / "sub" / "conda-lock.yml").write_text("version: 1\n")

    captured = capture(tmp_path / "sub", "ls")

    assert [(lock.path, lock.kind) for lock in captured.part.locks] == [
        ("sub/conda-lock.yml", "conda"),
        ("requirements-dev.txt", "requirements"),
        ("uv.lock", "uv"),
    ]
    for lock, file in zip(captured.part.locks, captured.files, strict=True):
        assert file.name == lock.file
        assert hashlib.sha256(file.content).hexdigest() == lock.sha256
    assert b"pw" not in captured.files[1].content


def test_a_lock_file_that_is_too_large_is_named(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("x" * 100)

    captured = capture_environment(
        tmp_path, ["ls"], environ=PLAIN, limits=Limits(lock_bytes_max=50)
    )

    assert captured.part.locks == []
    assert [each.what for each in captured.missing] == [
        "environment",
        "environment.lock",
    ]


def test_what_no_lock_file_names_is_a_gap_unless_it_comes_with_the_environment(
    tmp_path: Path,
) -> None:
    python = venv(tmp_path / "env")
    make_wheel(tmp_path / "wheels", "pip", "99")
    install(python, tmp_path)
    (tmp_path / "uv.lock").write_text('[[package]]\nname = "other"\nversion = "1"\n')

    captured = capture(tmp_path, str(python))

    assert [each.reason for each in captured.missing] == [
        "'uv.lock' does not say what is installed: alpha 1.0"
    ]


# The system --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "environ", "kind", "image"),
    [
        ({}, {}, None, None),
        ({"proc/1/cgroup": "0::/init.scope\n"}, {}, None, None),
        ({".dockerenv": ""}, {}, "docker", None),
        ({"proc/self/cgroup": "12:cpu:/docker/0123abc\n"}, {}, "docker", None),
        ({"proc/1/cgroup": "0::/system.slice/docker-abc.scope"}, {}, "docker", None),
        ({"proc/1/cgroup": "0::/kubepods/pod1/abc"}, {}, "kubernetes", None),
        (
            {".dockerenv": ""},
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            "kubernetes",
            None,
        ),
        (
            {"run/.containerenv": f'engine="podman"\nimageid="{"cd" * 32}"\n'},
            {},
            "podman",
            "sha256:" + "cd" * 32,
        ),
        (
            {".dockerenv": ""},
            {"LAKEBED_IMAGE": f"repo/x:1@{DIGEST}"},
            "docker",
            f"repo/x:1@{DIGEST}",
        ),
        ({".dockerenv": ""}, {"LAKEBED_IMAGE": "repo/x:latest"}, "docker", None),
        ({}, {"SINGULARITY_CONTAINER": "/x.sif"}, "apptainer", None),
        ({}, {"container": "systemd-nspawn"}, "systemd-nspawn", None),
    ],
)
def test_a_container_is_told_by_its_files_and_variables(
    files: dict[str, str],
    environ: dict[str, str],
    kind: str | None,
    image: str | None,
    tmp_path: Path,
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    found = find_container(environ, root=tmp_path)

    assert (found.kind, found.image) == (kind, image)


def test_the_system_is_told(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "os-release").write_text('NAME=x\nPRETTY_NAME="Lake OS 7"\n')

    environment = capture_environment(
        tmp_path, ["ls"], environ=PLAIN, system_root=tmp_path
    ).part

    assert environment.os == "Lake OS 7"
    assert environment.kernel == f"{os.uname().sysname} {os.uname().release}"
    assert environment.container is None


# The machine -------------------------------------------------------------------------


def machine(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_machine_is_told(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        proc__cpuinfo="processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\n",
        proc__meminfo="MemTotal:       1024 kB\nMemFree: 1 kB\n",
    )

    hardware = capture_hardware(root=root, environ={"PATH": "/nowhere"}).part

    assert (hardware.cpu, hardware.memory_bytes) == ("Fast CPU @ 3 GHz", 1 << 20)
    assert hardware.cores == os.cpu_count()
    assert hardware.gpus == []


@pytest.mark.parametrize(
    ("limit", "memory"), [("1000", 1000), ("max", 1 << 20), ("9" * 19, 1 << 20)]
)
def test_a_container_has_the_memory_that_it_may_use(
    limit: str, memory: int, tmp_path: Path
) -> None:
    root = machine(tmp_path, proc__meminfo="MemTotal: 1024 kB\n")
    machine(tmp_path, **{"sys__fs__cgroup__memory.max": limit + "\n"})

    assert capture_hardware(root=root, environ={}).part.memory_bytes == memory


def test_graphics_processors_are_told_by_nvidia_smi(tmp_path: Path) -> None:
    program(
        tmp_path / "nvidia-smi",
        "#!/bin/sh\n"
        'if [ -z "$1" ]; then echo "| Driver Version: 550.1  CUDA Version: 12.4 |"; exit; fi\n'
        'echo "NVIDIA A100, 550.1, 40960"\necho "NVIDIA A100, 550.1, [N/A]"\n',
    )

    gpus = capture_hardware(environ={"PATH": str(tmp_path)}).part.gpus

    first = Gpu(
        name="NVIDIA A100", driver="550.1", cuda="12.4", memory_bytes=40960 << 20
    )
    assert gpus == [first, Gpu(name="NVIDIA A100", driver="550.1", cuda="12.4")]


def test_a_driver_that_fails_is_named(tmp_path: Path) -> None:
    program(tmp_path / "nvidia-smi", "#!/bin/sh\nexit 9\n")

    captured = capture_hardware(environ={"PATH": str(tmp_path)})

    assert captured.part.gpus == []
    assert (
        captured.missing[0].reason == "'nvidia-smi' could not be asked: it ended with 9"
    )


def test_in_an_image_with_a_digest_it_does_not_matter_what_runs(tmp_path: Path) -> None:
    captured = capture_environment(
        tmp_path,
        ["ls"],
        environ=PLAIN | {"LAKEBED_IMAGE": DIGEST},
        system_root=tmp_path,
    )

    assert captured.part.image == DIGEST
    assert captured.missing == ()
