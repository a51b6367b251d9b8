"""Write what is downloaded into a file that appears when it is whole."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replace_file(path: Path) -> Generator[BinaryIO]:
    """Give a file to write that takes the place of `path` when the block ends.

    If the block raises, what was at `path` stays. A link is followed. What is there and
    is no ordinary file (`/dev/null`, a pipe) is written to as it stands: to replace it
    would be a disaster.
    """
    path = path.resolve()
    if not _is_replaceable(path):
        with path.open("wb") as file:
            yield file
        return
    partial = path.with_name(f".lakebed-{secrets.token_hex(8)}.partial")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(partial, flags, 0o666), "wb") as file:
            yield file
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def _is_replaceable(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True
