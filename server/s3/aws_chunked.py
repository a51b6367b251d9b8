"""Decodes `aws-chunked`, the framing in which S3 clients stream bodies.

    HEX-SIZE [;chunk-signature=HEX64] CR LF  data  CR LF      once for each chunk
    0 [;chunk-signature=HEX64] CR LF                          the last one, without data
    name:value CR LF                                          trailers
    CR LF

Knows neither sockets nor keys: it is fed bytes and gives back data, in memory that does
not grow with either. Of a signed stream it hands the heads of the chunks, before their
data, to whoever verifies them (`chunk_signatures.py`). Nothing that it gives out may be
published before `finish` has returned.

Source: AWS, "Signature calculations for the Authorization header: transferring payload in
multiple chunks".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto

from .errors import S3Error

LINE_BYTES_MAX = 256
"""Longest line of the framing: a chunk's head with its signature has 99 bytes at most,
the longest trailer, SHA-512 in base64, 112."""
SIGNED_CHUNK_BYTES_MIN = 8 * 1024
"""Smallest chunk of a signed stream but for its last; AWS's figure. It also bounds how
many heads wait for their data to be verified."""
SMALL_CHUNK_BYTES = 1024
SMALL_CHUNKS_MAX = 10_000
"""Chunks of an unsigned stream that are smaller than that. Each takes some 3 us of the
event loop, so that a body of single bytes would take it for itself; clients send one
small chunk, the last."""
TRAILER_SIGNATURE = "x-amz-trailer-signature"

_HEAD = re.compile(rb"([0-9a-fA-F]{1,16})", re.ASCII)
_SIGNED_HEAD = re.compile(
    rb"([0-9a-fA-F]{1,16});chunk-signature=([0-9a-f]{64})", re.ASCII
)
_TRAILER = re.compile(rb"([A-Za-z0-9\-]+):[ \t]*([!-~]*)[ \t]*", re.ASCII)

OnHead = Callable[[int, str], None]
"""Takes size and signature of each chunk of a signed stream, the last one too."""


class _State(Enum):
    HEAD = auto()
    DATA = auto()
    END_OF_DATA = auto()
    TRAILER = auto()
    DONE = auto()


class ChunkedDecoder:
    """Decodes one body."""

    def __init__(
        self,
        size_bytes: int,
        *,
        on_head: OnHead | None = None,
        trailer_names: frozenset[str] = frozenset(),
    ) -> None:
        """Expect a body.

        Args:
            size_bytes: of the data, as the client announced it.
            on_head: takes the heads of a signed stream; None: the stream is not signed.
            trailer_names: the trailers that must come, in lower case.
        """
        self._left = size_bytes
        self._on_head = on_head
        self._missing = set(trailer_names)
        self._state = _State.HEAD
        self._line = b""
        """The beginning of a line whose end has not come yet."""
        self._chunk_left = 0
        self._chunk_bytes = 0
        self._chunk_count = 0
        self._small_count = 0
        self.trailers: dict[str, str] = {}
        """By name in lower case, in the order they came."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the body; return the data in them.

        Raises:
            S3Error: they are not what may come here.
        """
        at = 0
        pieces: list[bytes] = []
        while at < len(data):
            if self._state is _State.DATA:
                piece = data[at : at + self._chunk_left]  # all of it is not copied
                at += len(piece)
                self._chunk_left -= len(piece)
                pieces.append(piece)
                if not self._chunk_left:
                    self._state = _State.END_OF_DATA
                continue
            if self._state is _State.DONE:
                raise broken_off("goes on after its end")
            at += self._take_some_line(data, at)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def finish(self) -> None:
        """Return if the body has come to its end and has all that was announced.

        Raises:
            S3Error: it has not.
        """
        if self._state is not _State.DONE:
            raise broken_off()
        assert not self._left
        assert not self._missing

    def _take_some_line(self, data: bytes, at: int) -> int:
        """Take the line of the framing at `at`, or its beginning; return its length."""
        room = LINE_BYTES_MAX - len(self._line)
        end = data.find(b"\n", at, at + room)
        if end < 0 and len(data) - at >= room:
            raise broken_off("has an overlong line")
        piece = data[at:] if end < 0 else data[at : end + 1]
        self._line += piece
        if end >= 0:
            line, self._line = self._line, b""
            if not line.endswith(b"\r\n"):
                raise broken_off("has a line that does not end in CR LF")
            self._take_line(line[:-2])
        return len(piece)

    def _take_line(self, line: bytes) -> None:
        match self._state:
            case _State.HEAD:
                self._take_head(line)
            case _State.END_OF_DATA:
                if line:
                    raise broken_off("has more data than the size of its chunk")
                self._state = _State.HEAD
            case _:
                self._take_trailer(line)

    def _take_head(self, line: bytes) -> None:
        match = (_HEAD if self._on_head is None else _SIGNED_HEAD).fullmatch(line)
        if match is None:
            raise broken_off("has a chunk with a malformed head")
        size_bytes = int(match[1], 16)
        if size_bytes > self._left:
            raise broken_off("has more data than x-amz-decoded-content-length says")
        if self._on_head is not None:
            if size_bytes and 0 < self._chunk_bytes < SIGNED_CHUNK_BYTES_MIN:
                raise S3Error(
                    "InvalidChunkSizeError",
                    "only the last chunk is allowed to have a size less than "
                    f"{SIGNED_CHUNK_BYTES_MIN} bytes",
                    Chunk=str(self._chunk_count),
                    BadChunkSize=str(self._chunk_bytes),
                )
            self._on_head(size_bytes, match[2].decode())
        self._count_chunk(size_bytes)
        self._chunk_bytes = self._chunk_left = size_bytes
        self._left -= size_bytes
        if size_bytes:
            self._state = _State.DATA
        elif self._left:
            raise broken_off("has less data than x-amz-decoded-content-length says")
        else:
            self._state = _State.TRAILER

    def _count_chunk(self, size_bytes: int) -> None:
        self._chunk_count += 1
        if size_bytes < SMALL_CHUNK_BYTES:
            self._small_count += 1
            if self._small_count > SMALL_CHUNKS_MAX:
                raise S3Error(
                    "InvalidRequest",
                    f"the body has more than {SMALL_CHUNKS_MAX} chunks of less than "
                    f"{SMALL_CHUNK_BYTES} bytes: send larger ones",
                )

    def _take_trailer(self, line: bytes) -> None:
        if not line:
            if self._missing:
                raise _bad_trailer(f"'{min(self._missing)}' is missing")
            self._state = _State.DONE
            return
        match = _TRAILER.fullmatch(line)
        if match is None:
            raise _bad_trailer("it is not 'name:value'")
        name = match[1].decode().lower()
        if name not in self._missing:
            raise _bad_trailer(f"'{name[:80]}' was not announced, or comes twice")
        if TRAILER_SIGNATURE in self.trailers:
            raise _bad_trailer(f"'{name[:80]}' comes after the signature")
        self._missing.remove(name)
        self.trailers[name] = match[2].decode()


def broken_off(why: str = "") -> S3Error:
    """Return the error of a body that is shorter or longer than it should be."""
    message = "the request body terminated unexpectedly"
    return S3Error("IncompleteBody", f"{message}: it {why}" if why else message)


def _bad_trailer(why: str) -> S3Error:
    return S3Error(
        "MalformedTrailerError",
        "the request contained trailing data that was not well-formed or did not "
        f"conform to our published schema: {why}",
    )
