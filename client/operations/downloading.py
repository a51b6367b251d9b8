"""Write what is downloaded into a file that appears when it is whole."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO


@contextmanager
def replace_file(path: Path) -> Generator[BinaryIO]:
    """Give a file to write that takes the place of `path` when the block ends.

    If the block raises, what was at `path` stays. A link is followed, and the mode of a
    file that is replaced is kept. What is there and is no ordinary file (`/dev/null`, a
    pipe) is written to as it stands: to replace it would be a disaster.
    """
    path = path.resolve()
    if not is_replaceable(path):
        with path.open("wb") as file:
            yield file
        return
    partial = path.with_name(f".lakebed-{secrets.token_hex(8)}.partial")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        try:
            opened = os.open(partial, flags, 0o666)
        except FileNotFoundError as error:  # which names a file that nobody asked for
            raise FileNotFoundError(
                error.errno, error.strerror, str(path.parent)
            ) from None
        with os.fdopen(opened, "wb") as file:
            _keep_mode(opened, path)
            yield file
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def is_replaceable(path: Path) -> bool:
    """Tell whether a file may take the place of `path`: a file is there, or nothing."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


def _keep_mode(opened: int, path: Path) -> None:
    """Give the open file the mode of the ordinary file at `path`, if there is one."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISREG(mode):
        os.fchmod(opened, stat.S_IMODE(mode))


class FileWriter:
    """Writes many small files, each at once; used by several threads.

    Like `replace_file`, but for the links: a file takes the place of a link.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self._folders: set[str] = set()
        """Those that are there, as we have seen."""
        self._mark = secrets.token_hex(8)
        self._count = 0

    def make_folder(self, path: Path) -> None:
        """Make the folder that `path` lies in."""
        self._make(_folder_of(path))

    def write(self, path: Path, data: bytes) -> None:
        """Make `path` a file of `data`; it appears when it is whole.

        Raises:
            OSError: it cannot be written.
        """
        folder = _folder_of(path)
        if folder not in self._folders:
            self._make(folder)
        with self.lock:
            self._count += 1
            number = self._count
        partial = f"{folder}/.lakebed-{self._mark}-{number}.partial"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        opened = os.open(partial, flags, 0o666)
        try:
            try:
                _keep_mode(opened, path)
                view = memoryview(data)
                while len(view):
                    view = view[os.write(opened, view) :]
            finally:
                os.close(opened)
            os.rename(partial, path)  # noqa: PTH104
        except BaseException:
            with suppress(OSError):
                os.unlink(partial)  # noqa: PTH108
            raise

    def _make(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        self._folders.add(folder)


def _folder_of(path: Path) -> str:
    # As text: a path object costs as much as writing a small file.
    return os.path.dirname(path) or "."  # noqa: PTH120
