"""Inputs that lie here as files: those that are others at the end than at the start.

A command that alters what it reads has read what nobody can tell. It is looked at without
reading all bytes again: whose size, times and inode are as they were was not written to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..operations.bundling import md5_of_file

WATCHED_MAX = 100_000
"""Files that are looked at again, 10 µs each; what is more is taken as unchanged."""

Signature = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class LocalInput:
    """A file as it was when the run began to use it."""

    path: Path
    checksum: str
    """MD5 of its bytes."""
    signature: Signature

    @property
    def is_changed(self) -> bool:
        """Whether it has other bytes now, or is gone."""
        try:
            if _sign(self.path) == self.signature:
                return False
            return md5_of_file(self.path) != self.checksum
        except OSError:
            return True


def watch(checksums: Mapping[Path, str]) -> Iterator[LocalInput]:
    """Yield what there is to remember of files that were just checked out.

    Args:
        checksums: what the server knows of each: an MD5, or of an object of several parts
            something else, so that the file is read once.

    Raises:
        OSError: one cannot be read.
    """
    for path, checksum in checksums.items():
        signature = _sign(path)
        known = md5_of_file(path) if "-" in checksum else checksum
        yield LocalInput(path, known, signature)


def explain_changes(inputs: Iterable[LocalInput], base: Path) -> str:
    """Return what to say of those of `inputs` that changed; empty: none did.

    Args:
        base: paths are told from here.
    """
    changed = [each.path for each in inputs if each.is_changed]
    if not changed:
        return ""
    first = changed[0]
    told = f"'{first.relative_to(base) if first.is_relative_to(base) else first}'"
    if len(changed) == 1:
        return f"{told} was changed while the run used it"
    return f"{told} and {len(changed) - 1:,} more were changed while the run used them"


def _sign(path: Path) -> Signature:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
