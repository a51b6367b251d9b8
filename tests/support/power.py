"""A disk whose power can be cut: a file system in a file, mounted over a loop device.

The shutdown call of ext4 and XFS drops in a moment what is not synced yet, as a power cut
does, and fails every later call. Needs root and `/dev/loop-control`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

_GOING_DOWN = 0x8004587D  # _IOR('X', 125, __u32), both file systems have it
_NO_LOG_FLUSH = struct.pack("I", 2)
_MAKERS = {"ext4": ("mkfs.ext4", "-q", "-F"), "xfs": ("mkfs.xfs", "-q", "-f")}
MIB = 1 << 20


def why_not(file_system: str) -> str | None:
    """Return why there can be no such disk here; None: there can."""
    if os.geteuid() != 0:
        return "power cuts need root"
    if not Path("/dev/loop-control").exists():
        return "power cuts need /dev/loop-control"
    if shutil.which(_MAKERS[file_system][0]) is None:
        return f"there is no {_MAKERS[file_system][0]} here"
    return None


def require_disk(file_system: str) -> None:
    """Skip the test, loudly, if there can be no such disk; on CI that is a failure."""
    reason = why_not(file_system)
    if reason is None:
        return
    if os.environ.get("CI") and file_system == "ext4" and os.geteuid() == 0:
        pytest.fail(f"on CI, as root, the power must be cut: {reason}")
    pytest.skip(reason)


class Disk:
    """A disk, mounted at `path`."""

    def __init__(self, folder: Path, file_system: str, size_bytes: int) -> None:
        self._image = folder / "image"
        self.path = folder / "disk"
        self.path.mkdir()
        with self._image.open("wb") as file:
            file.truncate(size_bytes)
        _run(*_MAKERS[file_system], self._image)
        self._mount()

    @property
    def used(self) -> float:
        """How much of it is used, between 0 and 1."""
        space = os.statvfs(self.path)
        return 1 - space.f_bavail / space.f_blocks

    def cut(self) -> None:
        """Cut the power: what is not synced is gone, every later call fails."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _GOING_DOWN, _NO_LOG_FLUSH)
        finally:
            os.close(fd)

    def power_on(self) -> None:
        """Bring it back as it is; whoever used it must be gone."""
        _run("umount", self.path)
        self._mount()

    def remove(self) -> None:
        """Unmount it and delete what it was."""
        subprocess.run(["umount", "-l", self.path], capture_output=True, check=False)
        self._image.unlink()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", self._image, self.path)


@contextmanager
def open_disk(
    file_system: str = "ext4", *, size_bytes: int = 512 * MIB
) -> Generator[Disk]:
    """Lend a new disk; what tests keep must lie elsewhere."""
    folder = Path(tempfile.mkdtemp(prefix="lakebed-disk-"))
    disk = Disk(folder, file_system, size_bytes)
    try:
        yield disk
    finally:
        disk.remove()
        shutil.rmtree(folder, ignore_errors=True)


def _run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)
