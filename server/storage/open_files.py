"""A bounded set of files held open for reading, shared by all threads.

Opening a pack costs more than reading a small chunk out of it. A descriptor must not be
closed while another thread reads from it: its number could be reused and the read answer
with another file's bytes. So each is owned by an object, and closed when the last thread
lets go of that object.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from threading import Lock


class OpenFile:
    """A file descriptor that closes with its last user."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        os.close(self.fd)


class OpenFiles:
    """The files read last, by name, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._files: OrderedDict[str, OpenFile] = OrderedDict()
        self._lock = Lock()

    def get(self, name: str) -> OpenFile | None:
        """Return the open file `name`, if there is one."""
        with self._lock:
            file = self._files.get(name)
            if file is not None:
                self._files.move_to_end(name)
            return file

    def put(self, name: str, fd: int) -> OpenFile:
        """Take over `fd` as the open file `name`; return the one to read from."""
        file = OpenFile(fd)
        with self._lock:
            kept = self._files.setdefault(name, file)
            self._files.move_to_end(name)
            while len(self._files) > self._limit:
                self._files.popitem(last=False)
            return kept

    def drop(self, name: str) -> None:
        """Let go of `name`."""
        with self._lock:
            self._files.pop(name, None)

    def drop_deleted(self) -> None:
        """Let go of files that have no name any more."""
        with self._lock:
            gone = [
                name
                for name, file in self._files.items()
                if os.fstat(file.fd).st_nlink == 0
            ]
            for name in gone:
                del self._files[name]

    def clear(self) -> None:
        """Let go of all."""
        with self._lock:
            self._files.clear()
