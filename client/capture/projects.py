"""Where uv, poetry, pdm, pipenv and conda keep the environment of a project.

Found without asking them: each takes half a second to answer.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path


def find_environment(
    runner: str, words: Sequence[str], directory: Path, environ: Mapping[str, str]
) -> Path | None:
    """Return the folder of the environment in which `runner run` works; None: not found."""
    candidates = {
        "conda": _of_conda,
        "mamba": _of_conda,
        "micromamba": _of_conda,
        "poetry": _of_poetry,
        "pdm": _of_pdm,
    }.get(runner, _of_project)(words, directory, environ)
    return next(
        (each for each in candidates if (each / "bin" / "python").exists()), None
    )


def _of_project(
    words: Sequence[str], directory: Path, environ: Mapping[str, str]
) -> Iterator[Path]:
    named = environ.get("UV_PROJECT_ENVIRONMENT")
    for folder in (directory, *directory.parents):
        if named:
            yield folder / named
        yield folder / ".venv"
        if (folder / "pyproject.toml").is_file():
            break
    active = environ.get("VIRTUAL_ENV")
    if active:
        yield Path(active)


def _of_pdm(
    words: Sequence[str], directory: Path, environ: Mapping[str, str]
) -> Iterator[Path]:
    note = directory / ".pdm-python"
    if note.is_file():
        yield Path(note.read_text(errors="replace").strip()).parent.parent
    yield from _of_project(words, directory, environ)


def _of_poetry(
    words: Sequence[str], directory: Path, environ: Mapping[str, str]
) -> Iterator[Path]:
    yield from _of_project(words, directory, {})
    folder = environ.get("POETRY_VIRTUALENVS_PATH")
    cache = environ.get("XDG_CACHE_HOME") or str(
        Path(environ.get("HOME", "~")) / ".cache"
    )
    environments = Path(folder or Path(cache) / "pypoetry" / "virtualenvs").expanduser()
    for project in (directory, *directory.parents):
        if (project / "pyproject.toml").is_file():
            # The name that poetry gives has eight characters of this hash in it.
            digest = hashlib.sha256(os.fsencode(os.path.realpath(project))).digest()
            mark = base64.urlsafe_b64encode(digest).decode()[:8]
            yield from sorted(environments.glob(f"*-{mark}-py*"))
    active = environ.get("VIRTUAL_ENV")
    if active:
        yield Path(active)


def _of_conda(
    words: Sequence[str], directory: Path, environ: Mapping[str, str]
) -> Iterator[Path]:
    pairs = dict(pairwise(words))
    prefix = pairs.get("-p") or pairs.get("--prefix")
    if prefix:
        yield directory / prefix
        return
    name = pairs.get("-n") or pairs.get("--name")
    active = environ.get("CONDA_PREFIX")
    if name is None:
        if active:
            yield Path(active)
        return
    for root in (environ.get("MAMBA_ROOT_PREFIX"), environ.get("CONDA_ROOT")):
        if root:
            yield Path(root) / "envs" / name
    program = environ.get("CONDA_EXE")
    if program:
        yield Path(program).parent.parent / "envs" / name
    if active:
        yield Path(active).parent / name
        yield Path(active) / "envs" / name
