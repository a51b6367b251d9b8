"""What a Python interpreter is and has installed, asked of it in one short call.

It is asked where it looks for modules; what is installed there is read from the names of
folders, which is a hundred times faster than what its own library does.
"""

from __future__ import annotations

import ast
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

_ASK = (
    "import sys\n"
    "i = getattr(sys, 'implementation', None)\n"
    "v = '.'.join(map(str, sys.version_info[:3]))\n"
    "k = sys.version_info[3]\n"
    "v += '' if k == 'final' else k[0] + str(sys.version_info[4])\n"
    "sys.stdout.write('\\x1e' + repr((v, i and i.name or 'cpython', sys.executable,"
    " sys.prefix, getattr(sys, 'base_prefix', sys.prefix), list(sys.path))) + '\\x1e')\n"
)
"""Runs on every Python there is. Marked at both ends: what starts with a Python
(`sitecustomize`) may print as well."""
_TIMEOUT_S = 20.0
"""A Python on a cold network disk takes seconds to start."""


class InterpreterError(Exception):
    """An interpreter cannot be asked."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python interpreter."""

    version: str
    implementation: str
    executable: str
    prefix: str
    base_prefix: str
    path: tuple[str, ...]
    """Where it looks for modules."""


def ask_interpreter(
    python: Path, directory: Path, environ: Mapping[str, str]
) -> Interpreter:
    """Return what `python` says of itself when it is started in `directory`.

    Raises:
        InterpreterError: it does not start, or is no Python.
    """
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONSTARTUP": "", "PYTHONINSPECT": ""}
    try:
        done = subprocess.run(  # noqa: S603 (the user's own command)
            [str(python), "-c", _ASK],
            cwd=directory,
            env=dict(environ) | quiet,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InterpreterError(
            f"'{python}' did not answer within {_TIMEOUT_S:g} s"
        ) from error
    except OSError as error:
        raise InterpreterError(
            f"'{python}' cannot be started: {error.strerror}"
        ) from error
    answer = done.stdout.split(b"\x1e")
    if len(answer) < 3:
        raise InterpreterError(f"'{python}' does not answer like a Python")
    fields = cast(
        "tuple[Any, ...]", ast.literal_eval(answer[1].decode(errors="replace"))
    )
    version, implementation, executable, prefix, base_prefix, path = fields
    return Interpreter(
        str(version),
        str(implementation),
        str(executable),
        str(prefix),
        str(base_prefix),
        # The first is the folder itself, of `-c`: a script has its own there.
        tuple(str(each) for each in path if each),
    )


def this_interpreter() -> Interpreter:
    """Return the interpreter that runs this."""
    return Interpreter(
        platform.python_version(),
        sys.implementation.name,
        sys.executable,
        sys.prefix,
        sys.base_prefix,
        tuple(each for each in sys.path if each and each != os.getcwd()),  # noqa: PTH109
    )
