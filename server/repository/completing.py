"""Completing a multipart upload: its parts become an object, once.

Durable first, name last: the chunks around seams and the recipe are written; then one
transaction stages the entry, ends the upload and notes what was answered, so that a client
that lost the answer gets it by asking again. A stop before that transaction leaves the
upload as it was, and chunks that nobody refers to.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from ..chunks.joining import JoinedBlob, join_blob
from ..chunks.pieces import Piece, decode_pieces
from ..errors import (
    BusyError,
    CorruptDataError,
    InvalidPartError,
    InvalidPartOrderError,
    PartTooSmallError,
    UploadNotFoundError,
)
from ..ids import Kind
from ..refs.store import Branch
from ..tree.canonical import pack, unpack
from ..tree.entry import Entry
from .contracts import Outcome, Snapshot, WriteTransaction
from .engine import Engine
from .objects import (
    Condition,
    branch_of,
    locate,
    publish,
    read_state,
    show_etag,
)
from .publishing import start_full_purge
from .upload_store import Ending, Part, Upload
from .uploading import UploadLease
from .uploads import UploadName, find_upload

PART_NUMBER_MAX = 10_000

ATTEMPTS_MAX = 4
"""Beginnings of one completion, if parts keep coming while it runs: who does not wait for
the answers to the parts cannot expect more."""

_PARTS_AT_ONCE, _BYTES_AT_ONCE = 256, 4 * 1024**3
"""Parts whose pieces are read in one go: half a MiB of them, or one part."""


class ListedPart(Struct, frozen=True, gc=False):
    """A part as the client lists it."""

    number: int
    etag: str
    """Without quotes."""
    checksum: bytes | None = None
    """What the protocol knows of it must be this; None: the client does not say."""


class Completed(Struct, frozen=True, gc=False):
    """What a completion answers, also when it is asked again."""

    etag: bytes
    part_count: int
    checksums: bytes

    @property
    def etag_text(self) -> str:
        """The ETag without quotes."""
        return show_etag(self.etag, self.part_count)


Describe = Callable[[Upload, Sequence[Part]], bytes]
"""Returns the checksums of the entry that the parts become; refuses it by raising."""


class _ChangedError(Exception):
    """The upload is not as it was any more: all is to be looked at again."""


async def complete_upload(
    engine: Engine,
    name: UploadName,
    listed: Sequence[ListedPart],
    *,
    part_bytes_min: int,
    describe: Describe,
    condition: Condition | None = None,
) -> Completed:
    """Make an object of the parts that are `listed`, and end the upload.

    What was completed before, with the same list, is answered as it was then, whatever
    happened to the object since.

    Args:
        engine: where.
        name: the upload.
        listed: numbers ascend; parts that are not named are dropped.
        part_bytes_min: the smallest size of all parts but the last.
        describe: makes the checksums of the whole.
        condition: what must be true of the path now.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRepositoryError
        UploadNotFoundError: there is no such upload.
        InvalidPartOrderError, InvalidPartError, PartTooSmallError
        PreconditionFailedError: `condition` does not hold.
        StorageFullError, StorageFailedError: nothing happened.
        BusyError: parts kept coming.
    """
    _check_order(listed)
    for _ in range(ATTEMPTS_MAX):
        state = await read_state(engine, name.repository, name.branch, name.path)
        branch = branch_of(state)
        outcome_key = _Key(name, branch.id, _digest(name, branch, listed))
        upload = await find_upload(engine, name, branch)
        if upload is None:
            return await outcome_key.get(engine)
        read = await _read_parts(engine, upload)
        if read is None:
            continue  # it has ended meanwhile: its outcome says how
        upload, stored = read
        chosen = _choose(stored, listed, part_bytes_min)
        if condition is not None:
            # Refuse early, before anything is read; what counts is checked below.
            located = await locate(engine, state, name.path)
            condition.check(located.entry if located else None, state, name.path)
        done = Completed(_etag_of(chosen), len(chosen), describe(upload, chosen))
        lease = UploadLease(engine)
        size_bytes = sum(part.size_bytes for part in chosen)
        end = _Ending(upload, outcome_key, done, engine.clock())
        try:
            blob = await asyncio.to_thread(
                _join, engine, lease, upload.id, chosen, size_bytes
            )
            entry = Entry(
                name.path,
                blob.blob_id,
                size_bytes,
                engine.clock(),
                done.etag,
                done.part_count,
                upload.extra,
                done.checksums,
            )
            await publish(engine, state, entry, blob, lease, condition, also=end)
        except _ChangedError:
            continue
        if end.leaves_parts:
            start_full_purge(engine)
        return done
    raise BusyError(
        "parts of the upload came while it was being completed: complete it again"
    )


def _check_order(listed: Sequence[ListedPart]) -> None:
    last = 0
    for part in listed:
        if part.number <= last:
            raise InvalidPartOrderError(part.number)
        last = part.number


async def _read_parts(
    engine: Engine, upload: Upload
) -> tuple[Upload, dict[int, Part]] | None:
    """Return the upload and all its parts, on one state; None: there is none any more."""

    async def action(snapshot: Snapshot) -> tuple[Upload | None, list[Part]]:
        return (
            await snapshot.find_upload(upload.id),
            await snapshot.list_parts(upload.id, after=0, limit=PART_NUMBER_MAX),
        )

    found, parts = await engine.metadata.snapshot(action)
    if found is None:
        return None
    return found, {part.number: part for part in parts}


def _choose(
    stored: dict[int, Part], listed: Sequence[ListedPart], part_bytes_min: int
) -> list[Part]:
    chosen: list[Part] = []
    for wanted in listed:
        part = stored.get(wanted.number)
        if part is None:
            raise InvalidPartError(wanted.number, "it was not uploaded")
        if part.md5.hex() != wanted.etag.lower():
            raise InvalidPartError(
                wanted.number, f"its entity tag is not '{wanted.etag[:64]}'"
            )
        if wanted.checksum not in (None, part.checksum):
            raise InvalidPartError(wanted.number, "its checksum is another one")
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size_bytes < part_bytes_min:
            raise PartTooSmallError(part.number, part.size_bytes, part_bytes_min)
    return chosen


def _etag_of(parts: Sequence[Part]) -> bytes:
    md5s = b"".join(part.md5 for part in parts)
    return hashlib.md5(md5s, usedforsecurity=False).digest()


# --- bytes ----------------------------------------------------------------------------


def _join(
    engine: Engine,
    lease: UploadLease,
    upload_id: str,
    parts: Sequence[Part],
    size_bytes: int,
) -> JoinedBlob:
    def read(pieces: Sequence[Piece]) -> list[memoryview]:
        ids = [piece.chunk_id for piece in pieces]
        found: list[memoryview] = []
        chunks = engine.chunks.read_blocking(Kind.CHUNK, ids)
        for piece, data in zip(pieces, chunks, strict=True):
            if len(data) != piece.chunk_bytes:
                raise CorruptDataError(
                    f"chunk '{piece.chunk_id.hex()}' of a part has {len(data)} bytes"
                )
            found.append(memoryview(data)[piece.start : piece.stop])
        return found

    return join_blob(
        _iter_pieces(engine, upload_id, parts),
        size_bytes,
        read=read,
        appender=engine.metadata.appender,
        find_stored=lease.keep,
        record=lease.record,
    )


def _iter_pieces(
    engine: Engine, upload_id: str, parts: Sequence[Part]
) -> Iterator[Piece]:
    """Yield the pieces of `parts`, read from the database a few parts at a time.

    Raises:
        _ChangedError: a part is another one by now, or gone.
    """
    for some in _groups(parts):
        numbers = [part.number for part in some]
        encoded = engine.metadata.read_pieces_blocking(upload_id, numbers)
        for part, data in zip(some, encoded, strict=True):
            if data is None:
                raise _ChangedError
            size_bytes = 0
            for piece in decode_pieces(data):
                size_bytes += piece.size_bytes
                if size_bytes > part.size_bytes:
                    raise _ChangedError
                yield piece
            if size_bytes != part.size_bytes:
                raise _ChangedError


def _groups(parts: Sequence[Part]) -> Iterator[list[Part]]:
    group: list[Part] = []
    size_bytes = 0
    for part in parts:
        full = size_bytes + part.size_bytes > _BYTES_AT_ONCE
        if group and (full or len(group) == _PARTS_AT_ONCE):
            yield group
            group, size_bytes = [], 0
        group.append(part)
        size_bytes += part.size_bytes
    if group:
        yield group


# --- the transaction, and what it leaves ----------------------------------------------


class _Ending:
    """Ends the upload in the transaction that stages the object."""

    def __init__(self, upload: Upload, key: _Key, done: Completed, now_ms: int) -> None:
        self._upload = upload
        self._key = key
        self._done = done
        self._now_ms = now_ms
        self.leaves_parts = False

    async def __call__(self, tx: WriteTransaction, branch: Branch) -> None:
        """End it.

        Raises:
            _ChangedError: another one did, parts came, or the branch is a new one.
        """
        upload = self._upload
        if branch.id != upload.branch_id:
            raise _ChangedError
        ending = await tx.end_upload(upload.id, revision=upload.revision)
        if ending is Ending.REFUSED:
            raise _ChangedError
        self.leaves_parts = ending is Ending.PARTS_LEFT
        await self._key.record(tx, upload, self._done, self._now_ms)


class _Key(Struct, frozen=True, gc=False):
    """Under what the outcome of a completion is remembered, for a day."""

    name: UploadName
    branch_id: int
    digest: bytes

    @property
    def _scope(self) -> str:
        return f"upload:{self.branch_id}"

    async def record(
        self, tx: WriteTransaction, upload: Upload, done: Completed, now_ms: int
    ) -> None:
        """Remember `done`, in the transaction of the effect."""
        response = pack((done.etag, done.part_count, done.checksums, upload.initiator))
        await tx.record_outcome(
            self._scope, upload.id, Outcome(self.digest, response), now_ms=now_ms
        )

    async def get(self, engine: Engine) -> Completed:
        """Return what the same completion came to before.

        Raises:
            UploadNotFoundError: there was none, with this list of parts and by this user.
        """
        outcome = await engine.metadata.write(
            lambda tx: tx.find_outcome(self._scope, self.name.upload_id)
        )
        if outcome is not None and outcome.request_digest == self.digest:
            match unpack(outcome.response):
                case (bytes(etag), int(count), bytes(checksums), str(initiator)):
                    if self.name.user in (None, initiator):
                        return Completed(etag, count, checksums)
                case _:
                    raise CorruptDataError("the outcome of an upload does not decode")
        raise UploadNotFoundError(self.name.upload_id)


def _digest(name: UploadName, branch: Branch, listed: Sequence[ListedPart]) -> bytes:
    """Return the hash of what is asked: another list is another request."""
    rows = [(part.number, part.etag.lower(), part.checksum or b"") for part in listed]
    return hashlib.sha256(pack((branch.id, name.path, rows))).digest()
