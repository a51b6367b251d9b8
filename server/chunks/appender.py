"""Appends frames to packs, for all requests of one process.

Every process appends to a pack of its own; SQL knows the pack before its first byte. The
order that keeps P1 and P15:

1. `reserve(name)` commits a row with state `writing`; then the pack is created. A stop in
   between leaves a row without a file, which recovery removes.
2. `append` writes frames. They are not durable, and nothing may refer to them yet.
3. `sync` makes all of them durable. Then SQL may record where they lie.
4. At `PACK_BYTES_MAX` the footer is written and synced, the file closed and `on_sealed`
   called. A stop before that leaves a pack without a footer; its frames can be scanned.

A pack whose append failed takes no more frames, but is still synced for the sake of those
it took. A failed fsync is the end: the appender refuses everything and the process must
exit, because nothing can say any more what is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from xxhash import xxh3_64_intdigest

from ..errors import DurabilityLostError, StorageFailedError, StorageFullError
from ..storage.store import PackFile, PackStorage, new_pack_name
from .codec import encode
from .index import Frame, StoredFrame
from .pack import (
    FRAME_BYTES_MAX,
    FRAME_HEADER_BYTES_MAX,
    PACK_BYTES_MAX,
    ROW_BYTES,
    FooterBuilder,
    FrameHeader,
    encode_frame_header,
    encode_pack_header,
)

_JOIN_BYTES_MAX = 64 * 1024
"""Payloads below this are copied next to each other, so that a thousand small frames are
one buffer of one write; above it copying costs more than another buffer."""


class _OpenPack:
    """A pack that may still have bytes that are not durable."""

    def __init__(self, file: PackFile) -> None:
        self.file = file
        self.footer = FooterBuilder()
        self.full = False
        """Takes no more frames: sealed, or an append failed."""
        self.torn = False
        """An append failed: what it left lies behind the bytes that count."""
        self.torn_is_synced = False
        """That too is durable, so that the pack stays as long as it is said to be."""
        self.sealed = False
        """The footer is in the file."""
        self.synced_bytes = -1
        """Even an empty pack is synced before it is reported: its name must be durable."""
        self.sync_lock = Lock()

    def sync(self, target_bytes: int) -> None:
        """Make the first `target_bytes` durable; one fsync serves all who wait."""
        with self.sync_lock:
            if self.synced_bytes >= target_bytes and self.torn == self.torn_is_synced:
                return
            torn = self.torn
            written = self.file.size_bytes
            self.file.sync()
            self.synced_bytes, self.torn_is_synced = written, torn

    def has_room_for(self, size: int, limit: int) -> bool:
        return self.file.size_bytes + self.footer.size_bytes() + size <= limit


class PackAppender:
    """Takes frames from any thread and writes them to the process's open pack."""

    def __init__(
        self,
        storage: PackStorage,
        reserve: Callable[[str], None],
        on_sealed: Callable[[str, int], None],
        *,
        pack_bytes_max: int = PACK_BYTES_MAX,
    ) -> None:
        """Append to new packs of `storage`.

        Args:
            storage: where packs are made.
            reserve: commits the name of a new pack to SQL, with state `writing`. Called
                in the thread that appends, so it must not wait for that thread.
            on_sealed: told the name and size of a pack that takes no more frames, when
                all of it is durable.
            pack_bytes_max: size at which a pack is sealed; tests make it small.
        """
        self._storage = storage
        self._reserve = reserve
        self._on_sealed = on_sealed
        self._pack_bytes_max = pack_bytes_max
        self._lock = Lock()
        self._current: _OpenPack | None = None
        self._dirty: list[_OpenPack] = []
        self._lost: DurabilityLostError | None = None
        self._closed = False

    def append(self, frames: Sequence[Frame]) -> list[StoredFrame]:
        """Write `frames`; return where they lie. They are durable after `sync` only.

        Compresses before it takes the lock. A failure may leave some of the frames
        written: they are garbage, since nothing was returned.

        Raises:
            StorageFullError: there is no room.
            StorageFailedError: the backend refused, or the appender is closed.
            DurabilityLostError: an fsync failed, now or before: the process must exit.
        """
        encoded = [_encode_frame(frame) for frame in frames]
        stored: list[StoredFrame] = []
        retired: list[_OpenPack] = []
        with self._lock:
            try:
                at = 0
                while at < len(encoded):
                    pack = self._pack_for(encoded[at], retired)
                    run = self._run_that_fits(pack, encoded, at)
                    stored += self._write(pack, encoded[at : at + run])
                    at += run
            except DurabilityLostError as error:
                self._lost = error
                raise
        for pack in retired:
            self._settle(pack)
        return stored

    def sync(self) -> None:
        """Make everything that was appended before this call durable.

        Raises:
            DurabilityLostError: an fsync failed, now or before: the process must exit.
        """
        with self._lock:
            self._check_usable()
            targets = [(pack, pack.file.size_bytes) for pack in self._dirty]
        for pack, target_bytes in targets:
            self._sync(pack, target_bytes)
            if pack.full:
                self._settle(pack)

    def close(self) -> None:
        """Seal the open pack; afterwards nothing can be appended.

        Raises:
            DurabilityLostError: an fsync failed, now or before.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._current is not None:
                self._seal(self._current)
                self._current = None
            dirty = list(self._dirty)
        for pack in dirty:
            self._settle(pack)

    def _check_usable(self) -> None:
        if self._lost is not None:
            raise DurabilityLostError(str(self._lost)) from self._lost

    def _pack_for(self, frame: _EncodedFrame, retired: list[_OpenPack]) -> _OpenPack:
        """Return the open pack with room for `frame`, a new one if need be."""
        self._check_usable()
        if self._closed:
            raise StorageFailedError("cannot append: the server is stopping")
        pack = self._current
        if pack is not None:
            if pack.has_room_for(frame.size_bytes, self._pack_bytes_max):
                return pack
            self._current = None
            self._seal(pack)
            retired.append(pack)
        name = new_pack_name()
        self._reserve(name)
        pack = _OpenPack(self._storage.create(name))
        self._dirty.append(pack)
        self._current = pack
        self._append(pack, [encode_pack_header(name)])
        return pack

    def _run_that_fits(
        self, pack: _OpenPack, frames: Sequence[_EncodedFrame], at: int
    ) -> int:
        """Return how many of `frames` from `at` go into `pack`: one at least."""
        room = self._pack_bytes_max - pack.file.size_bytes - pack.footer.size_bytes()
        run = 1
        room -= frames[at].size_bytes
        while at + run < len(frames) and frames[at + run].size_bytes <= room:
            room -= frames[at + run].size_bytes
            run += 1
        return run

    def _write(
        self, pack: _OpenPack, frames: Sequence[_EncodedFrame]
    ) -> list[StoredFrame]:
        offset = self._append(pack, _buffers(frames))
        stored: list[StoredFrame] = []
        for frame in frames:
            located = frame.header.located(pack.file.name, offset)
            pack.footer.add(located)
            stored.append(located)
            offset += len(frame.head) + frame.header.stored_bytes
        return stored

    def _append(self, pack: _OpenPack, buffers: list[bytes | memoryview]) -> int:
        try:
            return pack.file.append(buffers)
        except BaseException:
            # Whatever happened, nobody knows how much of it is in the file.
            pack.full = pack.torn = True
            if self._current is pack:
                self._current = None
            raise

    def _seal(self, pack: _OpenPack) -> None:
        """Write the footer of `pack`; without room for it, leave the pack without."""
        try:
            self._append(pack, [pack.footer.build(pack.file.size_bytes)])
            pack.sealed = True
        except (StorageFullError, StorageFailedError):
            pack.sealed = False  # its frames can be scanned; nothing is lost
        pack.full = True

    def _sync(self, pack: _OpenPack, target_bytes: int) -> None:
        try:
            pack.sync(target_bytes)
        except DurabilityLostError as error:
            self._lost = error
            raise

    def _settle(self, pack: _OpenPack) -> None:
        """Make a pack that takes no more frames durable, close it, and say so once."""
        self._sync(pack, pack.file.size_bytes)
        with self._lock:
            if pack not in self._dirty:
                return
            self._dirty.remove(pack)
        pack.file.close()
        name, size_bytes = pack.file.name, pack.file.size_bytes
        if pack.torn:
            size_bytes = self._storage.size_bytes(name)
        self._on_sealed(name, size_bytes)


class _EncodedFrame:
    """A frame as it will be written."""

    __slots__ = ("head", "header", "payload", "size_bytes")

    def __init__(self, header: FrameHeader, payload: bytes | memoryview) -> None:
        self.header = header
        self.head = encode_frame_header(header)
        self.payload = payload
        self.size_bytes = FRAME_HEADER_BYTES_MAX + len(payload) + ROW_BYTES


def _encode_frame(frame: Frame) -> _EncodedFrame:
    if len(frame.data) > FRAME_BYTES_MAX:
        raise ValueError(f"frame of {len(frame.data)} bytes is over the limit")
    codec, payload = encode(frame.data)
    check = xxh3_64_intdigest(payload)
    header = FrameHeader(
        frame.kind, frame.id, codec, len(payload), len(frame.data), check
    )
    return _EncodedFrame(header, payload)


def _buffers(frames: Sequence[_EncodedFrame]) -> list[bytes | memoryview]:
    """Return `frames` as few buffers, without copying large payloads."""
    buffers: list[bytes | memoryview] = []
    small: list[bytes | memoryview] = []
    for frame in frames:
        small.append(frame.head)
        if len(frame.payload) < _JOIN_BYTES_MAX:
            small.append(frame.payload)
        else:
            buffers += [b"".join(small), frame.payload]
            small = []
    if small:
        buffers.append(b"".join(small))
    return buffers
