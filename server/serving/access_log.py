"""The access log: one line of JSON a request, in a file or on stdout.

Lines are gathered for a moment, then formatted and written by a thread, so that a slow
disk holds up no request. What a kill loses is that moment; what a disk cannot take in
time is left out, and counted, for no request waits for its line.

A line has no secrets: of a query only what is known to be none is shown, of the headers
only `User-Agent` and, without credentials, `Host`. Whatever is not plain ASCII text is
escaped, so that no line can look like two, or steer a terminal.

Several processes may write to one file or pipe: each holds a lock while it writes, and
begins a line of its own behind what one that was killed has left unfinished.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import stat
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import time

from aiohttp import hdrs, web
from msgspec import Struct

from ..errors import StartupError
from .exchange import Exchange

log = logging.getLogger(__name__)

STDOUT = "-"
GATHER_S = 0.2
"""How long lines are gathered: at 5,000 requests/s one write has 1,000 lines."""
LINES_MAX = 20_000
"""Lines that wait for the disk, about 10 MB; after that they are left out."""
PATH_CHARS_MAX = 4096
"""A path of 1,024 bytes, each written as three characters, and a bucket, fit."""
TEXT_CHARS_MAX = 300
"""Of a user agent, or host."""
_MODE = 0o640
"""Paths and user names are nobody else's business; log shippers are in the group."""

SHOWN_PARAMETERS = frozenset(
    {
        # S3
        "acl", "attributes", "continuation-token", "cors", "delete", "delimiter",
        "encoding-type", "fetch-owner", "key-marker", "lifecycle", "list-type",
        "location", "marker", "max-buckets", "max-keys", "max-parts", "max-uploads",
        "part-number-marker", "partNumber", "policy", "prefix", "start-after",
        "tagging", "uploadId", "upload-id-marker", "uploads", "version-id-marker",
        "versionId", "versioning", "versions", "x-id", "X-Amz-Date", "X-Amz-Expires",
        # REST
        "after", "amount", "force", "path", "type", "user_metadata",
    }
)  # fmt: skip
"""Parameters whose values are no secrets; of others not even the name is shown, because
who mistypes may have put anything there."""


class Line(Struct, frozen=True, gc=False):
    """What is written of one request."""

    time_s: float
    client: str | None
    user: str | None
    method: str
    host: str
    target: str
    status: int
    received_bytes: int
    sent_bytes: int
    duration_ms: float
    protocol: str
    operation: str
    request_id: str
    user_agent: str

    @classmethod
    def of(
        cls,
        request: web.BaseRequest,
        exchange: Exchange,
        status: int,
        seconds: float,
        received_bytes: int,
        sent_bytes: int,
    ) -> Line:
        """Return the line of a request."""
        headers = request.headers
        return cls(
            time(),
            request.remote,
            exchange.user,
            request.method,
            headers.get(hdrs.HOST, ""),
            request.raw_path,
            status,
            received_bytes,
            sent_bytes,
            round(seconds * 1000, 3),
            exchange.protocol,
            exchange.operation,
            exchange.request_id,
            headers.get(hdrs.USER_AGENT, ""),
        )

    def format(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(
            {
                "time": datetime.fromtimestamp(self.time_s, UTC).isoformat(),
                "client": self.client,
                "user": self.user,
                "method": self.method[:TEXT_CHARS_MAX],
                "host": self.host.rpartition("@")[2][:TEXT_CHARS_MAX],
                "target": show_target(self.target),
                "status": self.status,
                "received_bytes": self.received_bytes,
                "sent_bytes": self.sent_bytes,
                "duration_ms": self.duration_ms,
                "protocol": self.protocol,
                "operation": self.operation,
                "request_id": self.request_id,
                "user_agent": self.user_agent[:TEXT_CHARS_MAX],
            }
        ).replace("\x7f", "\\u007f")


def show_target(raw: str) -> str:
    """Return a request target without what may be secret."""
    if not raw.startswith("/"):
        # An absolute form may have credentials before its host, and the host is told.
        scheme, separator, rest = raw.partition("://")
        raw = "/" + rest.partition("/")[2] if separator and scheme else "..."
    path, mark, query = raw.partition("?")
    path = path[:PATH_CHARS_MAX]
    if not mark:
        return path
    pieces = [
        piece if piece.partition("=")[0] in SHOWN_PARAMETERS else "..."
        for piece in query.split("&")
    ]
    return f"{path}?{'&'.join(pieces)[:PATH_CHARS_MAX]}"


class AccessLog:
    """Writes lines, in the background."""

    def __init__(self, where: str) -> None:
        """Write to the file `where`, or to stdout if it is `STDOUT`.

        Raises:
            StartupError: the file cannot be opened.
        """
        self._path = None if where == STDOUT else Path(where).absolute()
        try:
            self._file = self._open()
        except OSError as error:
            raise StartupError(
                f"cannot write the access log '{where}': {_reason(error)}"
            ) from error
        self._is_torn = False
        """The last line that we wrote was not written whole."""
        self._lines: list[Line] = []
        self._writing_count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="access-log")
        self._is_failing = False
        self.lost_count = 0
        """Lines that were left out."""

    def _open(self) -> int:
        """Return the descriptor to write to."""
        if self._path is None:
            return sys.stdout.fileno()
        flags = os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            is_pipe = stat.S_ISFIFO(self._path.stat().st_mode)
        except FileNotFoundError:
            is_pipe = False
        if not is_pipe:
            try:
                # To be read for its end.
                return os.open(self._path, flags | os.O_RDWR, _MODE)
            except PermissionError:
                pass
        return os.open(self._path, flags | os.O_WRONLY, _MODE)

    def add(self, line: Line) -> None:
        """Write `line`, soon. On the event loop only."""
        if len(self._lines) + self._writing_count >= LINES_MAX:
            self.lost_count += 1
            return
        self._lines.append(line)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(GATHER_S, self._hand_over)

    def _hand_over(self) -> None:
        """Give what is gathered to the thread."""
        lines, self._lines, self._timer = self._lines, [], None
        if not lines:
            return
        self._writing_count += len(lines)
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._thread, self._write, lines)
        future.add_done_callback(lambda done: self._note_written(len(lines), done))

    def _note_written(self, count: int, done: asyncio.Future[None]) -> None:
        self._writing_count -= count
        error = None if done.cancelled() else done.exception()
        if error is not None:
            self.lost_count += count
            if not self._is_failing:
                log.error("cannot write the access log", extra={"error": str(error)})
        self._is_failing = error is not None

    def _write(self, lines: list[Line]) -> None:
        """Write `lines`; in the thread."""
        text = "".join([line.format() + "\n" for line in lines])
        with _locked(self._file):
            is_torn = _is_cut_short(self._file)
            if is_torn is None:
                is_torn = self._is_torn
            data = memoryview((f"\n{text}" if is_torn else text).encode("ascii"))
            self._is_torn = True
            while data:
                data = data[os.write(self._file, data) :]
            self._is_torn = False

    def reopen(self) -> None:
        """Go on in a new file of the same name, for who has moved the old one away."""
        if self._path is not None:
            self._hand_over()
            self._thread.submit(self._reopen)

    def _reopen(self) -> None:
        try:
            fresh = self._open()
        except OSError as error:
            log.error("cannot reopen the access log", extra={"error": _reason(error)})
            return
        os.close(self._file)
        self._file = fresh

    async def close(self) -> None:
        """Write what is left."""
        if self._timer is not None:
            self._timer.cancel()
        self._hand_over()
        await asyncio.to_thread(self._thread.shutdown, wait=True)
        if self._path is not None:
            os.close(self._file)


@contextmanager
def _locked(handle: int) -> Generator[None]:
    """Keep other processes from writing to the same file, if it is one that has locks."""
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX)
    except OSError:
        yield
        return
    try:
        yield
    finally:
        fcntl.lockf(handle, fcntl.LOCK_UN)


def _is_cut_short(handle: int) -> bool | None:
    """Tell whether the last line of a file is not whole; None: it cannot be read."""
    try:
        size_bytes = os.fstat(handle).st_size
        return size_bytes > 0 and os.pread(handle, 1, size_bytes - 1) != b"\n"
    except OSError:
        return None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
