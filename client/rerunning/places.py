"""Where that lies now what lay somewhere then.

A run is done again in a folder of its own. Commands and configurations name places as
they were: the work tree, the interpreter, folders beside the work tree. Whatever names
one of them, as a whole or at the beginning of a longer path, is made to name the new one.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ..wire import Code, Environment
from .errors import ProgramMissingError, RerunError

SYSTEM_MANAGERS = ("", "system")
"""Of an environment whose prefix is that of the whole system: `/usr` stays `/usr`."""

_BEFORE = r"(?<![\w.~/-])"
_BEHIND = r"(?=$|[/:;,=\s\"'])"
"""A path ends there: `/home/ann/code` is not the beginning of `/home/ann/code2`."""


@dataclass(frozen=True, slots=True)
class Places:
    """What lay where, and where it lies now."""

    old_root: str
    """Of the work tree, absolute."""
    old_directory: str
    """Where the command ran, absolute."""
    root: Path
    directory: Path
    moved: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further places, absolute: from then to now."""
    programs: Path | None = None
    """Folder of the programs of the environment; None: the one that is here."""
    old_interpreter: str = ""
    """Of the environment, as it was; empty: there was none."""

    def map_text(self, text: str) -> str:
        """Return `text` with every place in it that we know of as it is now."""
        pairs = {self.old_root: str(self.root), **self.moved}
        known = [old for old in pairs if old.strip("/")]
        if not known:
            return text
        # The longest first: an environment often lies in the work tree.
        names = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
        pattern = f"{_BEFORE}({names}){_BEHIND}"
        return re.sub(pattern, lambda match: pairs[match[1]], text)

    def map_path(self, text: str) -> Path:
        """Return where the file that the user wrote as `text` lies now.

        What lay somewhere else lies in the folder `elsewhere`.

        Raises:
            RerunError: the way to it leads out of the folder.
        """
        if self.is_elsewhere(text):
            now = self.elsewhere / os.path.normpath(text).lstrip("/")
        elif text.startswith("/"):
            now = Path(self.map_text(os.path.normpath(text)))
        else:
            now = Path(os.path.normpath(self.directory / text))
        if not now.is_relative_to(self.root.parent):
            raise RerunError(
                f"cannot put '{text}' where it was: it lies more than one folder above "
                "the code; name inputs and outputs nearer to it"
            )
        return now

    def is_elsewhere(self, text: str) -> bool:
        """Tell whether `text` names a place by itself that is not in the work tree."""
        whole = os.path.normpath(text)
        return text.startswith("/") and self.map_text(whole) == whole

    @property
    def elsewhere(self) -> Path:
        """Where that lies which lay somewhere else altogether."""
        return self.root.parent / "elsewhere"

    def with_moves(self, texts: Iterable[str]) -> Places:
        """Return places that know of the files `texts` as well."""
        moves = {
            os.path.normpath(text): str(self.map_path(text))
            for text in texts
            if self.is_elsewhere(text)
        }
        return replace(self, moved={**self.moved, **moves})

    def map_command(self, argv: Sequence[str], path: str) -> list[str]:
        """Return `argv` as it is to be run now.

        Args:
            path: the variable PATH that the command will have.

        Raises:
            ProgramMissingError: there is no such program here.
            RerunError: there is no command.
        """
        if not argv:
            raise RerunError("cannot run again: no command was recorded")
        program = argv[0]
        if "/" in program:
            old = os.path.normpath(os.path.join(self.old_directory, program))  # noqa: PTH118
            found = self.map_text(old)
            if not os.access(found, os.X_OK):
                found = self._find_elsewhere(old, path)
        else:
            found = shutil.which(program, path=path) or ""
        if not found:
            raise ProgramMissingError(
                f"cannot run again: there is no program '{program}' here"
            )
        return [found, *map(self.map_text, argv[1:])]

    def _find_elsewhere(self, old: str, path: str) -> str:
        """Return a program of the environment that is not made again; empty: none."""
        programs = PurePosixPath(self.old_interpreter or "/nowhere").parent
        is_of_environment = PurePosixPath(old).parent == programs
        if self.programs is None and is_of_environment and os.access(old, os.X_OK):
            return old
        # The environment of another machine: the same program of this one.
        return shutil.which(PurePosixPath(old).name, path=path) or ""


def make_places(
    code: Code,
    environment: Environment | None,
    *,
    root: Path,
    directory: Path,
    interpreter: Path | None,
) -> Places:
    """Return where things lie now.

    Args:
        root: the work tree, with the same name as it had.
        directory: where the command will run, in it.
        interpreter: of the environment that was made again; None: there is none.
    """
    old_directory = os.path.normpath(os.path.join(code.root or "/", code.directory))  # noqa: PTH118
    moved: dict[str, str] = {}
    if interpreter is not None and environment is not None:
        if environment.executable:
            moved[environment.executable] = str(interpreter)
        if environment.prefix and environment.manager not in SYSTEM_MANAGERS:
            moved[environment.prefix] = str(interpreter.parent.parent)
    return Places(
        old_root=code.root or old_directory,
        old_directory=old_directory,
        root=root,
        directory=directory,
        moved=moved,
        programs=interpreter.parent if interpreter is not None else None,
        old_interpreter=environment.executable if environment is not None else "",
    )
