"""Local files as they are copied: which there are, and where they may be written.

A name that comes from data decides where we write. `local_target` refuses every name
that would leave the folder it is copied to.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .exits import CommandError


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file below a folder."""

    path: Path
    name: str
    """Relative to the folder, with `/` between."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something below a folder that is no file that can be copied."""

    path: Path
    reason: str


def walk(folder: Path) -> Iterator[LocalFile | Skipped]:
    """Yield what lies below `folder`, each directory by name.

    Links to files are read through; links to directories are not followed, because
    they may lead round in a circle. What is no file (a pipe, a socket) is skipped.

    Raises:
        OSError: a directory cannot be read.
    """
    with os.scandir(folder) as found:
        items = sorted(found, key=lambda item: os.fsencode(item.name))
    for item in items:
        path = folder / item.name
        if item.is_dir(follow_symlinks=False):
            for below in walk(path):
                if isinstance(below, LocalFile):
                    name = f"{item.name}/{below.name}"
                    yield LocalFile(below.path, name, below.size_bytes)
                else:
                    yield below
            continue
        try:
            status = path.stat()
        except OSError as error:
            yield Skipped(path, (error.strerror or "cannot be read").lower())
            continue
        if stat.S_ISDIR(status.st_mode):
            yield Skipped(path, "a link to a directory")
        elif not stat.S_ISREG(status.st_mode):
            yield Skipped(path, "not a file")
        else:
            yield LocalFile(path, item.name, status.st_size)


def object_name(name: str) -> str:
    """Return `name`, a local one, if it can be the path of an object.

    Raises:
        CommandError: it is not UTF-8.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raise CommandError(f"file name '{name}' is not UTF-8") from None
    return name


def local_target(folder: Path, name: str) -> Path:
    """Return where below `folder` the object `name` is written.

    Raises:
        CommandError: the name would leave the folder, or is none for a file.
    """
    parts = name.split("/")
    if "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise CommandError(
            f"object '{name}' cannot be a file below '{folder}': its path has an "
            "empty part, '.' or '..'"
        )
    target = folder.joinpath(*parts)
    # A link in the way would lead out of the folder just as well.
    place = folder
    for part in parts[:-1]:
        place /= part
        if place.is_symlink():
            raise CommandError(
                f"object '{name}' cannot be written: '{place}' is a link"
            )
    if target.is_symlink():
        raise CommandError(f"object '{name}' cannot be written: '{target}' is a link")
    return target


def md5_of(path: Path) -> str:
    """Return the MD5 of a file in hex: what most objects have as their checksum."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest()
