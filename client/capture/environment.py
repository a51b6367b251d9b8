"""What a command runs in: its Python, what is installed there, the system around it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..wire import Environment, Missing
from .beside import shown
from .captured import DEFAULT_LIMITS, Captured, Limits
from .command import Command, find_program, read_command
from .container import find_container
from .distributions import read_conda, read_distributions
from .interpreter import (
    Interpreter,
    InterpreterError,
    ask_interpreter,
    this_interpreter,
)
from .locks import Lock, explain_mismatch, files_of, find_locks
from .parallel import begin
from .variables import read_variables


def capture_environment(
    directory: Path,
    argv: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    in_process: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    system_root: Path = Path("/"),
) -> Captured[Environment]:
    """Return what `argv` will run in when it is started in `directory`.

    Args:
        environ: what the command will have in its environment; None: what we have.
        in_process: the command is this very process, which need not be found.
        system_root: where the files of the system are, for tests.
    """
    environ = os.environ if environ is None else environ
    directory = Path(os.path.abspath(directory))  # noqa: PTH100 (links stay)
    root = _find_project_root(directory)
    locks_call = begin(lambda: find_locks(directory, root, limits))
    missing: list[Missing] = []
    container = find_container(environ, root=system_root)
    command = read_command(argv, directory, environ)
    python: Interpreter | None = None
    try:
        if in_process:
            python = this_interpreter()
        else:
            python = _ask(command, argv, directory, environ, missing)
    except InterpreterError as error:
        missing.append(Missing(what="environment", reason=str(error)))
    if container.image is not None:
        missing.clear()  # whatever it runs is in the image
    installed = read_distributions(python.path) if python is not None else []
    conda = read_conda(Path(python.prefix)) if python is not None else []
    locks, unread = locks_call.result()
    missing += unread
    mismatch = explain_mismatch(locks, installed) if python is not None else None
    if mismatch is not None and not _is_conda_locked(locks, bool(conda)):
        missing.append(mismatch)
    for each in installed:
        # What records is not what is recorded: it is named with its version.
        if each.name != "lakebed" and _is_elsewhere(each.url or "", root):
            text = (
                f"'{each.name}' is installed from {each.url}: its code is not recorded"
            )
            missing.append(Missing(what="environment.distributions", reason=text))
    release = os.uname()
    return Captured(
        Environment(
            python=python.version if python else "",
            implementation=python.implementation if python else "",
            executable=shown(python.executable) if python else "",
            prefix=shown(python.prefix) if python else "",
            manager=_manager(python, locks, command.runner, bool(conda)),
            locks=[each.row for each in locks],
            distributions=installed,
            conda=conda,
            container=container.kind,
            image=container.image,
            os=_read_os(system_root) or release.sysname,
            kernel=f"{release.sysname} {release.release}",
            libc=_read_libc(system_root),
            variables=read_variables(environ),
        ),
        tuple(files_of(locks)),
        tuple(missing),
    )


def _ask(
    command: Command,
    argv: Sequence[str],
    directory: Path,
    environ: Mapping[str, str],
    missing: list[Missing],
) -> Interpreter | None:
    """Ask the Python that will run; name what is not known of it."""
    if command.interpreter is not None:
        return ask_interpreter(command.interpreter, directory, environ)
    name = shown(argv[0]) if argv else ""
    if command.runner:
        text = f"the environment that '{command.runner} run' works in was not found"
        missing.append(Missing(what="environment", reason=text))
        return None
    if not command.is_shell:
        text = f"'{name}' is no Python: what it needs is not recorded"
        missing.append(Missing(what="environment", reason=text))
        return None
    for candidate in ("python", "python3"):
        python = find_program(candidate, directory, environ)
        if python is not None:
            text = f"'{name}' may run anything: what '{candidate}' has is recorded"
            missing.append(Missing(what="environment.python", reason=text))
            return ask_interpreter(python, directory, environ)
    text = f"'{name}' is no Python, and there is none"
    missing.append(Missing(what="environment", reason=text))
    return None


def _find_project_root(directory: Path) -> Path:
    """Return the root of the work tree, as far as it can be seen without git."""
    for folder in (directory, *directory.parents):
        if (folder / ".git").exists():
            return folder
    return directory


def _manager(
    python: Interpreter | None, locks: Sequence[Lock], runner: str, is_conda: bool
) -> str:
    if python is None:
        return runner
    prefix = Path(python.prefix)
    if is_conda:
        return "conda"
    try:
        settings = (prefix / "pyvenv.cfg").read_text(errors="replace")
    except OSError:
        return "system"
    if runner in ("uv", "poetry", "pdm", "pipenv"):
        return runner
    if re.search(r"(?m)^uv\s*=", settings):
        return "uv"
    if "pypoetry" in prefix.parts or any(each.row.kind == "poetry" for each in locks):
        return "poetry"
    return "venv"


def _is_conda_locked(locks: Sequence[Lock], is_conda: bool) -> bool:
    return is_conda and any(each.row.kind == "conda" for each in locks)


def _is_elsewhere(url: str, root: Path) -> bool:
    """Tell whether `url` is a folder or file of this machine outside of `root`."""
    if not url.startswith("file://"):
        return False
    path = re.sub(r"[#?].*", "", url.removeprefix("file://").removeprefix("localhost"))
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _read_os(root: Path) -> str:
    try:
        text = (root / "etc" / "os-release").read_text(errors="replace")
    except OSError:
        return ""
    found = re.search(r'(?m)^PRETTY_NAME="?([^"\n]*)"?$', text)
    return found[1] if found is not None else ""


def _read_libc(root: Path) -> str:
    try:
        named = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        named = None
    if named:
        return named
    musl = sorted((root / "lib").glob("ld-musl-*.so.1"))
    return "musl" if musl else ""
