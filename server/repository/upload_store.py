"""The contract of multipart uploads that are not an object yet.

An upload belongs to a branch and a path, and has parts by number. Kept by `metadata/`,
held to it by `tests/contracts/test_uploads.py`:

1. An upload that has ended, however, is not there any more, and neither are its parts:
   at once, though their rows may be removed later, in batches.
2. Parts are kept under their number; the last one of a number that was put counts.
3. `revision` grows with each part that is put. Who read parts and ends the upload at the
   revision that they saw knows that these were all, and the last ones.
4. Of any number of transactions that end an upload, one does.
5. Chunks of parts are kept from being collected from the transaction that puts the part
   to the one that ends the upload.
6. An upload does not outlive its branch: the id of the branch is never used again, and
   the rows are purged.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from msgspec import Struct


class Upload(Struct, frozen=True, gc=False):
    """A multipart upload."""

    id: str
    """Random, so that nobody guesses it, and ascending by time for one path."""
    branch_id: int
    path: bytes
    initiator: str
    """Who began it: a text that names one user for ever, `Principal.scope`."""
    checksum: str
    """What a protocol wants to know of its checksums; empty: nothing."""
    extra: bytes
    """Extras of the entry that it will become."""
    created_ms: int
    revision: int = 0


class Part(Struct, frozen=True, gc=False):
    """A part of an upload, without its bytes."""

    number: int
    md5: bytes
    size_bytes: int
    checksum: bytes
    """What a protocol wants to know of it; empty: nothing."""
    created_ms: int


class Ending(Enum):
    """What came of ending an upload."""

    REFUSED = 0
    """It had ended before, or was not as the caller saw it."""
    DONE = 1
    PARTS_LEFT = 2
    """Done; rows of parts are left to be purged."""


class UploadReader(Protocol):
    """Reads uploads."""

    async def find_upload(self, upload_id: str) -> Upload | None:
        """Return the upload, or None if there is none of that id or it has ended."""
        ...

    async def list_parts(self, upload_id: str, *, after: int, limit: int) -> list[Part]:
        """Return up to `limit` parts with numbers above `after`, ascending."""
        ...

    async def list_uploads(
        self,
        branch_id: int,
        *,
        after: tuple[bytes, str],
        stop: bytes | None,
        limit: int,
    ) -> list[Upload]:
        """Return up to `limit` uploads of a branch above `after`, by path and id.

        `stop` ends the range before that path.
        """
        ...

    async def list_uploading(self, repository_id: int) -> list[tuple[str, int]]:
        """Return names and ids of the branches that have uploads, in no order."""
        ...


class UploadScanner(Protocol):
    """Reads what parts are made of, from worker threads."""

    def read_pieces_blocking(
        self, upload_id: str, numbers: Sequence[int]
    ) -> list[bytes | None]:
        """Return the encoded pieces of parts, in that order; None for one that is gone."""
        ...


class UploadTransaction(Protocol):
    """Changes uploads, inside one write transaction."""

    async def create_upload(self, upload: Upload) -> None:
        """Record a new upload.

        Raises:
            RefNotFoundError: the branch was deleted meanwhile.
        """
        ...

    async def put_part(self, upload_id: str, part: Part, pieces: bytes) -> None:
        """Keep a part, in place of the one with its number, if there is one.

        Raises:
            UploadNotFoundError: the upload is not there any more.
        """
        ...

    async def end_upload(
        self, upload_id: str, *, revision: int | None = None
    ) -> Ending:
        """End an upload; only at `revision` if one is given."""
        ...

    async def end_idle_uploads(self, before_ms: int, *, limit: int) -> int:
        """End up to `limit` uploads that got no part since `before_ms`; return how many."""
        ...
