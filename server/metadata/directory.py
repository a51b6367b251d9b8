"""The directory of a lake: whose it is, and which process may do what in it.

    DIR/lakebed.db      the database, with its -wal and -shm
    DIR/packs/          the bytes (`storage/local.py`)
    DIR/lock            flock: shared by every process that has the directory open,
                        exclusive while it is migrated
    DIR/init.lock       flock: taken first, by whoever opens the directory
    DIR/write.lock      flock: around every write transaction
    DIR/checkpoint.lock flock: of the one process that checkpoints
    DIR/reserve         room that is kept for deletes on a full disk

An upgrade of a flock is not atomic, so whoever may have to initialise or migrate holds
`init.lock` before it looks. All locks are advisory, of open files, and go with the
process. Nothing here is inherited: open a directory after fork or spawn.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import StartupError, StorageFailedError

DATABASE = "lakebed.db"
_LOCKS = ("lock", "init.lock", "write.lock", "checkpoint.lock")
_OURS_BEFORE_DATABASE = frozenset({*_LOCKS, "packs", "reserve", "lost+found"})
"""Names that may be there without a database: an initialisation that was cut short left
them, or `mkfs` did."""

_MASTER_KEY = "master.key"
"""Made after the database (`auth/secrets.py`): without one, the database was lost."""

_MODE = 0o700
"""The command line on a directory acts as administrator for whoever can open it."""


class LockFile:
    """An flock on a file of its own: excludes other processes and other threads."""

    def __init__(self, path: Path) -> None:
        """Open the lock file `path`, made if it is not there.

        Raises:
            StartupError: it cannot be opened.
        """
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartupError(
                f"cannot open '{path}': {_reason(error)}: "
                "use a directory that you may write to"
            ) from error
        self._path = path

    def acquire(self) -> None:
        """Wait for the lock.

        A process that is stopped while it holds the lock holds up all others until it
        goes on or is killed; their bounded queues then answer that they are busy.
        """
        self._flock(fcntl.LOCK_EX)

    def acquire_shared(self) -> None:
        """Wait until nobody holds the lock alone, and share it."""
        self._flock(fcntl.LOCK_SH)

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it; tell whether we got it."""
        try:
            self._flock(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Give the lock up."""
        self._flock(fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the lock up and close its file; calling it again does nothing."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _flock(self, operation: int) -> None:
        try:
            fcntl.flock(self._fd, operation)
        except BlockingIOError:
            raise
        except OSError as error:
            raise StorageFailedError(
                f"cannot lock '{self._path}': {_reason(error)}: "
                "keep the directory on a local disk"
            ) from error

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class LakeDirectory:
    """An opened directory: ours, initialised, of our version, held by a shared lock."""

    def __init__(self, path: Path, shared: LockFile) -> None:
        """Use `open` instead."""
        self.path = path
        self._shared = shared

    @property
    def database(self) -> Path:
        """The path of the database."""
        return self.path / DATABASE

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        create: Callable[[Path], None],
        bring_up_to_date: Callable[[Path, Callable[[], None]], None],
    ) -> Self:
        """Open the directory `path`; make and initialise it if it is new.

        Args:
            path: where; parents are made.
            create: makes the database at a path.
            bring_up_to_date: checks the database at a path, and migrates it after it
                has called the function it is given, which takes the exclusive lock.

        Raises:
            StartupError: it is not ours, of a newer version, or cannot be used.
        """
        _make(path)
        if not (path / DATABASE).exists():
            _refuse_foreign(path)  # before anything is made in it
        initialisation = LockFile(path / "init.lock")
        shared = LockFile(path / "lock")
        try:
            with initialisation:
                if not (path / DATABASE).exists():
                    _refuse_foreign(path)
                    path.chmod(_MODE)
                    create(path / DATABASE)
                _remove_drafts(path)
                bring_up_to_date(path / DATABASE, lambda: _take_alone(path, shared))
                shared.acquire_shared()
        except BaseException as error:
            shared.close()
            if isinstance(error, OSError):
                raise StartupError(
                    f"cannot use '{path}': {_reason(error)}: use a directory on a "
                    "local disk that you may write to"
                ) from error
            raise
        finally:
            initialisation.close()
        return cls(path, shared)

    @classmethod
    def open_alone(
        cls,
        path: Path,
        *,
        create: Callable[[Path], None],
        bring_up_to_date: Callable[[Path, Callable[[], None]], None],
    ) -> Self:
        """Open the directory `path`, which is there, while nobody else has it open.

        Others that want to open it wait. A database that is missing is made, whatever
        else lies there: for who makes the index anew.

        Raises:
            StartupError: another process has it open; or as for `open`.
        """
        initialisation = LockFile(path / "init.lock")
        alone = LockFile(path / "lock")
        try:
            with initialisation:
                if not alone.try_acquire():
                    raise StartupError(
                        f"cannot use '{path}' alone: another process has it open: "
                        "stop it first"
                    )
                _remove_drafts(path)
                if not (path / DATABASE).exists():
                    create(path / DATABASE)
                bring_up_to_date(path / DATABASE, lambda: None)
        except BaseException:
            alone.close()
            raise
        finally:
            initialisation.close()
        return cls(path, alone)

    def close(self) -> None:
        """Give the directory up; calling it again does nothing."""
        self._shared.close()


@contextmanager
def locked_if_free(lock: LockFile) -> Generator[bool]:
    """Hold `lock` if nobody else does; yield whether we got it."""
    got = lock.try_acquire()
    try:
        yield got
    finally:
        if got:
            lock.release()


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=_MODE, exist_ok=True)
    except FileExistsError:
        raise StartupError(
            f"cannot use '{path}': it is a file: name a new or empty directory"
        ) from None
    except OSError as error:
        raise StartupError(
            f"cannot make '{path}': {_reason(error)}: "
            "name a directory that you may write to"
        ) from error


def _refuse_foreign(path: Path) -> None:
    """Refuse a directory without a database that has anything else in it."""
    try:
        names = sorted(entry.name for entry in path.iterdir())
    except OSError as error:
        raise StartupError(
            f"cannot read '{path}': {_reason(error)}: name a directory of your own"
        ) from error
    has_packs = "packs" in names and any((path / "packs").iterdir())
    if has_packs or _MASTER_KEY in names:
        raise StartupError(
            f"cannot use '{path}': '{DATABASE}' is missing from it: put it back from a "
            "backup, or name a new directory"
        )
    for name in names:
        if name not in _OURS_BEFORE_DATABASE and not _is_draft(name):
            raise StartupError(
                f"cannot use '{path}': it holds '{name}', which is not lakebed's: "
                "name a new or empty directory"
            )


def _take_alone(path: Path, lock: LockFile) -> None:
    if not lock.try_acquire():
        raise StartupError(
            f"cannot upgrade '{path}': another process has it open: stop it first"
        )


def _remove_drafts(path: Path) -> None:
    """Remove what an initialisation that was cut short left behind."""
    for entry in path.iterdir():
        if _is_draft(entry.name):
            entry.unlink(missing_ok=True)


def _is_draft(name: str) -> bool:
    return name.startswith(f"{DATABASE}.new-")


def _reason(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "permission denied"
    return os.strerror(error.errno).lower() if error.errno else str(error)
