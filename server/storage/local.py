"""Packs as files of a local directory.

Layout: `DIR/packs/ab/ab0123....pack`, in 256 folders by the first byte of the name, so
that no folder grows beyond what old tools list. Claims are `flock`s, which the kernel
drops when a process dies. A name is durable before its first byte is: every folder is
fsynced when this process first uses it and after each file made in it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock

from ..errors import (
    CorruptDataError,
    DurabilityLostError,
    MissingDataError,
    StorageFailedError,
)
from .direct import (
    BLOCK_BYTES,
    DIRECT_BYTES_MIN,
    DirectFile,
    open_direct,
    split_buffers,
)
from .failures import storage_error
from .open_files import OpenFiles
from .store import READ_INLINE_BYTES_MAX, check_pack_name, is_pack_name

_SUFFIX = ".pack"

_BUFFERS_PER_WRITE_MAX = 1024
"""IOV_MAX on Linux: `pwritev` refuses more buffers in one call."""

_OPEN_FILES_MAX = 128
"""Packs held open for reading: 8 GiB of packs, far below the usual limit of 1,024
descriptors. At half, random reads of a larger lake open a file each; double leaves
fewer for connections."""


class LocalPackFile:
    """A pack being written; `LocalPackStorage.create` makes it."""

    def __init__(self, name: str, path: Path, fd: int) -> None:
        self._name = name
        self._path = path
        self._fd = fd
        self._size_bytes = 0
        self._full_stop = ""
        self._poisoned = False
        self._direct: DirectFile | None = None
        self._direct_tried = False

    @property
    def name(self) -> str:
        """The pack's name."""
        return self._name

    @property
    def size_bytes(self) -> int:
        """Bytes appended so far."""
        return self._size_bytes

    def append(self, buffers: Sequence[bytes | memoryview]) -> int:
        """See `PackFile.append`."""
        if self._full_stop:
            raise StorageFailedError(
                f"cannot append to '{self._path}': {self._full_stop}"
            )
        start = self._size_bytes
        views = [memoryview(buffer) for buffer in buffers]
        size = sum(len(view) for view in views)
        try:
            if size < DIRECT_BYTES_MIN:
                self._write(views, start)
            else:
                self._write_large(views, start, size)
        except OSError as error:
            self._full_stop = "an earlier append failed"
            raise storage_error("append to", self._path, error) from error
        self._size_bytes = start + size
        return start

    def sync(self) -> None:
        """See `PackFile.sync`."""
        if self._poisoned or self._fd < 0:
            raise DurabilityLostError(f"cannot sync '{self._path}': it was given up")
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            self._poisoned = True
            self._full_stop = "a sync failed"
            raise _durability_lost(self._path, error) from error

    def close(self) -> None:
        """See `PackFile.close`."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._full_stop = self._full_stop or "it is closed"
            if self._direct is not None:
                self._direct.close()
            os.close(fd)

    def _write_large(self, views: list[memoryview], start: int, size: int) -> None:
        """Write whole blocks past the page cache, what is left on both sides into it."""
        if not self._direct_tried:
            self._direct_tried = True
            self._direct = open_direct(self._path)
        head, body = split_buffers(views, -start % BLOCK_BYTES)
        at = start + sum(len(view) for view in head)
        self._write(head, start)
        taken = 0
        if self._direct is not None:
            whole_blocks = (start + size - at) // BLOCK_BYTES * BLOCK_BYTES
            taken = self._direct.write(split_buffers(body, whole_blocks)[0], at)
        self._write(split_buffers(body, taken)[1], at + taken)

    def _write(self, views: list[memoryview], offset: int) -> None:
        while views:
            written = os.pwritev(self._fd, views[:_BUFFERS_PER_WRITE_MAX], offset)
            offset += written
            views = split_buffers(views, written)[1]


class LocalPackClaim:
    """The flock of a pack that nobody writes."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        """See `PackClaim.release`."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


class LocalPackStorage:
    """All packs below one directory."""

    def __init__(self, directory: Path) -> None:
        """Use `directory`/packs, which is made with the first pack."""
        self._root = directory / "packs"
        self._open_files = OpenFiles(_OPEN_FILES_MAX)
        self._durable_folders: set[Path] = set()
        self._folders_lock = Lock()

    def create(self, name: str) -> LocalPackFile:
        """See `PackStorage.create`."""
        path = self._path(name)
        try:
            self._make_folder(path.parent)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
            fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise storage_error("create", path, error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sync_folder(path.parent)
        except OSError as error:
            os.close(fd)
            raise storage_error("claim", path, error) from error
        except BaseException:
            os.close(fd)
            raise
        return LocalPackFile(name, path, fd)

    def claim(self, name: str) -> LocalPackClaim | None:
        """See `PackStorage.claim`."""
        path = self._path(name)
        fd = _open_to_read(path)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except OSError as error:
            os.close(fd)
            raise storage_error("claim", path, error) from error
        return LocalPackClaim(fd)

    def read_blocking(self, name: str, offset: int, size: int) -> bytes:
        """See `PackStorage.read_blocking`."""
        file = self._open_files.get(name)  # a name in there was checked
        if file is None:
            file = self._open_files.put(name, _open_to_read(self._path(name)))
        try:
            data = os.pread(file.fd, size, offset)
            while len(data) < size:  # a signal, or 2 GiB at once: rare, but allowed
                more = os.pread(file.fd, size - len(data), offset + len(data))
                if not more:
                    raise CorruptDataError(
                        f"cannot read {size} bytes at {offset} of '{self._path(name)}': "
                        f"it ends at {offset + len(data)}"
                    )
                data += more
        except OSError as error:
            raise storage_error("read", self._path(name), error) from error
        return data

    async def read(self, name: str, offset: int, size: int) -> bytes:
        """See `PackStorage.read`."""
        if size <= READ_INLINE_BYTES_MAX:
            return self.read_blocking(name, offset, size)
        return await asyncio.to_thread(self.read_blocking, name, offset, size)

    def size_bytes(self, name: str) -> int:
        """See `PackStorage.size_bytes`."""
        path = self._path(name)
        try:
            return path.stat().st_size
        except FileNotFoundError:
            raise _missing(path) from None
        except OSError as error:
            raise storage_error("look at", path, error) from error

    def delete(self, name: str) -> None:
        """See `PackStorage.delete`."""
        path = self._path(name)
        self._open_files.drop(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error("delete", path, error) from error

    def names(self) -> Iterator[str]:
        """See `PackStorage.names`; files that are not packs are passed over."""
        for folder in _listing(self._root):
            for file in _listing(self._root / folder):
                name = file.removesuffix(_SUFFIX)
                if name != file and is_pack_name(name) and name[:2] == folder:
                    yield name

    def forget_deleted(self) -> None:
        """Close packs that another process deleted, so that their space is freed."""
        self._open_files.drop_deleted()

    def close(self) -> None:
        """See `PackStorage.close`."""
        self._open_files.clear()

    def _path(self, name: str) -> Path:
        check_pack_name(name)
        return self._root / name[:2] / (name + _SUFFIX)

    def _make_folder(self, folder: Path) -> None:
        """Make `folder` and what is above it, durably."""
        with self._folders_lock:
            if folder in self._durable_folders:
                return
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Another process may have made them and not have synced them yet.
            _sync_folder(self._root.parent)
            _sync_folder(self._root)
            self._durable_folders.add(folder)


def _open_to_read(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError as error:
        raise storage_error("open", path, error) from error


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        raise _durability_lost(folder, error) from error
    finally:
        os.close(fd)


def _listing(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise storage_error("list", folder, error) from error


def _missing(path: Path) -> MissingDataError:
    return MissingDataError(f"cannot read '{path}': there is no such pack")


def _durability_lost(path: Path, error: OSError) -> DurabilityLostError:
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    return DurabilityLostError(
        f"cannot sync '{path}': {reason}: check the disk, then start the server again"
    )
