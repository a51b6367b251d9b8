"""What a command line runs: which interpreter, and which file of code.

Read from the words alone and from what lies in the folder; nothing is started.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_PYTHON = re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)*)?t?(?:\.exe)?")
_SHELLS = {"sh", "bash", "zsh", "dash", "ksh", "fish", "make", "just", "task"}
_RUNNERS = {
    "uv",
    "poetry",
    "pdm",
    "pipenv",
    "conda",
    "mamba",
    "micromamba",
    "pixi",
    "rye",
}
"""`RUNNER run COMMAND` runs COMMAND in an environment of its own."""
_WITH_VALUE = {"-W", "-X", "-Q", "--check-hash-based-pycs"}
_CODE_SUFFIXES = {
    ".py",
    ".ipynb",
    ".sh",
    ".r",
    ".jl",
    ".pl",
    ".rb",
    ".js",
    ".lua",
    ".m",
}
_SHEBANG_BYTES = 512


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, taken apart."""

    interpreter: Path | None = None
    """The Python that runs it, if it is Python; not resolved further."""
    entry: Path | None = None
    """The file of code that it runs."""
    is_shell: bool = False
    """Whether it is a shell or a script of one, which may run any Python."""
    runner: str = ""
    """`uv`, `poetry` ... if it is started by one."""


def read_command(
    argv: Sequence[str], directory: Path, environ: Mapping[str, str]
) -> Command:
    """Return what `argv`, run in `directory`, runs."""
    words = list(argv)
    runner = _runner_of(words)
    for position, word in enumerate(words):
        if _PYTHON.fullmatch(Path(word).name):
            after = words[position + 1 :]
            return Command(
                interpreter=_find_python(word, words, directory, environ, runner),
                entry=_python_entry(after, directory),
                runner=runner,
            )
    entry = _first_code_file(words, directory)
    if runner:
        project = find_project_python(runner, words, directory, environ)
        return Command(interpreter=project, entry=entry, runner=runner)
    program = find_program(words[0], directory, environ) if words else None
    if program is None:
        return Command(entry=entry)
    shebang = read_shebang(program)
    if _PYTHON.fullmatch(Path(shebang).name):
        python = find_program(shebang, directory, environ)
        own = program if _is_within(program, directory) else None
        return Command(interpreter=python, entry=entry or own)
    is_shell = any(Path(name).name in _SHELLS for name in (words[0], shebang))
    return Command(entry=entry, is_shell=is_shell)


def find_program(word: str, directory: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the file that `word` starts, as a shell finds it; None: there is none."""
    if "/" in word:
        path = directory / word
        return path if path.is_file() else None
    found = shutil.which(word, path=environ.get("PATH", os.defpath))
    return directory / found if found else None


def read_shebang(program: Path) -> str:
    """Return the interpreter that the first line of `program` names, else nothing."""
    try:
        with program.open("rb") as file:
            start = file.read(_SHEBANG_BYTES)
    except OSError:
        return ""
    if not start.startswith(b"#!"):
        return ""
    lines = os.fsdecode(start).splitlines()
    words = lines[0][2:].split()
    # pip's way around the limit on the length of that line: sh, which then runs python.
    wrapped = (
        re.match(r"'''exec' \"?([^\"]+?)\"? \"\$0\"", lines[1]) if lines[1:] else None
    )
    if wrapped is not None:
        return wrapped[1]
    if words and Path(words[0]).name == "env":
        words = [
            word for word in words[1:] if not word.startswith("-") and "=" not in word
        ]
    return words[0] if words else ""


def find_project_python(
    runner: str, words: Sequence[str], directory: Path, environ: Mapping[str, str]
) -> Path | None:
    """Return the Python of the environment in which `runner` runs commands of a project."""
    from .projects import find_environment

    prefix = find_environment(runner, words, directory, environ)
    return prefix / "bin" / "python" if prefix is not None else None


def _find_python(
    word: str,
    words: Sequence[str],
    directory: Path,
    environ: Mapping[str, str],
    runner: str,
) -> Path | None:
    if runner and "/" not in word:
        project = find_project_python(runner, words, directory, environ)
        if project is not None or runner != "uv":
            return project
    return find_program(word, directory, environ)


def _runner_of(words: Sequence[str]) -> str:
    for word, after in pairwise(words):
        name = Path(word).name
        if name in _RUNNERS and (after == "run" or after.startswith("-")):
            return name if "run" in words else ""
    return ""


def _python_entry(words: Sequence[str], directory: Path) -> Path | None:
    """Return the file that Python runs with `words` after it."""
    rest = iter(words)
    for word in rest:
        if word in _WITH_VALUE:
            next(rest, None)
        elif word == "-c" or (word.startswith("-c") and not word.startswith("--")):
            return None
        elif word == "-m":
            return _module_entry(list(rest), directory)
        elif re.fullmatch(r"-[bBdEhiIOPqsSuvVx]*m.*", word):
            name = word.partition("m")[2]
            return _module_entry([name, *rest] if name else list(rest), directory)
        elif not word.startswith("-"):
            path = directory / word
            if path.is_dir():
                path /= "__main__.py"
            return path if path.is_file() else None
    return None


def _module_entry(words: Sequence[str], directory: Path) -> Path | None:
    if not words:
        return None
    relative = Path(*words[0].split("."))
    for folder in (directory, directory / "src"):
        for path in (
            folder / relative.with_suffix(".py"),
            folder / relative / "__main__.py",
        ):
            if path.is_file():
                return path
    # `python -m torch.distributed.run train.py`: what runs the module that we look for.
    return _first_code_file(words[1:], directory)


def _first_code_file(words: Sequence[str], directory: Path) -> Path | None:
    for word in words:
        if word.startswith("-") or Path(word).suffix.lower() not in _CODE_SUFFIXES:
            continue
        if (directory / word).is_file():
            return directory / word
    return None


def _is_within(path: Path, directory: Path) -> bool:
    return path.resolve().is_relative_to(directory.resolve())
