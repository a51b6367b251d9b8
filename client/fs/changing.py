"""Change what is on a branch: write, copy and move objects."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping
from glob import has_magic
from pathlib import Path
from typing import Any

from fsspec.asyn import sync
from fsspec.callbacks import DEFAULT_CALLBACK, Callback

from .failures import as_os_errors, failure
from .location import Location, parse_location
from .removing import Removing

_OVERWRITE, _CREATE = "overwrite", "create"


class Changing(Removing):
    """What of the file system writes, copies and moves."""

    # --- write ------------------------------------------------------------------------

    async def upload(
        self,
        path: str,
        body: Any,
        *,
        if_absent: bool = False,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        callback: Callback = DEFAULT_CALLBACK,
    ) -> None:
        """Write `body`, bytes or a file, to `path`.

        Raises:
            OSError: it cannot be written.
        """
        location = self._writable(path)
        with as_os_errors():
            client = await self.client()
            await client.upload_object(
                location.repository,
                await self._write_ref(location),
                location.path,
                body,
                content_type=content_type,
                metadata=metadata,
                if_absent=if_absent,
                progress=None
                if callback is DEFAULT_CALLBACK
                else callback.relative_update,
            )

    async def _pipe_file(
        self, path: str, value: bytes, mode: str = _OVERWRITE, **kwargs: Any
    ) -> None:
        await self.upload(path, value, if_absent=_is_create(mode), **_described(kwargs))

    async def _put_file(
        self,
        lpath: str,
        rpath: str,
        callback: Callback = DEFAULT_CALLBACK,
        mode: str = _OVERWRITE,
        **kwargs: Any,
    ) -> None:
        local = Path(lpath)
        if await asyncio.to_thread(local.is_dir):
            return
        callback.set_size((await asyncio.to_thread(local.stat)).st_size)
        await self.upload(
            rpath,
            local,
            if_absent=_is_create(mode),
            callback=callback,
            **_described(kwargs),
        )

    def touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        """Write an empty object; without `truncate`, give what is there a new time."""
        sync(self.loop, self._touch, path, truncate=truncate)

    async def _touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        if truncate or not await self._exists(path):
            await self._pipe_file(path, b"")
        else:
            await self._cp_file(path, path)

    # --- copy and move ----------------------------------------------------------------

    async def _cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        source = parse_location(self._strip_protocol(path1))
        destination = self._writable(path2)
        try:
            with as_os_errors():
                await self._copy_one(source, destination)
        except FileNotFoundError:
            # A directory is there where something is in it, and that is copied.
            if not await self._isdir(path1):
                raise

    async def _copy_one(self, source: Location, destination: Location) -> None:
        client = await self.client()
        branch = await self._write_ref(destination)
        if source.repository == destination.repository:
            await client.copy_object(
                destination.repository,
                branch,
                destination.path,
                source_path=source.path,
                source_ref=self._read_ref(source),
            )
            return
        stats = await client.stat_object(
            source.repository, self._read_ref(source), source.path
        )
        opened = client.open_object(
            source.repository, self._read_ref(source), source.path
        )
        async with opened as stream:
            await client.upload_object(
                destination.repository,
                branch,
                destination.path,
                aiter(stream),
                content_type=stats.content_type,
                metadata=stats.metadata,
            )

    def mv(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Move files: within a branch a rename, all at once and without copying."""
        sync(self.loop, self._mv, path1, path2, recursive=recursive, maxdepth=maxdepth)

    async def _mv(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        if path1 == path2:
            return
        if isinstance(path1, str) and isinstance(path2, str) and maxdepth is None:
            source = parse_location(self._strip_protocol(path1))
            target = parse_location(self._strip_protocol(path2))
            is_one = source.is_object and not has_magic(path1)
            if is_one and source.parts[:2] == target.parts[:2]:
                await self._rename(path1, path2, source, target, recursive=recursive)
                return
        await self._copy(
            path1, path2, recursive=recursive, maxdepth=maxdepth, on_error="raise"
        )
        await self._rm(path1, recursive=recursive, maxdepth=maxdepth)

    async def _mv_file(self, path1: str, path2: str) -> None:
        await self._mv(path1, path2)

    async def _rename(
        self,
        path1: str,
        path2: str,
        source: Location,
        target: Location,
        *,
        recursive: bool,
    ) -> None:
        is_directory = (await self._info(path1))["type"] == "directory"
        if is_directory and not recursive:
            raise failure(
                errno.EISDIR,
                f"cannot move '{source}': it is a directory; say recursive",
            )
        destination = target.path
        into = path2.endswith("/") or await self._isdir(path2)
        if into and not (is_directory and path1.endswith("/")):
            name = source.path.rpartition("/")[2]
            destination = f"{target.path}/{name}".lstrip("/")
        self._writable(target.name(destination or "x"))
        with as_os_errors():
            client = await self.client()
            slash = "/" if is_directory else ""
            await client.move_objects(
                source.repository,
                await self._write_ref(source),
                source.path + slash,
                f"{destination}{slash}".lstrip("/") if destination else "",
                recursive=is_directory,
            )


def _is_create(mode: str) -> bool:
    if mode not in (_OVERWRITE, _CREATE):
        raise ValueError(f"mode must be '{_OVERWRITE}' or '{_CREATE}', not '{mode}'")
    return mode == _CREATE


def _described(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of `options` describes an object; libraries pass others along."""
    return {
        name: options[name] for name in ("content_type", "metadata") if name in options
    }
