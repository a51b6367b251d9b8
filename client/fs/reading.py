"""Read bytes: whole objects, ranges, one version in several requests, into files."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from fsspec.callbacks import DEFAULT_CALLBACK, Callback
from fsspec.utils import isfilelike

from ..errors import ClientError, NotFoundError, PreconditionFailedError
from ..operations.downloading import replace_file
from ..operations.pinning import PinnedObject
from .failures import as_os_errors, failure, is_past_end
from .infos import directory_info
from .location import parse_location
from .looking import Looking
from .ranges import cut_range, merge_ranges, parse_ranges


class OpenVersion(Protocol):
    """A file that reads one version of an object."""

    @property
    def path(self) -> str:
        """Where the object is."""
        ...

    @property
    def size(self) -> int:
        """Of the version, in bytes."""
        ...

    @property
    def etag(self) -> str:
        """Of the version."""
        ...


class Reading(Looking):
    """What of the file system reads bytes."""

    async def _cat_file(
        self,
        path: str,
        start: int | None = None,
        end: int | None = None,
        **kwargs: Any,
    ) -> bytes:
        location = parse_location(self._strip_protocol(path))
        if (start or 0) < 0 or (end or 0) < 0:
            size = (await self._info_of_file(path))["size"]
            start = max(0, size + start) if start is not None and start < 0 else start
            end = size + end if end is not None and end < 0 else end
        if end is not None and end <= (start or 0):
            return b""
        if not location.is_object:
            self.refuse_directory(await self._info(path))
        with as_os_errors():
            client = await self.client()
            try:
                return await client.read_object(
                    location.repository,
                    self._read_ref(location),
                    location.path,
                    start=start or 0,
                    end=end,
                )
            except NotFoundError as error:
                missing = error
            except ClientError as error:
                if is_past_end(error):
                    return b""
                raise
        # Reading a directory should not say that nothing is there.
        if missing.code == "object-not-found" and await self._isdir(path):
            self.refuse_directory(directory_info(str(location)))
        with as_os_errors():
            raise missing

    async def _cat_ranges(
        self,
        paths: list[str],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: str = "return",
        **kwargs: Any,
    ) -> list[Any]:
        ranges = parse_ranges(paths, starts, ends)
        has_negative = any(one.start < 0 or (one.end or 0) < 0 for one in ranges)
        if max_gap is None or has_negative or not ranges:
            return await super()._cat_ranges(
                paths, starts, ends, batch_size=batch_size, on_error=on_error
            )
        merged = merge_ranges(ranges, max_gap)
        read = await super()._cat_ranges(
            [one.path for one in merged],
            [one.start for one in merged],
            [one.end for one in merged],
            batch_size=batch_size,
            on_error=on_error,
        )
        return [cut_range(one, merged, read) for one in ranges]

    async def read_version(self, file: OpenVersion, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end` of the version that `file` reads.

        Raises:
            OSError: that version is not there any more.
        """
        location = parse_location(file.path)
        with as_os_errors():
            client = await self.client()
            try:
                pinned = PinnedObject(
                    repository=location.repository,
                    ref=self._read_ref(location),
                    path=location.path,
                    etag=file.etag,
                    size_bytes=file.size,
                    content_type="",
                    commit_id="",
                )
                return await client.read_pinned(pinned, start=start, end=end)
            except PreconditionFailedError as error:
                raise failure(
                    errno.ESTALE,
                    f"cannot read '{location}': it changed since it was opened; open it "
                    "again, or read it at a commit",
                ) from error

    async def _get_file(
        self,
        rpath: str,
        lpath: Any,
        callback: Callback = DEFAULT_CALLBACK,
        **kwargs: Any,
    ) -> None:
        if isfilelike(lpath):
            await self._download(rpath, lpath, callback)
            return
        local = Path(lpath)
        if await asyncio.to_thread(local.is_dir):
            info = await self._info(rpath)
            if info["type"] == "file":
                raise failure(errno.EISDIR, f"'{local}' is a directory")
            return
        try:
            with replace_file(local) as file:
                await self._download(rpath, file, callback)
        except FileNotFoundError:
            if not await self._isdir(rpath):
                raise
            await asyncio.to_thread(local.mkdir, parents=True, exist_ok=True)

    async def _download(self, path: str, file: BinaryIO, callback: Callback) -> None:
        location = parse_location(self._strip_protocol(path))
        with as_os_errors():
            client = await self.client()
            opened = client.open_object(
                location.repository, self._read_ref(location), location.path
            )
            async with opened as stream:
                if stream.size_bytes is not None:
                    callback.set_size(stream.size_bytes)
                async for piece in stream:
                    await asyncio.to_thread(file.write, piece)
                    callback.relative_update(len(piece))
