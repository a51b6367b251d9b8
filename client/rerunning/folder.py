"""The folder in which a run is done again: its code, its configuration, its environment.

    FOLDER/work/NAME        the work tree, under the name that it had
    FOLDER/work/elsewhere   inputs and outputs that lay outside of it altogether
    FOLDER/env              the environment, if it is made again
    FOLDER/outputs          with `--verify`: both versions of outputs that differ

Data is not here yet: the command is given it as that of any run is, when it begins.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from ..restoring import RestoreError, recreate_environment, restore_code
from ..wire import Code, Configuration, Environment, InputWish, OutputWish, Run, Seeds
from ..wire.run_parts import MASK
from .errors import CodeNotRestoredError, EnvironmentNotRestoredError, RerunError
from .options import RerunOptions
from .parts import Parts
from .places import Places, make_places

SEED_VARIABLE = "LAKEBED_SEED"
OF_THE_PLACE = ("VIRTUAL_ENV", "CONDA_PREFIX", "PATH", "HOME", "PWD", "TMPDIR")
"""Recorded variables that say where something is: here it is somewhere else."""


class KeptFiles(Protocol):
    """What is asked of the client."""

    async def read_run_file(self, repository: str, run: str, name: str) -> bytes:
        """Return the content of a kept file."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A command that is ready to run again."""

    argv: list[str]
    directory: Path
    environ: dict[str, str]
    inputs: list[InputWish]
    outputs: list[OutputWish]
    config: list[Path]
    seed: int | None
    notes: tuple[str, ...]
    """What is not as it was, a sentence each."""


async def prepare_folder(
    lake: KeptFiles, first: Run, options: RerunOptions, environ: Mapping[str, str]
) -> Prepared:
    """Put what the run `first` needs into the folder of `options`.

    Args:
        environ: what the command will find beside what was recorded.

    Raises:
        RerunError: the run cannot be done again; its class says what is in the way.
    """
    parts = Parts.of(first)
    code = _check(first, parts)
    loop = asyncio.get_running_loop()

    def read_file(name: str) -> bytes:
        reading = lake.read_run_file(first.repository, first.id, name)
        return asyncio.run_coroutine_threadsafe(reading, loop).result()

    def restore() -> Prepared:
        return _restore(first, parts, code, options, read_file, environ)

    return await asyncio.to_thread(restore)


class _ReadFile(Protocol):
    def __call__(self, name: str) -> bytes: ...


def _check(first: Run, parts: Parts) -> Code:
    """Return the code of `first`, if it can be done again at all."""
    if parts.code is None:
        raise RerunError(
            f"cannot do run '{first.id}' again: its code was not recorded; 'lakebed why' "
            "tells what is known of it"
        )
    if parts.code.notebook is not None:
        raise RerunError(
            f"cannot do run '{first.id}' again: it was a notebook, which no command "
            f"runs; its cells are kept with it as '{parts.code.notebook}'"
        )
    if parts.code.interactive:
        raise RerunError(
            f"cannot do run '{first.id}' again: it was {parts.code.interactive}, which "
            "waits for somebody to type: put what was typed into a script, and run that"
        )
    word = parts.code.masked_argument
    if word is not None:
        raise RerunError(
            f"cannot do run '{first.id}' again: its command has a secret, which was "
            f"not recorded: '{word}'; give secrets in the environment instead"
        )
    return parts.code


def _restore(
    first: Run,
    parts: Parts,
    code: Code,
    options: RerunOptions,
    read_file: _ReadFile,
    environ: Mapping[str, str],
) -> Prepared:
    options.tell("the code")
    try:
        restored = restore_code(
            code,
            read_file,
            options.folder / "work" / _name_of(code),
            fetch_from=options.code_from,
        )
    except RestoreError as error:
        raise CodeNotRestoredError(error.message) from error
    interpreter, notes = _make_environment(
        first, parts, options, read_file, restored.moved
    )
    places = make_places(
        code,
        parts.environment,
        root=restored.root,
        directory=restored.directory,
        interpreter=interpreter,
    )
    named = [each.local for each in first.inputs] + [
        each.local for each in first.outputs
    ]
    locals_ = [local for local in named if local is not None]
    places = places.with_moves(locals_)
    variables = _variables(parts, places, environ)
    config, config_notes = _put_configuration(parts.configuration, places, read_file)
    return Prepared(
        argv=places.map_command(code.argv, variables.get("PATH", os.defpath)),
        directory=restored.directory,
        environ=variables,
        inputs=_inputs(first, places),
        outputs=_outputs(first, places),
        config=config,
        seed=_find_seed(parts.seeds),
        notes=(
            *restored.notes,
            *notes,
            *config_notes,
            *_notes_on_moves(places, locals_),
        ),
    )


def _name_of(code: Code) -> str:
    """Return the name of the folder of the work tree, which commands may rely on."""
    name = PurePosixPath(code.root or code.directory).name
    return name if name not in ("", ".", "..", "elsewhere") else "code"


def _make_environment(
    first: Run,
    parts: Parts,
    options: RerunOptions,
    read_file: _ReadFile,
    moved: Mapping[str, Path],
) -> tuple[Path | None, tuple[str, ...]]:
    """Return the interpreter of the environment that was made, and what to say of it."""
    environment = parts.environment
    if options.environment == "current":
        return None, ()
    if environment is None:
        raise EnvironmentNotRestoredError(
            f"cannot make the environment of run '{first.id}' again: it was not recorded"
        )
    if not environment.python:
        # The command is no Python: what it needs is on this machine or is not.
        return None, ("the command is no Python: it runs in the environment here",)
    options.tell(f"the environment, Python {environment.python}")
    try:
        made = recreate_environment(
            environment,
            read_file,
            options.folder / "env",
            pip_options=options.pip_options,
            moved=moved,
        )
    except RestoreError as error:
        raise EnvironmentNotRestoredError(error.message) from error
    return made.python, made.notes


def _variables(
    parts: Parts, places: Places, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of the command."""
    variables = dict(environ)
    if parts.environment is not None:
        for name, value in parts.environment.variables.items():
            if name not in OF_THE_PLACE:
                variables[name] = places.map_text(value)
    if places.programs is not None:
        variables["PATH"] = f"{places.programs}{os.pathsep}{variables.get('PATH', '')}"
        variables["VIRTUAL_ENV"] = str(places.programs.parent)
        # They would lead into another environment.
        for name in ("PYTHONHOME", "PYTHONPATH", "CONDA_PREFIX"):
            if name not in _recorded(parts.environment):
                variables.pop(name, None)
    _set_seeds(parts.seeds, variables)
    return variables


def _recorded(environment: Environment | None) -> Mapping[str, str]:
    return environment.variables if environment is not None else {}


def _find_seed(seeds: Seeds | None) -> int | None:
    """Return the seed that the run itself was given, with all that follows from it.

    One that the program drew for itself it finds in its environment, and no more.
    """
    is_of_the_run = seeds is not None and seeds.pythonhashseed is not None
    return seeds.seed if is_of_the_run and seeds is not None else None


def _set_seeds(seeds: Seeds | None, variables: dict[str, str]) -> None:
    variables.pop(SEED_VARIABLE, None)
    variables.pop("PYTHONHASHSEED", None)
    if seeds is None:
        return
    if seeds.seed is not None:
        variables[SEED_VARIABLE] = str(seeds.seed)
    if seeds.pythonhashseed is not None:
        variables["PYTHONHASHSEED"] = seeds.pythonhashseed


def _inputs(first: Run, places: Places) -> list[InputWish]:
    """Return the declared inputs, each with where it is checked out to now.

    The refs are those that were written: the server knows what they meant to the first
    run. What was observed is read by the command itself.
    """
    return [
        InputWish(
            repository=each.repository,
            ref=each.ref,
            path=each.path,
            local=None if each.local is None else _slashed(places, each.local),
        )
        for each in first.inputs
        if each.how == "declared"
    ]


def _outputs(first: Run, places: Places) -> list[OutputWish]:
    """Return the outputs that the command writes into files of ours."""
    return [
        OutputWish(
            repository=each.repository,
            branch=each.branch,
            path=each.path,
            local=_slashed(places, each.local),
        )
        for each in first.outputs
        if each.how == "declared" and each.local is not None
    ]


def _slashed(places: Places, local: str) -> str:
    """Return where `local` lies now; a slash at its end says that it is a folder."""
    return f"{places.map_path(local)}{'/' if local.endswith('/') else ''}"


def _put_configuration(
    configuration: Configuration | None, places: Places, read_file: _ReadFile
) -> tuple[list[Path], list[str]]:
    """Put configuration files where they were, as they were.

    Return where that is, and what to say of it.
    """
    put: list[Path] = []
    notes: list[str] = []
    for each in configuration.files if configuration is not None else ():
        target = places.map_path(each.path)
        content = read_file(each.file)
        put.append(target)
        if each.is_masked:
            if target.is_file():
                # That of the code may have what was masked.
                notes.append(
                    f"'{each.path}' is the one of the code: with the run it was kept "
                    "with its secrets masked"
                )
                continue
            notes.append(
                f"'{each.path}' has secrets, which were not recorded: '{MASK}'"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return put, notes


def _notes_on_moves(places: Places, locals_: list[str]) -> list[str]:
    return [
        f"'{each}' lies in '{places.map_path(each)}' now: code that names the old place "
        "itself does not find it"
        for each in locals_
        if places.is_elsewhere(each)
        or str(places.map_path(each)).startswith(f"{places.elsewhere}/")
    ]


def check_folder(folder: Path) -> None:
    """Make sure that `folder` is new, or empty.

    Raises:
        RerunError: it is used.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise RerunError(f"'{folder}' is not empty: give a new folder")
