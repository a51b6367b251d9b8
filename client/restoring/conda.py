"""Makes a conda environment again, from the URLs of its packages."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..wire import Environment
from .errors import RestoreError

_PROGRAMS = ("micromamba", "mamba", "conda")
_TIMEOUT_S = 3600.0
_URL = re.compile(r"(?:https?|file)://\S+")
_PACKAGE = re.compile(r"[\w.-]+")


def create_conda(environment: Environment, into: Path) -> None:
    """Make the conda packages of `environment` again in the folder `into`.

    Raises:
        RestoreError: no conda is installed, or it cannot.
    """
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        raise RestoreError(
            "the run's environment was made with conda, which is not installed: install "
            "micromamba, or run in the current environment"
        )
    lines = [_line(each.name, each.version, each.url) for each in environment.conda]
    explicit = all(each.url is not None for each in environment.conda)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join((["@EXPLICIT"] if explicit else []) + lines) + "\n")
        file.flush()
        done = subprocess.run(  # noqa: S603 (no shell)
            [program, "create", "-y", "-q", "-p", str(into), "--file", file.name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        reason = said[-1] if said else f"it ended with {done.returncode}"
        raise RestoreError(f"conda cannot make the environment again: {reason}")


def _line(name: str, version: str, url: str | None) -> str:
    if url is not None and _URL.fullmatch(url):
        return url
    number, _, build = version.partition("=")
    if not all(_PACKAGE.fullmatch(word) for word in (name, number, build)):
        raise RestoreError(
            f"the recorded environment has '{name} {version}', which is no package: the "
            "record is damaged"
        )
    return f"{name}={number}={build}"
