"""Finds a Python of a wanted version on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..capture.interpreter import Interpreter, InterpreterError, ask_interpreter
from .errors import RestoreError

_ASKED_MAX = 40
"""Interpreters that are started to ask for their version, 20 ms each."""
_UV_TIMEOUT_S = 600.0
"""uv may fetch a Python: 30 MB."""


@dataclass(frozen=True, slots=True)
class FoundPython:
    """A Python of the wanted minor version."""

    path: Path
    version: str


def find_uv() -> Path | None:
    """Return the uv of this machine, or of the environment that we run in."""
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("uv")
    return Path(found) if found else None


def find_python(
    version: str,
    implementation: str = "cpython",
    *,
    uv: Path | None = None,
    candidates: Sequence[Path] | None = None,
) -> FoundPython:
    """Return a Python of `version`, else the nearest of the same minor version.

    Args:
        uv: asked for the ones it manages, and to fetch one if there is none.
        candidates: the only ones to look at; None: those of this machine.

    Raises:
        RestoreError: there is none of that minor version; says which there are.
    """
    seen: dict[str, Path] = {}
    for path in _candidates(version) if candidates is None else candidates:
        try:
            asked = ask_interpreter(path, Path("/"), os.environ)
        except InterpreterError:
            continue
        if (asked.implementation or "cpython") != implementation:
            continue
        if asked.version == version:
            return FoundPython(path, version)
        seen.setdefault(asked.version, path)
    if uv is not None and candidates is None:
        found = _ask_uv(uv, version)
        if found is not None:
            return FoundPython(Path(found.executable), found.version)
    near = [each for each in seen if _minor(each) == _minor(version)]
    if near:
        best = min(near, key=lambda each: _distance(each, version))
        return FoundPython(seen[best], best)
    there = ", ".join(sorted(seen, key=_numbers)) or "none"
    raise RestoreError(
        f"the run had Python {version}, and here is {there}: install it, as with "
        f"'uv python install {_minor(version)}', or run in the current environment"
    )


def _candidates(version: str) -> Iterator[Path]:
    """Yield the interpreters of this machine, the likely ones first, each once."""
    yielded: set[str] = set()
    folders = [Path(sys.base_prefix) / "bin"]
    folders += [
        Path(each) for each in os.environ.get("PATH", os.defpath).split(os.pathsep)
    ]
    root = os.environ.get("PYENV_ROOT")
    versions = Path(root) / "versions" if root else Path.home() / ".pyenv" / "versions"
    folders += sorted(versions.glob(f"{_minor(version)}*/bin"), reverse=True)
    for name in (f"python{_minor(version)}", "python3", "python"):
        for folder in folders:
            path = os.path.realpath(folder / name)
            if (
                path not in yielded
                and os.access(path, os.X_OK)
                and len(yielded) < _ASKED_MAX
            ):
                yielded.add(path)
                yield Path(path)


def _ask_uv(uv: Path, version: str) -> Interpreter | None:
    """Ask uv for a Python of `version`, which it may fetch, else of its minor version."""
    for wanted in (version, _minor(version)):
        try:
            done = subprocess.run(  # noqa: S603 (no shell)
                [uv, "python", "find", "--no-project", "--system", wanted],
                capture_output=True,
                text=True,
                timeout=_UV_TIMEOUT_S,
                check=True,
            )
            return ask_interpreter(Path(done.stdout.strip()), Path("/"), os.environ)
        except (OSError, subprocess.SubprocessError, InterpreterError):
            continue
    return None


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _numbers(version: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", version)]


def _distance(one: str, other: str) -> int:
    first, second = ([*_numbers(each), 0, 0, 0][2] for each in (one, other))
    return abs(first - second)


def without_python_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without what leads a Python into another environment."""
    leads = {
        "PYTHONHOME",
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "PIP_REQUIRE_VIRTUALENV",
    }
    return {name: value for name, value in environ.items() if name not in leads}
