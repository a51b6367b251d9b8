"""Makes an environment and installs into it, with uv if there is one, else with pip."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import RestoreError
from .pythons import without_python_variables

_TIMEOUT_S = 3600.0
"""torch with its CUDA libraries is 5 GB."""
_SAID_CHARS_MAX = 400
_HAS_PIP = importlib.util.find_spec("pip") is not None
_OFFLINE = re.compile(
    r"(?i)network is unreachable|name resolution|failed to resolve|dns error|offline|"
    r"connection (?:refused|error|reset|timed out)|error sending request|newconnectionerror|"
    r"max retries exceeded|failed to fetch"
)
_NOT_THERE = re.compile(
    r"(?i)no matching distribution|no solution found|not found in the|no version of"
)


class Installer:
    """One environment, and what installs into it."""

    def __init__(
        self, prefix: Path, uv: Path | None, pip_options: Sequence[str] = ()
    ) -> None:
        self.prefix = prefix
        self.python = prefix / "bin" / "python"
        self._uv = uv
        self._pip_options = [*pip_options]

    def create(self, python: Path) -> None:
        """Make an empty environment with `python`.

        Raises:
            RestoreError: it cannot be made.
        """
        if self._uv is not None:
            command = [
                str(self._uv),
                "venv",
                "-q",
                "--no-project",
                "--python",
                str(python),
            ]
        else:
            # Our own pip serves as well, and takes a tenth of the time that it takes to
            # put one there.
            bare = ["--without-pip"] if _HAS_PIP else []
            command = [str(python), "-m", "venv", *bare]
        done = self._run([*command, str(self.prefix)])
        if done.returncode:
            said = _last_line(done)
            hint = (
                "; install uv, or 'apt install python3-venv'"
                if "ensurepip" in said
                else ""
            )
            raise RestoreError(
                f"cannot make an environment with '{python}': {said}{hint}"
            )

    def install(self, requirements: Sequence[str], *options: str) -> None:
        """Install exactly `requirements`, without what they depend on.

        Raises:
            RestoreError: one cannot be had; says what to do.
        """
        if not requirements:
            return
        path = self.prefix / "lakebed-requirements.txt"
        path.write_text("\n".join(requirements) + "\n")
        done = self._run([*self._command(), "--no-deps", *options, "-r", str(path)])
        if done.returncode:
            raise RestoreError(_explain(done))

    def install_folder(self, folder: Path, *, is_editable: bool) -> str | None:
        """Install the project in `folder`; return why that could not be, if so."""
        what = ["-e", str(folder)] if is_editable else [str(folder)]
        done = self._run([*self._command(), "--no-deps", *what])
        return _last_line(done) if done.returncode else None

    def add_path(self, name: str, folder: Path) -> None:
        """Let modules in `folder` be imported as they lie."""
        usual = [each for each in (folder / "src", folder) if each.is_dir()][:1]
        places = _known_places(folder) or usual
        for site in self.prefix.glob("lib/python*/site-packages"):
            (site / f"_{name}.pth").write_text("".join(f"{each}\n" for each in places))

    def _command(self) -> list[str]:
        if self._uv is not None:
            command = [
                str(self._uv),
                "pip",
                "install",
                "-q",
                "--python",
                str(self.python),
            ]
        else:
            pip = [str(self.python), "-m", "pip"]
            if _HAS_PIP:
                pip = [sys.executable, "-m", "pip", "--python", str(self.python)]
            quiet = ("-q", "--disable-pip-version-check", "--no-input")
            command = [*pip, "install", *quiet]
        return [*command, *self._pip_options]

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603 (no shell)
                command,
                env=without_python_variables(os.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise RestoreError(
                f"'{Path(command[0]).name}' took longer than {_TIMEOUT_S:.0f} s"
            ) from error
        except OSError as error:
            raise RestoreError(
                f"cannot start '{command[0]}': {error.strerror}"
            ) from error


def _known_places(folder: Path) -> list[Path]:
    """Return what our own environment, if it has the same project, imports from `folder`."""
    found: list[Path] = []
    for site in sys.path:
        for path in (
            sorted(Path(site).glob("*.pth")) if site.endswith("-packages") else []
        ):
            lines = path.read_text(errors="replace").splitlines()
            found += [Path(line) for line in lines if line.startswith(str(folder))]
    return [each for each in found if each.is_relative_to(folder) and each.is_dir()]


def _explain(done: subprocess.CompletedProcess[str]) -> str:
    """Return why nothing could be installed, and what to do about it."""
    said = _last_line(done)
    everything = done.stdout + done.stderr
    if _OFFLINE.search(everything):
        return (
            f"cannot reach what has the distributions: {said}; name an index or a folder "
            "of wheels, or run in the current environment"
        )
    if "hash" in everything.lower() and "match" in everything.lower():
        return f"what the index has is not what was locked: {said}"
    if _NOT_THERE.search(everything):
        return (
            f"a distribution cannot be had any more: {said}; name an index that has it, "
            "or run in the current environment"
        )
    return f"cannot install the recorded distributions: {said}"


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line that says the reason, in one line without colours."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stderr or done.stdout)
    lines = [re.sub(r"^[\s│×╰─▶├┬]+", "", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.lower().startswith("hint")]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    if errors:
        return errors[-1].removeprefix("ERROR: ")
    # uv tells a chain of reasons over several lines.
    said = " ".join(lines).removeprefix("error: ")[:_SAID_CHARS_MAX]
    return said or f"it ended with {done.returncode}"
