"""The file that holds what a run has logged until the server has it.

    HEAD {"server": ..., "repository": ..., "run": ..., "writer": ..., "key": ...}
    BATCH {a `RunBatch`}
    FILE {"name": ..., "path": ...}      bytes to keep with the run, in a file beside
    END {a `RunEnd`}

One line each, in the order in which the server shall get them; the end is the last,
wherever it stands. A batch has its number
before it is written here, so that whoever sends it, this process or a later one, sends
the same, and the server takes it once. When all of it was sent the file shrinks to its
head, and goes when the run has ended.

A line that was cut off (a full disk, a killed process) has no end of line, and is passed
over. One that is damaged costs itself, and `damage` says so. Lines are not synced: they
outlive the process, not the machine.

The file holds the key of the run, which counts until the run ends: mode 0600. Whoever
writes it has it locked, so that another process sees which of them were left behind.
"""

from __future__ import annotations

import fcntl
import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from ..wire import Body, WireError, decode, encode
from ..wire.runs import RunBatch, RunEnd

SPOOL_BYTES_MAX = 1 << 30
"""A day of 300 points a second. What comes after it is dropped, and said to be missing."""
MEMORY_BYTES_MAX = 16 << 20
"""What waits in memory when the file cannot be written."""
SUFFIX = ".spool"
LATE_SUFFIX = ".late"
"""Of a file that nobody can send: its run had ended before, or its head is damaged."""

Kind = Literal["HEAD", "BATCH", "FILE", "END", "DAMAGED"]


class SpoolHead(Body, frozen=True, kw_only=True):
    """Which run the file is of, and how to reach its server."""

    server: str
    """An URL, or the path of a directory."""
    repository: str
    run: str
    writer: str
    access_key_id: str
    secret_access_key: str
    pid: int
    started_ms: int

    def __repr__(self) -> str:
        return f"SpoolHead(run={self.run!r})"


class SpooledFile(Body, frozen=True, kw_only=True):
    """Bytes to keep with the run."""

    name: str
    path: str


SpoolItem = RunBatch | SpooledFile | RunEnd


class SpoolDamagedError(Exception):
    """Nobody can tell which run a file is of."""


class SpoolFullError(Exception):
    """There is no room for more, in the file or in memory."""


@dataclass(slots=True)
class _Line:
    kind: Kind
    offset: int
    size_bytes: int
    data: bytes | None
    """None: it is in the file."""


def spool_folder() -> Path:
    """Return where the files are."""
    state = os.environ.get("XDG_STATE_HOME")
    folder = Path(state) if state else Path.home() / ".local" / "state"
    return folder / "lakebed" / "runs"


@dataclass(slots=True)
class Spool:
    """What a run has logged and the server does not have; used under a lock."""

    path: Path
    head: SpoolHead
    _fd: int | None = None
    _end: int = 0
    _head_bytes: int = 0
    _lines: deque[_Line] = field(default_factory=deque["_Line"])
    _memory_bytes: int = 0
    failure: str = ""
    """Why the file cannot be written; empty while it can."""
    damage: list[str] = field(default_factory=list[str])
    """What is wrong with lines that cannot be read; whoever tells of it takes it out."""

    @classmethod
    def create(cls, head: SpoolHead, *, folder: Path | None = None) -> Self:
        """Make the file of a new writer; without a file everything waits in memory."""
        folder = folder or spool_folder()
        spool = cls(folder / f"{head.run}-{head.writer}{SUFFIX}", head)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            spool._fd = os.open(spool.path, flags, 0o600)
            fcntl.flock(spool._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            data = _line("HEAD", head)
            spool._write(data)
            spool._head_bytes = len(data)
        except (OSError, ValueError) as error:  # also: a path that is no UTF-8
            spool._give_up(error)
        return spool

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Open a file that was left behind; None: somebody writes it, or it is empty.

        Raises:
            OSError: it cannot be read.
            SpoolDamagedError: its head cannot be.
        """
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return None
        lines = list(_read_lines(fd))
        if not lines:
            os.close(fd)
            return None
        try:
            if lines[0].kind != "HEAD":
                raise WireError("it has none")
            head = decode(_body_of(fd, lines[0]), SpoolHead)
        except WireError as error:
            os.close(fd)
            raise SpoolDamagedError(f"its head cannot be read: {error}") from error
        spool = cls(path, head, fd)
        spool._head_bytes = lines[0].size_bytes
        spool._lines = deque(lines[1:])
        spool._end = lines[-1].offset + lines[-1].size_bytes
        os.ftruncate(fd, spool._end)
        return spool

    def __len__(self) -> int:
        return len(self._lines)

    def append(self, item: SpoolItem) -> None:
        """Add `item` at the end.

        Raises:
            SpoolFullError: there is no room for it.
        """
        match item:
            case RunBatch():
                kind: Kind = "BATCH"
            case SpooledFile():
                kind = "FILE"
            case RunEnd():
                kind = "END"
        data = _line(kind, item)
        if self._fd is not None and self._end + len(data) <= SPOOL_BYTES_MAX:
            offset = self._end
            try:
                self._write(data)
            except OSError as error:
                self.failure = (error.strerror or str(error)).lower()
            else:
                self.failure = ""
                self._lines.append(_Line(kind, offset, len(data), None))
                return
        elif self._fd is not None:
            self.failure = f"it has reached {SPOOL_BYTES_MAX >> 20} MiB"
        if self._memory_bytes + len(data) > MEMORY_BYTES_MAX:
            raise SpoolFullError(self.failure)
        self._memory_bytes += len(data)
        self._lines.append(_Line(kind, 0, len(data), data))

    def first(self) -> SpoolItem | None:
        """Return what the server shall get next; None: it has everything.

        A line that cannot be read is dropped, and `damage` tells of it.
        """
        while self._lines:
            if self._lines[0].kind == "END":
                self._lines.rotate(-1)
            line = self._lines[0]
            body = line.data or b""
            try:
                if line.data is None:
                    assert self._fd is not None
                    body = os.pread(self._fd, line.size_bytes, line.offset)
                text = body.partition(b" ")[2]
                match line.kind:
                    case "BATCH":
                        return decode(text, RunBatch)
                    case "FILE":
                        return decode(text, SpooledFile)
                    case "END":
                        return decode(text, RunEnd)
                    case _:
                        raise WireError("it is of no kind that is known")
            except (WireError, OSError) as error:
                self.damage.append(
                    f"{line.size_bytes:,} bytes at {line.offset:,} of "
                    f"'{self.path.name}' cannot be read: {error}"
                )
                self.drop_first()
        return None

    def drop_first(self) -> None:
        """Forget the first item: the server has it."""
        line = self._lines.popleft()
        if line.data is not None:
            self._memory_bytes -= line.size_bytes
        if not self._lines and self._fd is not None:
            with suppress(OSError):
                os.ftruncate(self._fd, self._head_bytes)
                self._end = self._head_bytes

    def leave(self) -> None:
        """Close the file and leave it to whoever sends the rest."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def set_aside(self) -> Path:
        """Close the file and call it so that nobody tries to send it; return the path."""
        self.leave()
        return put_aside(self.path)

    def remove(self) -> None:
        """Close the file and remove it, with the files to keep beside it."""
        with suppress(OSError):
            self.path.unlink()
        for path in self.path.parent.glob(f"{self.path.stem}.*.keep"):
            with suppress(OSError):
                path.unlink()
        self.leave()

    def save(self, content: bytes, number: int) -> str:
        """Write bytes to keep beside the file; return the path.

        Raises:
            OSError: they cannot be written.
        """
        path = self.path.with_name(f"{self.path.stem}.{number}.keep")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(content)
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise
        return str(path)

    def _write(self, data: bytes) -> None:
        assert self._fd is not None
        view = memoryview(data)
        at = self._end
        try:
            while len(view):
                done = os.pwrite(self._fd, view, at)
                at, view = at + done, view[done:]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self._end)
            raise
        self._end = at

    def _give_up(self, error: OSError | ValueError) -> None:
        words = error.strerror if isinstance(error, OSError) else None
        self.failure = (words or str(error)).lower()
        self.leave()
        with suppress(OSError):
            self.path.unlink()


def put_aside(path: Path) -> Path:
    """Call a file so that nobody tries to send it; return its path."""
    aside = path.with_suffix(LATE_SUFFIX)
    try:
        return path.rename(aside)
    except OSError:  # it is said again, then
        return path


def _line(kind: Kind, body: Body) -> bytes:
    return f"{kind} ".encode() + encode(body) + b"\n"


def _body_of(fd: int, line: _Line) -> bytes:
    return os.pread(fd, line.size_bytes, line.offset).partition(b" ")[2]


def _read_lines(fd: int) -> Iterator[_Line]:
    """Yield the whole lines of a file, without what is in them."""
    kinds: dict[bytes, Kind] = {
        b"HEAD": "HEAD",
        b"BATCH": "BATCH",
        b"FILE": "FILE",
        b"END": "END",
    }
    offset = 0
    with os.fdopen(os.dup(fd), "rb") as file:
        file.seek(0)
        for text in file:
            if not text.endswith(b"\n"):
                return
            kind = kinds.get(text.partition(b" ")[0], "DAMAGED")
            if (offset == 0) != (kind == "HEAD"):
                kind = "DAMAGED"
            yield _Line(kind, offset, len(text), None)
            offset += len(text)
