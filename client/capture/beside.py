"""The files that lie beside a commit, packed into one tar file that is always the same.

A pax archive without times and owners: the same files give the same bytes, which are
then stored once. What is too large, secret or not readable is left out by name.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterable
from pathlib import Path

from ..wire import LeftOut
from .captured import Limits
from .contents import why_not_kept

LEFT_OUT_MAX = 200
"""More names than that say nothing to a person; the rest is counted."""


class Beside:
    """Takes files one by one, within the limits."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root = os.fsencode(root)
        self._limits = limits
        self._buffer = io.BytesIO()
        self._tar = tarfile.open(  # noqa: SIM115 (closed by `finish`)
            fileobj=self._buffer, mode="w", format=tarfile.PAX_FORMAT
        )
        self._bytes_left = limits.untracked_bytes_max
        self._files_left = limits.untracked_files_max
        self.left_out: list[LeftOut] = []
        self.left_out_count = 0

    def add_all(self, paths: Iterable[bytes]) -> None:
        """Take the files at `paths`, relative to the root."""
        for path in paths:
            self.add(path)

    def add(self, path: bytes) -> None:
        """Take the file or symbolic link at `path`, or note why not."""
        full = self._root + b"/" + path
        try:
            status = os.lstat(full)
            if stat.S_ISLNK(status.st_mode):
                self._add_link(path, os.readlink(full))  # noqa: PTH115 (bytes)
            elif stat.S_ISREG(status.st_mode):
                self._add_file(path, full, status)
            else:
                self.leave_out(path, 0, "it is no regular file")
        except OSError as error:
            self.leave_out(path, 0, f"it cannot be read: {error.strerror}")

    def leave_out(self, path: bytes, size_bytes: int, reason: str) -> None:
        """Note that the file at `path` is not kept."""
        self.left_out_count += 1
        if len(self.left_out) < LEFT_OUT_MAX:
            row = LeftOut(path=shown(path), size_bytes=size_bytes, reason=reason)
            self.left_out.append(row)

    def finish(self) -> bytes | None:
        """Return the tar file; None if nothing was taken."""
        self._tar.close()
        taken = self._files_left < self._limits.untracked_files_max
        return self._buffer.getvalue() if taken else None

    def _add_file(self, path: bytes, full: bytes, status: os.stat_result) -> None:
        size_bytes = status.st_size
        most = self._limits.untracked_file_bytes_max
        if size_bytes > most:
            self.leave_out(path, size_bytes, f"it is larger than {sized(most)}")
            return
        if size_bytes > self._bytes_left:
            limit = sized(self._limits.untracked_bytes_max)
            self.leave_out(path, size_bytes, f"all together are larger than {limit}")
            return
        with open(full, "rb") as file:  # noqa: PTH123 (a name of bytes)
            content = file.read(most + 1)
        if len(content) > most:
            self.leave_out(path, len(content), "it grew while it was read")
            return
        reason = why_not_kept(shown(path), content)
        if reason is not None:
            self.leave_out(path, len(content), reason)
            return
        header = tarfile.TarInfo(os.fsdecode(path))
        header.size = len(content)
        header.mode = 0o755 if status.st_mode & 0o100 else 0o644
        if self._takes(path, len(content)):
            self._tar.addfile(header, io.BytesIO(content))

    def _add_link(self, path: bytes, target: bytes) -> None:
        header = tarfile.TarInfo(os.fsdecode(path))
        header.type = tarfile.SYMTYPE
        header.linkname = os.fsdecode(target)
        if self._takes(path, 0):
            self._tar.addfile(header)

    def _takes(self, path: bytes, size_bytes: int) -> bool:
        if self._files_left == 0:
            most = self._limits.untracked_files_max
            self.leave_out(path, size_bytes, f"there are more than {most} files")
            return False
        self._files_left -= 1
        self._bytes_left -= size_bytes
        return True


def shown(path: bytes | str) -> str:
    r"""Return `path` as text that JSON can hold: bytes that are no UTF-8 as `\xff`."""
    data = os.fsencode(path) if isinstance(path, str) else path
    return data.decode("utf-8", "backslashreplace")


def sized(size_bytes: int) -> str:
    """Return a size for a person."""
    if size_bytes < 10_000:
        return f"{size_bytes} B"
    if size_bytes < 10_000_000:
        return f"{size_bytes / 1e3:.0f} kB"
    return f"{size_bytes / 1e6:.0f} MB"
