"""What fsspec wants to know of objects and directories, and what is kept of it.

Nothing at a commit ever changes, so what was learned of it is kept as long as there is
room; of branches and tags nothing is kept. (A tag can be deleted and made again.)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from ..wire import ObjectStats
from .location import Location

Info = dict[str, Any]
Listing = Mapping[str, Info]
"""What a directory has, by name. That of a directory ends with a slash here: an object
may have the same."""

INFOS_MAX = 50_000
"""Infos kept at once in listings, and as many by themselves, of about a kilobyte each. A dataset of more files is asked for
again, a thousand objects a request; double is 100 MB that nobody ordered."""


def object_info(location: Location, stats: ObjectStats) -> Info:
    """Return what is known of the object `stats`, at the ref of `location`."""
    return {
        "name": location.name(stats.path),
        "size": stats.size_bytes or 0,
        "type": "file",
        "ETag": f'"{stats.checksum}"',
        "checksum": stats.checksum,
        "mtime": float(stats.mtime),
        "content_type": stats.content_type,
        "metadata": dict(stats.metadata or {}),
    }


def directory_info(name: str) -> Info:
    """Return what is known of a directory, a ref, or a repository."""
    return {"name": name.rstrip("/"), "size": 0, "type": "directory"}


def by_name(infos: Iterable[Info]) -> dict[str, Info]:
    """Return `infos` as a listing."""
    return {
        info["name"] + ("/" if info["type"] == "directory" else ""): info
        for info in infos
    }


class PinnedInfos:
    """What was learned of commits: the least recently used goes first.

    Listings are kept by the directory and how they were made; an info by its name alone,
    None standing for "there is nothing".
    """

    def __init__(self) -> None:
        self._listings: OrderedDict[tuple[str, str], Listing] = OrderedDict()
        self._infos: OrderedDict[str, Info | None] = OrderedDict()
        self._listed = 0

    def find_listing(self, kind: str, location: Location) -> Listing | None:
        """Return the `kind` of listing of `location` if it is kept."""
        if not location.is_pinned:
            return None
        key = (kind, str(location))
        if key in self._listings:
            self._listings.move_to_end(key)
        return self._listings.get(key)

    def keep_listing(self, kind: str, location: Location, listing: Listing) -> None:
        """Keep the `kind` of listing of `location`, if it can be kept."""
        if not location.is_pinned or len(listing) > INFOS_MAX:
            return
        key = (kind, str(location))
        self._drop(key)
        self._listings[key] = listing
        self._listed += len(listing) + 1
        while self._listed > INFOS_MAX:
            self._drop(next(iter(self._listings)))

    def knows(self, location: Location) -> bool:
        """Tell whether `find_info` has an answer, be it None."""
        return location.is_pinned and (
            str(location) in self._infos or self.find_info(location) is not None
        )

    def find_info(self, location: Location) -> Info | None:
        """Return what is kept of `location`, by itself or in a listing of a parent."""
        if not location.is_pinned:
            return None
        name = str(location)
        if name in self._infos:
            self._infos.move_to_end(name)
            return self._infos[name]
        for parent in _parents(location):
            for kind in ("ls", "find"):
                listing = self._listings.get((kind, parent), {})
                info = listing.get(name) or listing.get(f"{name}/")
                if info is not None:
                    return info
        return None

    def keep_info(self, location: Location, info: Info | None) -> None:
        """Keep what was learned of `location`, if it can be kept."""
        if not location.is_pinned:
            return
        self._infos[str(location)] = info
        self._infos.move_to_end(str(location))
        if len(self._infos) > INFOS_MAX:
            self._infos.popitem(last=False)

    def count(self) -> int:
        """Return how many infos are kept, the listings themselves included."""
        listed = sum(len(listing) + 1 for listing in self._listings.values())
        assert listed == self._listed
        return listed + len(self._infos)

    def clear(self) -> None:
        """Give the room back."""
        self._listings.clear()
        self._infos.clear()
        self._listed = 0

    def _drop(self, key: tuple[str, str]) -> None:
        listing = self._listings.pop(key, None)
        if listing is not None:
            self._listed -= len(listing) + 1


def _parents(location: Location) -> Iterable[str]:
    parent = location.path
    while parent:
        parent = parent.rpartition("/")[0]
        yield location.name(parent)
