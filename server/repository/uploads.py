"""Multipart uploads: begin, put parts, list, abort; `completing.py` ends them well.

An upload belongs to a branch, a path and the user who began it, and its id works nowhere
else: to everything else it does not exist. What parts there are is in the database alone,
so that they may come to any process, in any order, and again.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncIterator, Callable, Sequence

from msgspec import Struct

from ..chunks.digests import Sum
from ..chunks.ingest import WrittenBlob
from ..chunks.pieces import Piece, encode_pieces, raw_chunk, whole_chunk
from ..errors import (
    LakeError,
    MetadataTooLargeError,
    RefNotFoundError,
    UploadNotFoundError,
)
from ..ids import ChunkId
from ..refs.store import Branch
from ..tree.entry import EXTRA_BYTES_MAX
from ..tree.extra import Extra, encode_extra
from .contracts import WriteTransaction
from .engine import Engine
from .objects import branch_gone, branch_of, read_state
from .publishing import start_full_purge
from .resolving import get_branch, get_repository
from .upload_store import Ending, Part, Upload
from .uploading import UploadLease, take_in

CHECKSUM_BYTES_MIN = 1024
"""Room that is left beside the extras of an upload for the checksum of the whole and the
sizes of its parts: 84 bytes, and some 130 parts of different sizes."""

UPLOADS_AT_ONCE = 500
"""Uploads that expire in one transaction: a few milliseconds."""

EXPIRY_PERIOD_S = 3600.0
"""Between two looks for idle uploads; each costs one statement where there are none."""

log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9a-f]{44}", re.ASCII)


class UploadName(Struct, frozen=True, gc=False):
    """What a client says of the upload that it means."""

    repository: str
    branch: str
    path: bytes
    upload_id: str
    user: str | None
    """Who asks; None: an administrator, to whom the uploads of others exist too."""


def new_upload_id(now_ms: int) -> str:
    """Return an id that nobody guesses; of one path they sort by time."""
    return f"{now_ms:012x}{secrets.token_hex(16)}"


async def create_upload(
    engine: Engine,
    repository: str,
    branch: str,
    path: bytes,
    *,
    initiator: str,
    checksum: str = "",
    extra: Extra | None = None,
) -> Upload:
    """Begin an upload of what will be an object at `path`.

    Args:
        engine: where to.
        repository: the repository.
        branch: the branch.
        path: the path on it.
        initiator: who begins it, `Upload.initiator`.
        checksum: what the protocol wants to know of its checksums.
        extra: what is said of the object.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRefError,
        ReadOnlyRepositoryError
        MetadataTooLargeError: `extra` leaves no room for checksums.
    """
    state = await read_state(engine, repository, branch, path)
    encoded = b"" if extra is None else encode_extra(extra)
    bytes_max = EXTRA_BYTES_MAX - CHECKSUM_BYTES_MIN
    if len(encoded) > bytes_max:
        raise MetadataTooLargeError(
            "metadata", f"metadata of an upload must be at most {bytes_max} bytes"
        )
    now_ms = engine.clock()
    upload = Upload(
        new_upload_id(now_ms),
        branch_of(state).id,
        path,
        initiator,
        checksum,
        encoded,
        now_ms,
    )
    try:
        await engine.metadata.write(lambda tx: tx.create_upload(upload))
    except RefNotFoundError:
        raise branch_gone(repository, branch) from None
    return upload


async def get_upload(engine: Engine, name: UploadName) -> Upload:
    """Return the upload that `name` means.

    Raises:
        RepositoryNotFoundError, RefNotFoundError
        UploadNotFoundError: there is none, or it belongs to something else.
    """
    repository = await get_repository(engine, name.repository)
    branch = await get_branch(engine, repository, name.branch)
    upload = await find_upload(engine, name, branch)
    if upload is None:
        raise UploadNotFoundError(name.upload_id)
    return upload


async def find_upload(
    engine: Engine, name: UploadName, branch: Branch
) -> Upload | None:
    """Return the upload that `name` means on `branch`, or None."""
    if not _ID.fullmatch(name.upload_id):
        return None
    upload = await engine.metadata.find_upload(name.upload_id)
    if upload is None or (upload.branch_id, upload.path) != (branch.id, name.path):
        return None
    return upload if name.user in (None, upload.initiator) else None


async def put_part(
    engine: Engine,
    name: UploadName,
    number: int,
    body: bytes | AsyncIterator[bytes],
    *,
    sums: Sequence[Sum] = (),
    check: Callable[[WrittenBlob], None] | None = None,
    checksum: Callable[[], bytes] | None = None,
) -> Part:
    """Store a part of an upload; durable when this returns.

    Args:
        engine: where to.
        name: the upload.
        number: of the part; one that is there already is replaced.
        body: the bytes, at once or as they come.
        sums: take all bytes too; what one raises refuses the part.
        check: gets the digests of the bytes; refuses the part by raising.
        checksum: returns what the protocol wants to know of it, after `check`.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRepositoryError
        UploadNotFoundError: there is no such upload; or it ended meanwhile.
        StorageFullError, StorageFailedError: nothing was written.
    """
    await read_state(engine, name.repository, name.branch, name.path)
    await get_upload(engine, name)
    lease = UploadLease(engine)
    chunks: list[tuple[ChunkId, int]] = []
    blob = await take_in(
        engine,
        body,
        lease,
        sums=sums,
        on_chunk=lambda chunk_id, size_bytes: chunks.append((chunk_id, size_bytes)),
        check=check,
    )
    part = Part(
        number,
        blob.md5,
        blob.size_bytes,
        b"" if checksum is None else checksum(),
        engine.clock(),
    )
    pieces = encode_pieces(_pieces_of(blob, chunks))

    async def action(tx: WriteTransaction) -> None:
        await tx.put_part(name.upload_id, part, pieces)
        await lease.release(tx)

    # A part has no recipe: its chunks alone are wanted.
    frames = blob.frames if not chunks else ()
    await engine.metadata.write(action, frames=frames, stored=blob.stored)
    return part


def _pieces_of(blob: WrittenBlob, chunks: Sequence[tuple[ChunkId, int]]) -> list[Piece]:
    if not blob.size_bytes:
        return []
    if not chunks:
        return [raw_chunk(blob.blob_id, blob.size_bytes)]
    return [
        whole_chunk(chunk_id, size_bytes, is_last=number == len(chunks))
        for number, (chunk_id, size_bytes) in enumerate(chunks, 1)
    ]


async def abort_upload(engine: Engine, name: UploadName) -> None:
    """End an upload without an object; its bytes are collected later.

    Raises:
        RepositoryNotFoundError, RefNotFoundError
        UploadNotFoundError: there is no such upload; also if it was completed.
    """
    upload = await get_upload(engine, name)
    ending = await engine.metadata.write(lambda tx: tx.end_upload(upload.id))
    if ending is Ending.REFUSED:
        raise UploadNotFoundError(name.upload_id)
    if ending is Ending.PARTS_LEFT:
        start_full_purge(engine)


async def list_parts(
    engine: Engine, name: UploadName, *, after: int, limit: int
) -> tuple[Upload, list[Part], bool]:
    """Return an upload, a page of its parts above `after`, and whether more follow.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, UploadNotFoundError
    """
    upload = await get_upload(engine, name)
    found = await engine.metadata.list_parts(upload.id, after=after, limit=limit + 1)
    # A page of nothing says that nothing follows: nobody could ask for what does.
    return upload, found[:limit], 0 < limit < len(found)


def start_expiring(engine: Engine, kept_h: float) -> None:
    """End uploads that got no part for `kept_h` hours, now and then, in the background."""

    async def expire() -> None:
        while True:
            try:
                await expire_uploads(engine, int(kept_h * 3_600_000))
            except LakeError:
                log.warning("cannot end idle uploads", exc_info=True)
            await asyncio.sleep(EXPIRY_PERIOD_S)

    engine.start_chore(expire)


async def expire_uploads(engine: Engine, idle_ms: int) -> int:
    """End all uploads that got no part for `idle_ms`; return how many.

    Left undone by a stop, the next one does it.
    """
    before_ms = engine.clock() - idle_ms
    expired = 0
    while ended := await engine.metadata.write(
        lambda tx: tx.end_idle_uploads(before_ms, limit=UPLOADS_AT_ONCE)
    ):
        expired += ended
    if expired:
        start_full_purge(engine)
    return expired
