"""Checks every byte of a pack, and goes on behind what is damaged.

`PackScan` stops where bytes stop making sense, because what it gives is to be believed.
Here the question is what all is wrong: behind a frame header that is damaged, the next
one is searched for, so that one flipped bit does not hide the rest of a pack. Two
readers need that: who verifies a lake, and who makes its index anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import Struct

from ..errors import CorruptDataError
from ..ids import hash_stored
from ..storage.store import PackStorage
from .codec import decode
from .index import StoredFrame
from .pack import (
    FOOTER_MAGIC,
    FRAME_HEADER_BYTES_MAX,
    FRAME_MAGIC,
    HEADER_BYTES,
    TRAILER_BYTES,
    FooterBuilder,
    FrameHeader,
    check_pack_header,
    check_payload,
    decode_footer,
    decode_frame_header,
    decode_trailer,
)
from .scanning import ReadBase

_WINDOW_BYTES = 4 * 1024 * 1024
"""Read at once. A quarter already costs no measurable time for calls; more only takes
memory, once for each thread that checks."""


class CheckedFrame(Struct, frozen=True, gc=False):
    """A frame whose header is whole, and what of it is not."""

    stored: StoredFrame
    plain: bytes
    """What it decodes to, verified; empty if it is damaged."""
    reason: str = ""
    """Why it is damaged; empty if it is not."""


@dataclass(frozen=True, slots=True)
class PackFault:
    """Bytes of a pack that are not what was written."""

    offset: int
    reason: str


class PackCheck:
    """All frames of one pack, verified, in the order in which they lie."""

    def __init__(
        self, storage: PackStorage, name: str, read_base: ReadBase | None
    ) -> None:
        """Check pack `name` of `storage`; nothing is read before iteration.

        `read_base` gives the base chunks of frames that have one; without it such a
        frame is as good as the check of its payload says, and has no plain bytes.
        """
        self._storage = storage
        self._name = name
        self._read_base = read_base
        self.size_bytes = 0
        self.faults: list[PackFault] = []
        """What is wrong outside of frames whose header is whole; set by iteration."""
        self.torn: PackFault | None = None
        """Bytes at the end that are no frame and no footer: left by a writer that died,
        if nothing refers to them."""
        self.is_sealed = False
        """Whether it has a footer, and a whole one."""

    def iter_frames(self) -> Iterator[CheckedFrame]:
        """Yield every frame that has a whole header.

        Raises:
            MissingDataError: there is no such pack.
            StorageFailedError: the backend could not read.
        """
        self.size_bytes = size = self._storage.size_bytes(self._name)
        if size < HEADER_BYTES:
            self.torn = PackFault(0, "it is shorter than a pack header")
            return
        try:
            check_pack_header(self._read(0, HEADER_BYTES), self._name)
        except CorruptDataError as error:
            self.faults.append(PackFault(0, str(error)))
        frames_end = self._find_footer(size)
        footer = FooterBuilder()
        gaps: list[PackFault] = []
        window = _Window(self._storage, self._name, frames_end or size)
        offset = HEADER_BYTES
        while offset < window.end:
            found = self._next_header(window, offset)
            if isinstance(found, PackFault):
                # What is behind it says whether it is damage or a torn end.
                gaps.append(found)
                offset = self._find_next(window, offset)
                continue
            frame = self._check(found, offset, window)
            footer.add(frame.stored)
            yield frame
            offset += found.size_bytes + found.stored_bytes
            self.faults += gaps
            gaps.clear()
        self._check_end(frames_end, gaps, footer)

    def _next_header(self, window: _Window, offset: int) -> FrameHeader | PackFault:
        head = window.read(offset, min(FRAME_HEADER_BYTES_MAX, window.end - offset))
        try:
            header = decode_frame_header(head)
        except CorruptDataError as error:
            return PackFault(offset, str(error))
        if offset + header.size_bytes + header.stored_bytes > window.end:
            return PackFault(offset, "frame is cut short")
        return header

    def _find_next(self, window: _Window, offset: int) -> int:
        """Return where the next whole frame header behind `offset` is, else the end."""
        at = offset + 1
        while at < window.end:
            ahead = window.read(at, min(_WINDOW_BYTES, window.end - at))
            place = ahead.find(FRAME_MAGIC)
            if place < 0:
                # The magic may lie across the border of two windows.
                at += max(len(ahead) - len(FRAME_MAGIC) + 1, 1)
                continue
            at += place
            if not isinstance(self._next_header(window, at), PackFault):
                return at
            at += 1
        return window.end

    def _check(self, header: FrameHeader, offset: int, window: _Window) -> CheckedFrame:
        stored = header.located(self._name, offset)
        payload = window.read(stored.location.offset, header.stored_bytes)
        try:
            check_payload(header, payload)
            at = stored.location
            base = None
            if at.base is not None:
                if self._read_base is None:
                    return CheckedFrame(stored, b"")
                base = self._read_base(at.base)
            plain = decode(at.codec, payload, at.plain_bytes, base)
            if hash_stored(header.kind, plain) != header.id:
                raise CorruptDataError("its bytes are not those of its id")
        except CorruptDataError as error:
            return CheckedFrame(stored, b"", str(error))
        return CheckedFrame(stored, plain)

    def _find_footer(self, size: int) -> int | None:
        """Return where the footer begins, if it is whole; else None."""
        if size < HEADER_BYTES + TRAILER_BYTES:
            return None
        at = size - TRAILER_BYTES
        trailer = decode_trailer(self._read(at, TRAILER_BYTES))
        if trailer is None or trailer.footer_offset + trailer.footer_bytes != at:
            return None
        footer = self._read(trailer.footer_offset, trailer.footer_bytes)
        try:
            decode_footer(self._name, footer, trailer)
        except CorruptDataError:
            return None
        return trailer.footer_offset

    def _check_end(
        self, footer_offset: int | None, gaps: list[PackFault], footer: FooterBuilder
    ) -> None:
        """Tell a footer, a torn end and damage apart; `gaps` have no frame behind."""
        if footer_offset is not None:
            self.is_sealed = True
            self.faults += gaps
            expected = footer.build(footer_offset)
            size = self.size_bytes - footer_offset
            if not self.faults and (
                len(expected) != size or self._read(footer_offset, size) != expected
            ):
                reason = "its footer does not list the frames that it has"
                self.faults.append(PackFault(footer_offset, reason))
            return
        if not gaps:
            return  # it ends behind a frame: its writer lives, or died there
        start = gaps[0].offset
        expected = footer.build(start)
        rest = self._read(start, min(self.size_bytes - start, len(expected)))
        if expected.startswith(rest):
            self.torn = PackFault(start, "its footer is incomplete")
        elif rest.startswith(FOOTER_MAGIC) or self.size_bytes - start == len(expected):
            self.faults.append(PackFault(start, "its footer is damaged"))
        else:
            self.torn = gaps[0]

    def _read(self, offset: int, size: int) -> bytes:
        return self._storage.read_blocking(self._name, offset, size)


class _Window:
    """Reads ahead in a pack, which is read once from its beginning to `end`."""

    def __init__(self, storage: PackStorage, name: str, end: int) -> None:
        self._storage = storage
        self._name = name
        self.end = end
        self._start = 0
        self._data = b""

    def read(self, offset: int, size: int) -> bytes:
        at = offset - self._start
        if at < 0 or at + size > len(self._data):
            wanted = min(max(size, _WINDOW_BYTES), self.end - offset)
            self._data = self._storage.read_blocking(self._name, offset, wanted)
            self._start = offset
            at = 0
        return self._data[at : at + size]
