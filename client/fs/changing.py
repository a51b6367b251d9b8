"""Change what is on a branch: write, copy, move and delete objects."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Mapping
from glob import has_magic
from pathlib import Path
from typing import Any, BinaryIO

from fsspec.asyn import sync
from fsspec.callbacks import DEFAULT_CALLBACK, Callback
from fsspec.utils import isfilelike

from ..errors import ClientError
from ..operations.downloading import replace_file
from .failures import as_os_errors, failure
from .location import Location, parse_location
from .looking import Looking

_OVERWRITE, _CREATE = "overwrite", "create"


class Changing(Looking):
    """The half of the file system that writes."""

    async def _write_ref(self, location: Location) -> str:
        """Return the branch where what goes to `location` is written."""
        raise NotImplementedError

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
                progress=None if callback is DEFAULT_CALLBACK else callback.relative_update,
            )

    def _writable(self, path: str) -> Location:
        """Return where `path` is, if an object can be there at all.

        Raises:
            OSError: it is too short, or at a commit.
        """
        location = parse_location(self._strip_protocol(path))
        if not location.is_object:
            raise failure(
                errno.EISDIR,
                f"cannot write '{location}': give lakebed://REPO/BRANCH/PATH",
            )
        if location.is_pinned:
            raise failure(
                errno.EROFS,
                f"cannot write '{location}': commits never change; write to a branch",
            )
        return location

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
                errno.EISDIR, f"cannot move '{source}': it is a directory; say recursive"
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

    # --- delete -----------------------------------------------------------------------

    async def _rm_file(self, path: str, **kwargs: Any) -> None:
        location = self._writable(path)
        info = await self._info(path)
        if info["type"] == "directory":
            raise failure(
                errno.EISDIR, f"cannot delete '{location}': it is a directory; say recursive"
            )
        await self._delete([location])

    async def _rm(
        self,
        path: Any,
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        paths: list[str] = [path] if isinstance(path, str | os.PathLike) else list(path)
        doomed: dict[str, Location] = {}
        for one in paths:
            found = await self._find_doomed(one, recursive=recursive, maxdepth=maxdepth)
            doomed |= {str(location): location for location in found}
        await self._delete(list(doomed.values()))

    async def _find_doomed(
        self, path: str, *, recursive: bool, maxdepth: int | None
    ) -> list[Location]:
        """Return the objects that deleting `path` deletes.

        Raises:
            FileNotFoundError: there is nothing.
            IsADirectoryError: it is a directory, and not `recursive`.
        """
        location = parse_location(self._strip_protocol(path))
        if has_magic(str(location)) or maxdepth is not None:
            names = await self._expand_path(path, recursive=recursive, maxdepth=maxdepth)
            infos = [await self._info(name) for name in names]
            files = [info["name"] for info in infos if info["type"] == "file"]
            return [self._writable(name) for name in files]
        if not recursive:
            self.refuse_directory(await self._info(path))
            return [self._writable(path)]
        if not location.ref:
            raise failure(
                errno.EPERM,
                f"cannot delete '{location or '/'}': repositories are not deleted as "
                "files are; use the client or the command line",
            )
        self._writable(location.name(location.path or "x"))
        found = [location] if location.is_object and await self._isfile(path) else []
        return found + await self._list_below(location)

    async def _list_below(self, location: Location) -> list[Location]:
        """Return every object below `location`, markers of directories too.

        Raises:
            FileNotFoundError: there is none, and no object at `location` either.
        """
        with as_os_errors():
            client = await self.client()
            ref = self._read_ref(location)
            objects = client.iter_objects(
                location.repository, ref, prefix=location.prefix
            )
            found = [
                Location(location.repository, location.ref, stats.path)
                async for stats in objects
            ]
        if not found:
            await self._info(str(location))
        return found

    async def _delete(self, doomed: list[Location]) -> None:
        """Delete objects, a thousand in a request."""
        by_branch: dict[tuple[str, str], list[Location]] = {}
        for location in doomed:
            by_branch.setdefault((location.repository, location.ref), []).append(location)
        with as_os_errors():
            client = await self.client()
            for (repository, _), locations in by_branch.items():
                branch = await self._write_ref(locations[0])
                errors = await client.delete_objects(
                    repository, branch, [location.path for location in locations]
                )
                if errors:
                    raise ClientError(errors[0].message, status=errors[0].status_code)

    # --- directories ------------------------------------------------------------------

    async def _mkdir(
        self, path: str, create_parents: bool = True, **kwargs: Any
    ) -> None:
        """Do nothing: a directory is there when something is in it.

        A repository or a branch is not made by the way.
        """
        location = parse_location(self._strip_protocol(path))
        if location.is_object:
            self._writable(path)
            return
        await self._info(path)
        raise failure(errno.EEXIST, f"'{location}' is there already")

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        try:
            await self._mkdir(path)
        except FileExistsError:
            if not exist_ok:
                raise

    def rmdir(self, path: str) -> None:
        """Delete an empty directory: there are none, so what is there is not empty."""
        sync(self.loop, self._rmdir, path)

    async def _rmdir(self, path: str) -> None:
        location = parse_location(self._strip_protocol(path))
        try:
            info = await self._info(path)
        except FileNotFoundError:
            return
        if info["type"] == "file":
            raise failure(errno.ENOTDIR, f"'{location}' is not a directory")
        raise failure(errno.ENOTEMPTY, f"cannot delete '{location}': it is not empty")

    def touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        """Write an empty object; without `truncate`, give what is there a new time."""
        sync(self.loop, self._touch, path, truncate=truncate)

    async def _touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        if truncate or not await self._exists(path):
            await self._pipe_file(path, b"")
        else:
            await self._cp_file(path, path)


def _is_create(mode: str) -> bool:
    if mode not in (_OVERWRITE, _CREATE):
        raise ValueError(f"mode must be '{_OVERWRITE}' or '{_CREATE}', not '{mode}'")
    return mode == _CREATE


def _described(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of `options` describes an object; libraries pass others along."""
    return {
        name: options[name] for name in ("content_type", "metadata") if name in options
    }
