"""Delete objects, and what is asked of directories that are none."""

from __future__ import annotations

import errno
from glob import has_magic
from typing import Any, cast

from fsspec.asyn import sync

from ..errors import ClientError
from .failures import as_os_errors, failure
from .location import Location, parse_location
from .reading import Reading


class Removing(Reading):
    """What of the file system deletes."""

    async def _write_ref(self, location: Location) -> str:
        """Return the branch where what goes to `location` is written."""
        raise NotImplementedError

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

    # --- delete -----------------------------------------------------------------------

    async def _rm_file(self, path: str, **kwargs: Any) -> None:
        location = self._writable(path)
        info = await self._info(path)
        if info["type"] == "directory":
            raise failure(
                errno.EISDIR,
                f"cannot delete '{location}': it is a directory; say recursive",
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
        paths = (
            [str(one) for one in cast("list[object]", path)]
            if isinstance(path, list)
            else [str(path)]
        )
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
            names = await self._expand_path(
                path, recursive=recursive, maxdepth=maxdepth
            )
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
            by_branch.setdefault((location.repository, location.ref), []).append(
                location
            )
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
