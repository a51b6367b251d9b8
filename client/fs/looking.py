"""Look at what is there: information, listings, search and sizes."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from fsspec.asyn import AsyncFileSystem

from ..async_client import AsyncClient
from ..errors import NotFoundError
from .failures import as_os_errors, failure
from .infos import Info, Listing, PinnedInfos, by_name, directory_info, object_info
from .location import Location, parse_location

LISTINGS_MAX = 8
"""Directories that a search with a depth lists at once."""


class Looking(AsyncFileSystem):
    """What of the file system asks and reads no bytes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._pinned = PinnedInfos()

    async def client(self) -> AsyncClient:
        """Return the client of the running loop."""
        raise NotImplementedError

    def _read_ref(self, location: Location) -> str:
        """Return the ref where `location` is read."""
        raise NotImplementedError

    # --- one thing --------------------------------------------------------------------

    async def _info(self, path: str, **kwargs: Any) -> Info:
        location = parse_location(self._strip_protocol(path))
        if self._pinned.knows(location):
            info = self._pinned.find_info(location)
            if info is None:
                raise _nothing_at(location)
            return dict(info)
        with as_os_errors():
            info = await self._ask_info(await self.client(), location)
        self._pinned.keep_info(location, info)
        if info is None:
            raise _nothing_at(location)
        return dict(info)

    async def _ask_info(self, client: AsyncClient, location: Location) -> Info | None:
        """Return what is at `location`, None if it is an object or directory not there.

        Raises:
            NotFoundError: there is no such repository or ref.
        """
        if not location.repository:
            return directory_info("")
        if not location.ref:
            await client.get_repository(location.repository)
            return directory_info(str(location))
        ref = self._read_ref(location)
        if not location.path:
            await client.get_commit(location.repository, ref)
            return directory_info(str(location))
        try:
            stats = await client.stat_object(location.repository, ref, location.path)
            return object_info(location, stats)
        except NotFoundError as error:
            if error.code != "object-not-found":
                raise
        below = client.iter_objects(
            location.repository, ref, prefix=location.prefix, limit=1
        )
        async for _ in below:
            return directory_info(str(location))
        return None

    async def _exists(self, path: str, **kwargs: Any) -> bool:
        try:
            await self._info(path)
        except FileNotFoundError:
            return False
        return True

    async def _isfile(self, path: str) -> bool:
        try:
            return bool((await self._info(path))["type"] == "file")
        except FileNotFoundError:
            return False

    async def _isdir(self, path: str) -> bool:
        try:
            return bool((await self._info(path))["type"] == "directory")
        except FileNotFoundError:
            return False

    async def _checksum(self, path: str) -> int:
        return int(
            sha256((await self._info_of_file(path))["ETag"].encode()).hexdigest(), 16
        )

    async def _modified(self, path: str) -> datetime:
        info = await self._info_of_file(path)
        return datetime.fromtimestamp(info["mtime"], UTC)

    async def _info_of_file(self, path: str) -> Info:
        info = await self._info(path)
        self.refuse_directory(info)
        return info

    def refuse_directory(self, info: Info) -> None:
        """Raise IsADirectoryError if `info` is of a directory."""
        if info["type"] == "directory":
            raise failure(errno.EISDIR, f"'{info['name']}' is a directory")

    # --- many things ------------------------------------------------------------------

    async def _ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        location = parse_location(self._strip_protocol(path))
        infos = await self._list(location)
        if not infos and location.is_object:
            infos = by_name([await self._info(path)])
        elif not infos and location.ref:
            await self._info(path)
        if detail:
            return [dict(info) for info in infos.values()]
        return sorted({info["name"] for info in infos.values()})

    async def _list(self, location: Location, prefix: str = "") -> Listing:
        """Return what is directly in `location` and begins with `prefix`."""
        kind = f"ls {prefix}" if prefix else "ls"
        if (kept := self._pinned.find_listing(kind, location)) is not None:
            return kept
        with as_os_errors():
            client = await self.client()
            if not location.repository:
                infos = [
                    directory_info(repository.id)
                    async for repository in client.iter_repositories()
                ]
            elif not location.ref:
                infos = await self._list_refs(client, location.repository)
            else:
                below = self._iter_infos(client, location, prefix, delimiter="/")
                infos = [info async for info in below]
        found = by_name(
            info for info in infos if info["name"].rpartition("/")[2].startswith(prefix)
        )
        self._pinned.keep_listing(kind, location, found)
        return found

    async def _list_refs(self, client: AsyncClient, repository: str) -> list[Info]:
        names = [branch.id async for branch in client.iter_branches(repository)]
        names += [tag.id async for tag in client.iter_tags(repository)]
        return [directory_info(f"{repository}/{name}") for name in sorted(names)]

    async def _iter_infos(
        self,
        client: AsyncClient,
        location: Location,
        prefix: str,
        delimiter: str = "",
    ) -> AsyncIterator[Info]:
        objects = client.iter_objects(
            location.repository,
            self._read_ref(location),
            prefix=location.prefix + prefix,
            delimiter=delimiter,
        )
        async for stats in objects:
            if stats.path_type == "common_prefix":
                yield directory_info(location.name(stats.path))
            # What ends with a slash marks a directory, and has no name of its own here.
            elif not stats.path.endswith("/"):
                yield object_info(location, stats)

    async def _find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **kwargs: Any,
    ) -> Any:
        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth must be at least 1")
        detail, prefix = kwargs.pop("detail", False), kwargs.pop("prefix", "")
        location = parse_location(self._strip_protocol(path))
        listing: dict[str, Info] = {}
        with suppress(FileNotFoundError):
            if location.ref and maxdepth is None:
                listing.update(await self._find_all(location, prefix))
            else:
                listing.update(await self._find_to(location, maxdepth, prefix))
            if not listing and location.is_object and not prefix:
                listing = by_name([await self._info(path)])
        if withdirs and listing and not prefix:
            listing.update(_directories_of(location, listing))
            if str(location):
                listing.setdefault(f"{location}/", directory_info(str(location)))
        elif withdirs:
            listing.update(_directories_of(location, listing))
        wanted = [
            info for info in listing.values() if withdirs or info["type"] == "file"
        ]
        # Where an object has the name of a directory, it is the one to be found.
        wanted.sort(key=lambda info: (info["name"], info["type"] == "file"))
        found = {info["name"]: dict(info) for info in wanted}
        return found if detail else list(found)

    async def _find_all(self, location: Location, prefix: str) -> Listing:
        """Return every object below `location`, with one walk through the listing."""
        kind = f"find {prefix}" if prefix else "find"
        if (kept := self._pinned.find_listing(kind, location)) is not None:
            return kept
        with as_os_errors():
            below = self._iter_infos(await self.client(), location, prefix)
            found = by_name([info async for info in below])
        self._pinned.keep_listing(kind, location, found)
        return found

    async def _find_to(
        self, location: Location, depth: int | None, prefix: str
    ) -> Listing:
        """Return objects and directories down to `depth`, level by level."""
        found: dict[str, Info] = dict(await self._list(location, prefix))
        limit = asyncio.Semaphore(LISTINGS_MAX)

        async def list_one(below: Location) -> Listing:
            async with limit:
                if depth is None and below.ref:
                    return await self._find_all(below, "")
                return await self._list(below)

        level: dict[str, Info] = found
        while depth is None or (depth := depth - 1) > 0:
            names = [i["name"] for i in level.values() if i["type"] == "directory"]
            below = [parse_location(name) for name in names]
            level = dict[str, Info]()
            for listing in await asyncio.gather(*map(list_one, below)):
                level.update(listing)
            if not level:
                break
            found.update(level)
        return found

    async def _du(
        self,
        path: str,
        total: bool = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **kwargs: Any,
    ) -> Any:
        location = parse_location(self._strip_protocol(path))
        if total and maxdepth is None and location.ref:
            with as_os_errors():
                client = await self.client()
                ref = self._read_ref(location)
                measured = await client.du(
                    location.repository, ref, prefix=location.prefix
                )
            if measured.object_count or not location.is_object:
                return measured.size_bytes
            return (await self._info(path))["size"]
        found: dict[str, Info] = await self._find(
            path, maxdepth=maxdepth, withdirs=withdirs, detail=True
        )
        sizes = {name: info["size"] for name, info in found.items()}
        return sum(sizes.values()) if total else sizes


def _nothing_at(location: Location) -> OSError:
    return failure(errno.ENOENT, f"nothing is at '{location}'")


def _directories_of(location: Location, listing: Listing) -> dict[str, Info]:
    """Return the directories below `location` that the objects of `listing` are in."""
    root = str(location)
    directories: dict[str, Info] = {}
    for info in listing.values():
        parent = info["name"].rpartition("/")[0]
        while len(parent) > len(root) and f"{parent}/" not in directories:
            directories[f"{parent}/"] = directory_info(parent)
            parent = parent.rpartition("/")[0]
    return directories
