r"""The file system: instances, transactions, and files to open.

    import fsspec

    fs = fsspec.filesystem("lakebed", server="http://127.0.0.1:8000")
    with fs.transaction("Clean the table"):
        with fs.open("penguins/main/clean.csv", "w") as file:
            file.write("species,island\n")

Paths are REPO/REF/PATH. Directories are prefixes: they are there when something is in
them. A ref is any ref expression; what is read at a full commit id is asked for once.
"""

from __future__ import annotations

import errno
import io
import os
import weakref
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from fsspec.asyn import get_loop, sync
from fsspec.compression import compr
from fsspec.config import apply_config
from fsspec.core import get_compression
from fsspec.spec import AbstractFileSystem

from ..async_client import AsyncClient
from .changing import Changing
from .connections import Connections
from .failures import as_os_errors, failure
from .files import (
    AsyncReadingFile,
    AsyncWritingFile,
    CompressedWriter,
    ReadingFile,
    TextWriter,
    WritingFile,
)
from .identity import identify
from .location import PROTOCOL, Location, parse_location
from .transaction import LakebedTransaction


class _ByIdentity(type(AbstractFileSystem)):  # type: ignore[misc]
    """Gives the same instance for the same server and key, however they were said."""

    def __call__(cls, **options: Any) -> Any:
        return super().__call__(**identify(apply_config(cls, options)))


class LakebedFileSystem(Changing, metaclass=_ByIdentity):
    """The file system `lakebed://REPO/REF/PATH`."""

    protocol = PROTOCOL
    transaction_type = LakebedTransaction

    def __init__(
        self,
        *,
        server: str | Path | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        **options: Any,
    ) -> None:
        """Prepare a file system; nothing is sent yet.

        Args:
            server: an URL, or a directory to serve in this process. Without it,
                `LAKEBED_SERVER`, and without that `http://127.0.0.1:8000`.
            access_key_id: with `secret_access_key`, who is asking. Without it,
                `LAKEBED_ACCESS_KEY_ID` and `LAKEBED_SECRET_ACCESS_KEY`.
        """
        # The metaclass wrote the one out, and put the other away.
        assert isinstance(server, str)
        assert secret_access_key is None
        super().__init__(**options)
        self.server = server
        self._connections = Connections(server, access_key_id)
        weakref.finalize(self, self._connections.close)

    # --- instances --------------------------------------------------------------------

    @property
    def fsid(self) -> str:
        """The server, by which file systems can be compared."""
        return f"{PROTOCOL}:{self.server}"

    def __dask_tokenize__(self) -> object:
        # Not the token of fsspec, which is another one in each process.
        return (type(self).__name__, sorted(self.storage_options.items()))

    def __reduce__(self) -> Any:
        if self.running_transaction is not None:
            raise TypeError(
                "cannot pickle a file system with a running transaction: another "
                "process would write past it"
            )
        return (_remake, (self.storage_options,))

    @property
    def loop(self) -> Any:
        """The loop of fsspec; in a forked child, that of the child."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._loop = None if self.asynchronous else get_loop()
            self._connections.forget()
        return self._loop

    async def client(self) -> AsyncClient:
        """Return the client of the running loop."""
        return await self._connections.client()

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._connections.aclose()

    def close(self) -> None:
        """Close all connections; they open again when they are needed."""
        self._connections.close()

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget what is known of commits; it can never be wrong, but takes room."""
        if path is None:
            self._pinned.clear()
        super().invalidate_cache(path)

    # --- transactions -----------------------------------------------------------------

    @property
    def running_transaction(self) -> LakebedTransaction | None:
        """The transaction that writes go to now, if there is one."""
        if not self._intrans:
            return None
        return cast("LakebedTransaction | None", self._transaction)

    def start_transaction(self) -> LakebedTransaction:
        """Begin a transaction that `end_transaction` ends."""
        self.transaction.start()
        return cast("LakebedTransaction", self.transaction)

    def _read_ref(self, location: Location) -> str:
        running = self.running_transaction
        return location.ref if running is None else running.redirect(location)

    async def _write_ref(self, location: Location) -> str:
        running = self.running_transaction
        return location.ref if running is None else await running.begin(location)

    # --- files ------------------------------------------------------------------------

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: Mapping[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Open an object, as `open` opens a file; what is written appears on close."""
        if "b" not in mode:
            text = {
                name: kwargs.pop(name)
                for name in ("encoding", "errors", "newline")
                if name in kwargs
            }
            binary = self.open(
                path,
                mode.replace("t", "") + "b",
                block_size=block_size,
                cache_options=cache_options,
                compression=compression,
                **kwargs,
            )
            if "r" in mode:
                return io.TextIOWrapper(binary, **text)
            return TextWriter(binary, **text)
        path = self._strip_protocol(path)
        file = self._open(
            path,
            mode,
            block_size=block_size,
            cache_options=cache_options,
            **kwargs,
        )
        codec = get_compression(path, compression)
        if codec is None:
            return file
        compressed = compr[codec](file, mode=mode[0])
        if isinstance(file, WritingFile):
            return CompressedWriter(compressed, file)
        return compressed

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        if self.asynchronous:
            raise RuntimeError(
                "this file system is asynchronous: use 'await fs.open_async(...)'"
            )
        if mode == "rb":
            return ReadingFile(
                self, path, block_size, cache_options=cache_options, **kwargs
            )
        _check_mode(path, mode)
        self._writable(path)
        if mode == "xb" and self.exists(path):
            raise failure(errno.EEXIST, f"'{path}' is there already")
        return WritingFile(
            self,
            path,
            if_absent=mode == "xb",
            content_type=kwargs.get("content_type"),
            metadata=kwargs.get("metadata"),
        )

    async def open_async(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        """Open an object to read or write with `await`."""
        path = self._strip_protocol(path)
        if "b" not in mode or kwargs.get("compression"):
            raise ValueError("open_async is for bytes: use a mode with 'b'")
        if mode == "rb":
            return AsyncReadingFile(self, path, await self._info_of_file(path))
        _check_mode(path, mode)
        self._writable(path)
        return AsyncWritingFile(self, path, if_absent=mode == "xb")

    # --- what is derived --------------------------------------------------------------

    def checksum(self, path: str) -> int:
        """Return a number that is another one when the content is."""
        return sync(self.loop, self._checksum, path)

    def ukey(self, path: str) -> str:
        """Return a word that is another one when the content is."""
        info = self.info(path)
        words = (info["name"], info["size"], info.get("ETag", ""))
        return sha256(repr(words).encode()).hexdigest()

    def modified(self, path: str) -> datetime:
        """Return when the object was written."""
        return sync(self.loop, self._modified, path)

    def created(self, path: str) -> datetime:
        """Return when the object was written: objects are replaced, never changed."""
        return self.modified(path)

    def pin(self, path: str) -> str:
        """Return `path` at the commit that its ref means now, which never changes.

        What is not committed is not there.
        """
        return sync(self.loop, self._pin, path)

    async def _pin(self, path: str) -> str:
        location = parse_location(self._strip_protocol(path))
        if not location.ref:
            raise failure(errno.EINVAL, f"cannot pin '{location}': it has no ref")
        with as_os_errors():
            client = await self.client()
            commit = await client.get_commit(location.repository, location.ref)
        return str(Location(location.repository, commit.id, location.path))


def _remake(options: Mapping[str, Any]) -> LakebedFileSystem:
    return LakebedFileSystem(**options)


def _check_mode(path: str, mode: str) -> None:
    if mode.startswith("a"):
        raise io.UnsupportedOperation(
            f"cannot append to '{path}': objects are written whole; read it, and write "
            "it again"
        )
    if mode not in ("wb", "xb"):
        raise io.UnsupportedOperation(
            f"cannot open '{path}' with mode '{mode}': use 'r', 'w' or 'x'"
        )
