"""Reads packs without the index: to rebuild it, and to verify what is stored.

`PackScan` is an iterable of the frames of one pack. A pack that was sealed is read from
its footer; one whose writer died is read frame by frame, up to where the bytes stop
making sense. After iteration `tail` says how the pack ended: everything that was ever
acknowledged lies before a torn tail, because acknowledging needs an fsync of all before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from ..errors import CorruptDataError
from ..ids import ChunkId, hash_stored
from ..storage.store import PackStorage
from .codec import Codec, decode
from .index import StoredFrame
from .pack import (
    FOOTER_MAGIC,
    FRAME_HEADER_BYTES_MAX,
    HEADER_BYTES,
    TRAILER_BYTES,
    FrameHeader,
    check_pack_header,
    check_payload,
    decode_footer,
    decode_frame_header,
    decode_trailer,
    encode_row,
)

_WINDOW_BYTES = 1024 * 1024
"""Read at once when scanning: small frames come in hundreds; a larger one is read alone."""

ReadBase = Callable[[ChunkId], bytes]
"""Returns the verified plain bytes of a base chunk."""


class PackEnd(Enum):
    """How a pack ends."""

    SEALED = "sealed"
    """With a footer: nothing can be missing."""
    OPEN = "open"
    """After a whole frame: being written, or its writer died there."""
    TORN = "torn"
    """In the middle of something: its writer died, or the bytes are damaged."""


@dataclass(frozen=True, slots=True)
class PackTail:
    """Where the frames of a pack end, and why."""

    end: PackEnd
    frames_end: int
    """Offset after the last good frame."""
    detail: str = ""
    """What was found there, for a torn pack."""


class PackScan:
    """The frames of one pack, in the order of the pack or of its footer."""

    def __init__(self, storage: PackStorage, name: str) -> None:
        """Scan pack `name` of `storage`; nothing is read before iteration."""
        self._storage = storage
        self._name = name
        self.tail: PackTail | None = None
        """Set when iteration is through."""

    def iter_index(self) -> Iterator[StoredFrame]:
        """Yield all frames: from the footer, in order of id, else as they lie.

        A footer is trusted as far as its check goes; payloads are not read. Without a
        footer every payload is read and checked.

        Raises:
            MissingDataError: there is no such pack.
            CorruptDataError: it is not a pack, or its footer is damaged.
        """
        size = self._check_header()
        rows = self._read_footer(size)
        if rows is not None:
            yield from rows
            return
        for header, offset, payload in self._walk(size):
            yield _checked(header, offset, payload, self._name)

    def iter_verified(self, read_base: ReadBase) -> Iterator[StoredFrame]:
        """Yield all frames as they lie, after verifying every byte of the pack.

        `read_base` gives the base chunks of frames that have one.

        Raises:
            MissingDataError: there is no such pack.
            CorruptDataError: a byte of it is not what was written.
        """
        size = self._check_header()
        rows = self._read_footer(size)
        tail = self.tail
        left = None if rows is None else {encode_row(row) for row in rows}
        end = size if tail is None else tail.frames_end
        for header, offset, payload in self._walk(end):
            stored = _checked(header, offset, payload, self._name)
            _verify(stored, payload, read_base)
            if left is not None:
                row = encode_row(stored)
                if row not in left:
                    raise CorruptDataError(
                        f"footer of pack '{self._name}' lacks the frame at {offset}"
                    )
                left.remove(row)
            yield stored
        if left is not None:
            walked = self.tail
            if left or walked is None or walked.end is not PackEnd.OPEN:
                raise CorruptDataError(
                    f"frames of pack '{self._name}' are damaged: "
                    f"{len(left)} of its footer are not there"
                )
            self.tail = tail

    def read_footer(self) -> list[StoredFrame] | None:
        """Return the rows of the footer; None if the pack has none.

        Raises:
            MissingDataError: there is no such pack.
            CorruptDataError: it is not a pack, or its footer is damaged.
        """
        return self._read_footer(self._check_header())

    def _check_header(self) -> int:
        """Return the pack's size after checking that it begins like one."""
        size = self._storage.size_bytes(self._name)
        head = self._storage.read_blocking(self._name, 0, min(size, HEADER_BYTES))
        if len(head) < HEADER_BYTES:
            # The writer died before its first sync: nothing can refer to this pack.
            self.tail = PackTail(PackEnd.TORN, 0, "shorter than a pack header")
            return 0
        check_pack_header(head, self._name)
        return size

    def _read_footer(self, size: int) -> list[StoredFrame] | None:
        """Return the rows of the footer; None if the pack has none."""
        if size < HEADER_BYTES + TRAILER_BYTES:
            return None
        at = size - TRAILER_BYTES
        trailer = decode_trailer(
            self._storage.read_blocking(self._name, at, TRAILER_BYTES)
        )
        if trailer is None or trailer.footer_offset + trailer.footer_bytes != at:
            return None
        footer = self._storage.read_blocking(
            self._name, trailer.footer_offset, trailer.footer_bytes
        )
        if not footer.startswith(FOOTER_MAGIC):
            return None
        rows = decode_footer(self._name, footer, trailer)
        self.tail = PackTail(PackEnd.SEALED, trailer.footer_offset)
        return rows

    def _walk(self, end: int) -> Iterator[tuple[FrameHeader, int, bytes]]:
        """Yield header, offset and payload of each frame before `end`; set the tail."""
        offset = HEADER_BYTES
        window = _Window(self._storage, self._name, end)
        while offset < end:
            head = window.read(offset, min(FRAME_HEADER_BYTES_MAX, end - offset))
            if head.startswith(FOOTER_MAGIC):
                self.tail = PackTail(PackEnd.TORN, offset, "footer is incomplete")
                return
            try:
                header = decode_frame_header(head)
                next_offset = offset + header.size_bytes + header.stored_bytes
                if next_offset > end:
                    raise CorruptDataError("payload is cut short")
                payload = window.read(offset + header.size_bytes, header.stored_bytes)
                check_payload(header, payload)
            except CorruptDataError as error:
                self.tail = PackTail(PackEnd.TORN, offset, str(error))
                return
            yield header, offset, payload
            offset = next_offset
        if end >= HEADER_BYTES:
            self.tail = PackTail(PackEnd.OPEN, offset)


def read_footer(storage: PackStorage, name: str) -> list[StoredFrame] | None:
    """Return what the footer of pack `name` lists, None if it has none.

    Raises:
        MissingDataError: there is no such pack.
        CorruptDataError: it is not a pack, or its footer is damaged.
    """
    return PackScan(storage, name).read_footer()


def iter_pack_index(storage: PackStorage, name: str) -> Iterator[StoredFrame]:
    """Yield what an index must know of pack `name`; see `PackScan.iter_index`."""
    return PackScan(storage, name).iter_index()


class _Window:
    """Reads ahead in a pack, so that small frames do not cost a call each."""

    def __init__(self, storage: PackStorage, name: str, end: int) -> None:
        self._storage = storage
        self._name = name
        self._end = end
        self._start = 0
        self._data = b""

    def read(self, offset: int, size: int) -> bytes:
        at = offset - self._start
        if at < 0 or at + size > len(self._data):
            wanted = min(max(size, _WINDOW_BYTES), self._end - offset)
            self._data = self._storage.read_blocking(self._name, offset, wanted)
            self._start = offset
            at = 0
        return self._data[at : at + size]


def _checked(
    header: FrameHeader, offset: int, payload: bytes, pack: str
) -> StoredFrame:
    """Return the index row of a walked frame, whose plain bytes must be its id's.

    A frame with a base cannot be decoded alone; its payload's check stands for it.
    """
    stored = header.located(pack, offset)
    if header.codec != Codec.ZSTD_BASE:
        _verify(stored, payload, _no_base)
    return stored


def _verify(stored: StoredFrame, payload: bytes, read_base: ReadBase) -> None:
    at = stored.location
    base = None if at.base is None else read_base(at.base)
    plain = decode(at.codec, payload, at.plain_bytes, base)
    if hash_stored(stored.kind, plain) != stored.id:
        raise CorruptDataError(
            f"{stored.kind.name.lower()} '{stored.id.hex()}' in pack '{at.pack}' "
            "does not have the bytes of its id"
        )


def _no_base(base: ChunkId) -> bytes:
    raise CorruptDataError(f"base chunk '{base.hex()}' is not at hand")
