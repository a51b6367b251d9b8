"""Which uploads are under way, by key: what stands before a path in keys, and the path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..refs.store import Branch
from ..tree.lookup import after_prefix
from .engine import Engine
from .listings import CommonPrefix
from .resolving import get_repository, resolve_in
from .upload_store import Upload

_ABOVE_ALL_IDS = "~"
"""Ids are hex digits."""


@dataclass(frozen=True, slots=True)
class UploadAt:
    """An upload, and the key it is for."""

    key: bytes
    upload: Upload


@dataclass(frozen=True, slots=True)
class UploadPage:
    """A page of a listing, in byte order of the keys, and of ids within one."""

    items: tuple[UploadAt | CommonPrefix, ...]
    is_truncated: bool


async def list_uploads(
    engine: Engine,
    repository: str,
    branch: str | None,
    *,
    may_read: Callable[[str], bool],
    prefix: bytes,
    delimiter: bytes,
    after: bytes,
    after_id: str,
    limit: int,
) -> UploadPage:
    """Return a page of the uploads of a branch, or of all that the caller may read.

    Args:
        engine: where.
        repository: the repository.
        branch: keys are paths; None: of all branches, keys are `BRANCH/PATH`.
        may_read: tells whether a branch is shown.
        prefix: of the keys.
        delimiter: keys that have it behind the prefix become one common prefix; empty:
            none do.
        after: only keys above it; a common prefix counts as all keys that it has.
        after_id: of the key `after` itself, uploads above this id; empty: none.
        limit: items of the page.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
    """
    heads = await _find_heads(engine, repository, branch, may_read)
    walk = _Walk(engine, prefix, delimiter, limit + 1)
    if after:
        walk.start_after(after, after_id)
    for head, branch_id in sorted(heads):
        await walk.visit(head, branch_id)
    page = tuple(walk.items[:limit])
    # A page of nothing says that nothing follows: nobody could ask for what does.
    return UploadPage(page, bool(page) and len(walk.items) > limit)


async def _find_heads(
    engine: Engine,
    repository: str,
    branch: str | None,
    may_read: Callable[[str], bool],
) -> Sequence[tuple[bytes, int]]:
    """Return what stands before the paths of each branch in keys, and its id."""
    where = await get_repository(engine, repository)
    if branch is not None:
        ref = await engine.metadata.find_ref(where.id, branch)
        if isinstance(ref, Branch):
            return [(b"", ref.id)]
        await resolve_in(engine, where, branch)
        return []  # a tag or commit, which nothing is uploaded to
    # In a thread: it looks at every upload of the lake.
    found = await engine.metadata.snapshot(lambda at: at.list_uploading(where.id))
    return [(f"{name}/".encode(), id_) for name, id_ in found if may_read(name)]


class _Walk:
    """Collects items, in order, until there are enough."""

    def __init__(
        self, engine: Engine, prefix: bytes, delimiter: bytes, wanted: int
    ) -> None:
        self.items: list[UploadAt | CommonPrefix] = []
        self._engine = engine
        self._prefix = prefix
        self._delimiter = delimiter
        self._wanted = wanted
        self._after: tuple[bytes, str] | None = (prefix, "")
        """Key and id above which all is that is still to come; None: nothing is."""

    def start_after(self, key: bytes, upload_id: str) -> None:
        """Leave out what a page before had."""
        if self._find_common(key) == key:
            self._pass_common(key)
        elif self._after is not None:
            self._after = max(self._after, (key, upload_id or _ABOVE_ALL_IDS))

    async def visit(self, head: bytes, branch_id: int) -> None:
        """Take the uploads of a branch whose keys begin with `head`."""
        while len(self.items) < self._wanted:
            bounds = self._bounds_within(head)
            if bounds is None:
                return
            after, stop = bounds
            asked = self._wanted - len(self.items)
            found = await self._engine.metadata.list_uploads(
                branch_id, after=after, stop=stop, limit=asked
            )
            if self._take(head, found) and len(found) < asked:
                return

    def _bounds_within(
        self, head: bytes
    ) -> tuple[tuple[bytes, str], bytes | None] | None:
        """Return between which paths of a branch the rest lies; None if nothing does."""
        prefix = self._prefix
        if self._after is None or not (
            head.startswith(prefix) or prefix.startswith(head)
        ):
            return None
        stop = after_prefix(prefix[len(head) :]) if prefix.startswith(head) else None
        key, upload_id = self._after
        if key.startswith(head):
            return (key[len(head) :], upload_id), stop
        return None if key > head else ((b"", ""), stop)

    def _take(self, head: bytes, found: Sequence[Upload]) -> bool:
        """Take what was found; tell whether all of it, or only up to a common prefix."""
        for upload in found:
            key = head + upload.path
            common = self._find_common(key)
            if common is not None:
                self.items.append(CommonPrefix(common))
                self._pass_common(common)
                return False
            self.items.append(UploadAt(key, upload))
            self._after = (key, upload.id)
        return True

    def _find_common(self, key: bytes) -> bytes | None:
        if not self._delimiter or not key.startswith(self._prefix):
            return None
        at = key.find(self._delimiter, len(self._prefix))
        return None if at < 0 else key[: at + len(self._delimiter)]

    def _pass_common(self, common: bytes) -> None:
        behind = after_prefix(common)
        self._after = None if behind is None else (behind, "")
