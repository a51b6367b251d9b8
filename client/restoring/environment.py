"""The environment of a run, made again: what was installed, in the versions that were."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..capture.distributions import read_distributions
from ..capture.interpreter import InterpreterError, ask_interpreter
from ..capture.locks import BOOTSTRAP
from ..wire import Environment
from .code import ReadFile
from .comparing import compare_distributions
from .conda import create_conda
from .errors import RestoreError
from .hashes import Hashes, read_hashes
from .installing import Installer
from .pythons import find_python, find_uv
from .requirements import Requirements, plan_requirements

Faithfulness = Literal["lock", "versions", "partly"]
_TOLD_MAX = 5


@dataclass(frozen=True, slots=True)
class RecreatedEnvironment:
    """An environment that was made again."""

    python: Path
    """Its interpreter: what `argv[0]` was is replaced by it."""
    faithfulness: Faithfulness
    """`lock`: each file as a lock file has its hash. `versions`: each distribution in its
    version. `partly`: `notes` say what is not as it was."""
    notes: tuple[str, ...] = ()


def recreate_environment(
    environment: Environment,
    read_file: ReadFile,
    into: Path,
    *,
    pip_options: Sequence[str] = (),
    moved: Mapping[str, Path] | None = None,
    installer: Literal["uv", "pip"] | None = None,
) -> RecreatedEnvironment:
    """Make `environment` again in the folder `into`, which is not there yet.

    What was installed is installed again, with the hashes of its lock files where they
    have it; then what is there is compared with the record.

    Args:
        read_file: gives the content of a kept file of the run.
        pip_options: for uv and pip alike, as `--index-url URL` or `--find-links DIR`.
        moved: recorded folders and where they are now: `RestoredCode.moved`.
        installer: None: uv if it is installed, else pip.

    Raises:
        RestoreError: there is no Python of its version, or something cannot be installed.
    """
    into = Path(os.path.abspath(into))  # noqa: PTH100 (links stay)
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise RestoreError(
            f"'{into}' is not an empty folder: name one that is not there"
        )
    if not environment.python:
        raise RestoreError(
            "what the run worked in was not recorded: run in the current environment"
        )
    plan = plan_requirements(
        environment, _read_locks(environment, read_file), moved or {}
    )
    notes: list[str] = []
    uv = find_uv() if installer != "pip" else None
    if uv is None and installer == "uv":
        raise RestoreError("uv is not installed: 'pip install uv', or leave it to pip")
    try:
        if environment.conda:
            create_conda(environment, into)
        target = Installer(into, uv, pip_options)
        if not environment.conda:
            python = find_python(environment.python, environment.implementation, uv=uv)
            target.create(python.path)
        _install(target, plan, notes)
    except RestoreError:
        shutil.rmtree(into, ignore_errors=True)
        raise
    differences = _check(environment, target.python, notes)
    if differences:
        return RecreatedEnvironment(target.python, "partly", tuple(notes))
    if plan.unlocked:
        names = ", ".join(plan.unlocked[:_TOLD_MAX])
        rest = len(plan.unlocked) - _TOLD_MAX
        more = f" and {rest} more" if rest > 0 else ""
        notes.append(f"no lock file pins the content of {names}{more}")
    exact = not plan.unlocked and not environment.conda
    return RecreatedEnvironment(
        target.python, "lock" if exact else "versions", tuple(notes)
    )


def _read_locks(environment: Environment, read_file: ReadFile) -> Hashes:
    hashes: Hashes = {}
    for lock in environment.locks:
        for key, found in read_hashes(lock, read_file(lock.file)).items():
            hashes.setdefault(key, set()).update(found)
    return hashes


def _install(target: Installer, plan: Requirements, notes: list[str]) -> None:
    target.install(plan.hashed, "--require-hashes")
    target.install(plan.versions)
    for name, folder, is_editable in plan.folders:
        problem = target.install_folder(folder, is_editable=is_editable)
        if problem is None:
            continue
        if not is_editable:
            raise RestoreError(f"cannot install '{name}' from '{folder}': {problem}")
        # Its modules are there all the same; what it installs beside them is not.
        target.add_path(name, folder)
        notes.append(f"'{name}' is imported from '{folder}', not installed: {problem}")


def _check(environment: Environment, python: Path, notes: list[str]) -> bool:
    """Compare what is there with the record; note what differs, and tell whether it does."""
    try:
        asked = ask_interpreter(python, python.parent, {"PATH": os.defpath})
    except InterpreterError as error:
        raise RestoreError(f"the environment does not work: {error}") from error
    before = [each for each in environment.distributions if each.name not in BOOTSTRAP]
    now = [
        each for each in read_distributions(asked.path) if each.name not in BOOTSTRAP
    ]
    differences = [str(each) for each in compare_distributions(before, now)]
    if asked.version != environment.python:
        differences.insert(0, f"Python {environment.python} is {asked.version} here")
    rest = len(differences) - _TOLD_MAX
    notes += differences[:_TOLD_MAX]
    if rest > 0:
        notes.append(f"and {rest} more differences")
    return bool(differences)
