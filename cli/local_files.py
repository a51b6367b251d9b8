"""Local files as they are copied: which there are, and where they may be written.

A name that comes from data decides where we write. `local_target` refuses every name
that would leave the folder it is copied to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .exits import CommandError

PATH_BYTES_MAX = 1024
"""Longest path of an object."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file below a folder."""

    path: Path
    name: str
    """Relative to the folder, with `/` between."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something below a folder that is not copied."""

    path: Path
    reason: str
    is_failure: bool = False
    """It should have been."""


def walk(folder: Path) -> Iterator[LocalFile | Skipped]:
    """Yield what lies below `folder`, in the order of the names that objects get.

    That is the order of a listing, so that both can be walked side by side. Links to
    files are read through; links to directories are not followed, because they may lead
    round in a circle. What is no file (a pipe, a socket) is skipped, and so is what
    cannot be looked into or have its name as the path of an object.

    Raises:
        OSError: `folder` itself cannot be read.
    """
    waiting = [iter(_scan(os.fspath(folder)))]
    prefix_bytes = len(os.path.join(folder, ""))  # noqa: PTH118 - as text: see `_scan`
    while waiting:
        item = next(waiting[-1], None)
        if item is None:
            waiting.pop()
            continue
        is_folder, found = item
        if not is_folder:
            yield _look_at(found, found.path[prefix_bytes:])
            continue
        try:
            waiting.append(iter(_scan(found.path)))
        except OSError as error:
            yield Skipped(Path(found.path), _reason(error), is_failure=True)


def _scan(folder: str) -> list[tuple[bool, os.DirEntry[str]]]:
    """Return what `folder` holds in order, and which of it are folders.

    Text and no path objects: those cost as much as all the rest of a walk.
    """
    with os.scandir(folder) as found:
        items = [(item.is_dir(follow_symlinks=False), item) for item in found]
    # What lies in a folder has its name and a slash before its own.
    items.sort(key=lambda item: os.fsencode(item[1].name) + b"/" * item[0])
    return items


def _look_at(item: os.DirEntry[str], name: str) -> LocalFile | Skipped:
    path = Path(item.path)
    try:
        status = item.stat()
    except OSError as error:
        return Skipped(path, _reason(error))
    if stat.S_ISDIR(status.st_mode):
        return Skipped(path, "a link to a directory")
    if not stat.S_ISREG(status.st_mode):
        return Skipped(path, "not a file")
    try:
        name_bytes = len(name.encode())
    except UnicodeEncodeError:
        return Skipped(path, "its name is not UTF-8", is_failure=True)
    if name_bytes > PATH_BYTES_MAX:
        reason = f"its name is {name_bytes} bytes long, over {PATH_BYTES_MAX}"
        return Skipped(path, reason, is_failure=True)
    return LocalFile(path, name, status.st_size)


def _reason(error: OSError) -> str:
    return (error.strerror or "cannot be read").lower()


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


class LocalFolder:
    """A folder that objects are written to as files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._looked_at: set[tuple[str, ...]] = {()}
        """Folders below, by their parts, that are no links."""

    def target(self, name: str) -> Path:
        """Return where the object `name` is written.

        Raises:
            CommandError: the name would leave the folder, or is none for a file.
        """
        return self.find(name)[0]

    def find(self, name: str) -> tuple[Path, os.stat_result | None]:
        """Return where the object `name` is written, and what is there now.

        Raises:
            CommandError: the name would leave the folder, or is none for a file.
            OSError: nothing can be written there.
        """
        parts = tuple(name.split("/"))
        if "\0" in name or not _NO_NAMES.isdisjoint(parts):
            raise CommandError(
                f"object '{name}' cannot be a file below '{self._folder}': its path has "
                "an empty part, '.' or '..'"
            )
        # A link in the way would lead out of the folder just as well.
        self._look_at(name, parts[:-1])
        target = self._folder.joinpath(*parts)
        try:
            status = os.lstat(target)
        except (FileNotFoundError, NotADirectoryError):
            return target, None
        if stat.S_ISLNK(status.st_mode):
            raise CommandError(
                f"object '{name}' cannot be written: '{target}' is a link"
            )
        return target, status

    def _look_at(self, name: str, parts: tuple[str, ...]) -> None:
        if parts in self._looked_at:
            return
        self._look_at(name, parts[:-1])
        place = self._folder.joinpath(*parts)
        if place.is_symlink():
            raise CommandError(
                f"object '{name}' cannot be written: '{place}' is a link"
            )
        self._looked_at.add(parts)


_NO_NAMES = frozenset({"", ".", ".."})


def local_target(folder: Path, name: str) -> Path:
    """Return where below `folder` the object `name` is written.

    Raises:
        CommandError: the name would leave the folder, or is none for a file.
    """
    return LocalFolder(folder).target(name)
