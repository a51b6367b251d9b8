"""Reads chunks, nodes and recipes back, and verifies each of them.

Nothing leaves this module before the BLAKE3 of its plain bytes was compared with its id
(P8). A location that turns out wrong is looked up once more before it is called damage:
small packs are merged in the background, and the old one may go between look-up and read.

What is small is read and hashed on the event loop: out of the page cache, 256 KiB take
about 0.1 ms, no more than a hop to a thread. What is larger goes to one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ..errors import CorruptDataError, MissingDataError
from ..ids import ChunkId, Kind, hash_stored
from ..storage.store import READ_INLINE_BYTES_MAX, PackStorage
from .codec import Codec, decode
from .index import ChunkIndex, Location, StoredFrame

_PLACES_MAX = 16_384
"""Places remembered, about 250 bytes each. A look at the index takes 20 µs, a sixth of a
small read; double serves larger hot sets for 4 MiB more."""


OnDamage = Callable[[StoredFrame, CorruptDataError], None]
"""Told of what is stored and cannot be read, and why; in any thread."""


def _ignore(frame: StoredFrame, error: CorruptDataError) -> None:
    del frame, error


class ChunkReader:
    """Reads what `index` locates in `storage`."""

    def __init__(
        self, index: ChunkIndex, storage: PackStorage, on_damage: OnDamage = _ignore
    ) -> None:
        self._index = index
        self._storage = storage
        self._on_damage = on_damage
        self._places: dict[bytes, Location] = {}
        """Where chunks were found; only ever touched on the event loop."""

    def read_blocking(self, kind: Kind, ids: Sequence[bytes]) -> list[bytes]:
        """Return the plain bytes of `ids`, in that order. For worker threads.

        Raises:
            MissingDataError: one is not stored.
            CorruptDataError: what is stored is not what its id says.
        """
        found = self._index.find_blocking(kind, ids)
        return self._load_all(kind, ids, found)

    async def read(self, kind: Kind, ids: Sequence[bytes]) -> list[bytes]:
        """Return what `read_blocking` does, without stalling the event loop."""
        if len(ids) == 1:
            return [await self._read_one(kind, ids[0])]
        found = await self._index.find(kind, ids)
        plain_bytes = 0
        for id_ in ids:
            location = found.get(id_)
            if location is None or location.base is not None:
                break  # rare, and needs more look-ups
            plain_bytes += location.plain_bytes
        else:
            if plain_bytes <= READ_INLINE_BYTES_MAX:
                return [await self.read_at(kind, id_, found[id_]) for id_ in ids]
        return await asyncio.to_thread(self._load_all, kind, ids, found)

    async def _read_one(self, kind: Kind, id_: bytes) -> bytes:
        """Return one chunk; where it lies is remembered, so that the next read is short.

        A place may be out of date, then the read fails and a look at the index follows.
        It can never be wrong unnoticed: what is read must hash to `id_`.
        """
        at = self._places.get(id_)
        if at is None:
            at = (await self._index.find(kind, (id_,))).get(id_)
            if at is None or at.base or at.plain_bytes > READ_INLINE_BYTES_MAX:
                found = {id_: at} if at is not None else {}
                return (await asyncio.to_thread(self._load_all, kind, [id_], found))[0]
            if len(self._places) >= _PLACES_MAX:
                self._places.clear()
            self._places[id_] = at
        try:
            stored = await self._storage.read(at.pack, at.offset, at.stored_bytes)
            return _decode_verified(kind, id_, at, stored, None)
        except CorruptDataError:
            self._places.pop(id_, None)
        # A thread looks again, and says what is wrong.
        return (await asyncio.to_thread(self._load_all, kind, [id_], {id_: at}))[0]

    async def read_at(self, kind: Kind, id_: bytes, location: Location) -> bytes:
        """Return the plain bytes of `id_`, which `location` was found for.

        Raises:
            MissingDataError: it is not stored.
            CorruptDataError: what is stored is not what `id_` says.
        """
        if location.base is None and location.plain_bytes <= READ_INLINE_BYTES_MAX:
            try:
                at = location
                stored = await self._storage.read(at.pack, at.offset, at.stored_bytes)
                return _decode_verified(kind, id_, at, stored, None)
            except CorruptDataError:
                pass  # a thread looks again, and says what is wrong
        found = {id_: location}
        return (await asyncio.to_thread(self._load_all, kind, [id_], found))[0]

    def _load_all(
        self, kind: Kind, ids: Sequence[bytes], found: dict[bytes, Location]
    ) -> list[bytes]:
        return [self._load_or_look_again(kind, id_, found.get(id_)) for id_ in ids]

    def _load_or_look_again(
        self, kind: Kind, id_: bytes, location: Location | None
    ) -> bytes:
        failure: CorruptDataError | None = None
        if location is not None:
            try:
                return self._load(kind, id_, location)
            except CorruptDataError as error:
                failure = error
        now = self._index.find_blocking(kind, [id_]).get(id_)
        if now is None:
            raise MissingDataError(
                f"{kind.name.lower()} '{id_.hex()}' is not stored anywhere"
            )
        try:
            if now == location and failure is not None:
                raise failure
            return self._load(kind, id_, now)
        except CorruptDataError as error:
            self._on_damage(StoredFrame(kind, id_, now), error)
            raise

    def _load(self, kind: Kind, id_: bytes, location: Location) -> bytes:
        at = location
        try:
            stored = self._storage.read_blocking(at.pack, at.offset, at.stored_bytes)
        except MissingDataError as error:
            raise MissingDataError(_lost(kind, id_, at, error)) from error
        except CorruptDataError as error:
            raise CorruptDataError(_lost(kind, id_, at, error)) from error
        base = None if at.base is None else self._load_base(at.base)
        return _decode_verified(kind, id_, at, stored, base)

    def _load_base(self, base: ChunkId) -> bytes:
        """Return the plain bytes of a base chunk, which must not have a base itself."""
        location = self._index.find_blocking(Kind.CHUNK, [base]).get(base)
        if location is not None and location.codec == Codec.ZSTD_BASE:
            raise CorruptDataError(f"base chunk '{base.hex()}' has a base itself")
        return self._load_or_look_again(Kind.CHUNK, base, location)


def _decode_verified(
    kind: Kind, id_: bytes, at: Location, stored: bytes, base: bytes | None
) -> bytes:
    try:
        plain = decode(at.codec, stored, at.plain_bytes, base)
    except CorruptDataError as error:
        raise CorruptDataError(_lost(kind, id_, at, error)) from error
    if hash_stored(kind, plain) != id_:
        raise CorruptDataError(
            _lost(kind, id_, at, "its bytes are not those of its id")
        )
    return plain


def _lost(kind: Kind, id_: bytes, at: Location, reason: object) -> str:
    return (
        f"cannot read {kind.name.lower()} '{id_.hex()}' at {at.offset} "
        f"of pack '{at.pack}': {reason}"
    )
