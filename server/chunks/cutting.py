"""Cuts bytes into chunks by their content, so that an insertion moves few cuts.

The chunker decides the identity of every object of 1 MiB and more, for ever: FastCDC as
`docs/format/chunker.md` writes it down, with its gear table, masks and normalisation. The
library is held to golden cut points and to a slow reference in the tests, and can be
replaced by any other that keeps them. Source: Xia et al., "The Design of Fast
Content-Defined Chunking", 2020; cut points as fastcdc-rs v2020.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pyfastcdc import FastCDC

LARGE_BYTES_MIN = 1024 * 1024
"""Objects from this size on are cut and have a recipe; smaller ones are one chunk."""

CHUNK_BYTES_MIN = 64 * 1024
CHUNK_BYTES_AVG = 256 * 1024
CHUNK_BYTES_MAX = 1024 * 1024
"""Half the sizes would double the index rows, for 10 % more found twice; double sizes
lose that and make every small range read decompress more. Part of format 1."""

_NORMALISATION: Literal[1] = 1
_SEED = 0


def _new_chunker() -> FastCDC:
    return FastCDC(
        CHUNK_BYTES_AVG,
        min_size=CHUNK_BYTES_MIN,
        max_size=CHUNK_BYTES_MAX,
        normalized_chunking=_NORMALISATION,
        seed=_SEED,
    )


class StreamCutter:
    """Cuts a stream that comes in pieces; the cuts do not depend on the pieces.

    Keeps the last, unfinished chunk: at most `CHUNK_BYTES_MAX` bytes. Feed it several
    chunks at once, because what it keeps is scanned again.
    """

    def __init__(self) -> None:
        self._chunker = _new_chunker()
        self._rest = memoryview(b"")

    def cut(self, pieces: Sequence[bytes | memoryview]) -> Iterator[memoryview]:
        """Yield the chunks that are finished with the next `pieces`, in order.

        To be iterated to its end before the next call; the chunks stay valid.
        """
        self.feed(pieces)
        yield from self.iter_finished()

    def feed(self, pieces: Sequence[bytes | memoryview]) -> memoryview:
        """Take the next `pieces`; return them, joined, for whoever hashes them.

        `iter_finished` is to be iterated to its end before the next call.
        """
        kept_bytes = len(self._rest)
        self._rest = memoryview(b"".join([self._rest, *pieces]))
        return self._rest[kept_bytes:]

    def iter_finished(self) -> Iterator[memoryview]:
        """Yield the chunks that are finished with what was fed, in order."""
        view, kept_from = self._rest, 0
        for chunk in self._chunker.cut_buf(view):
            end = chunk.offset + chunk.length
            # A cut at the end of the buffer may only mean that there is no more yet.
            if end == len(view) and chunk.length < CHUNK_BYTES_MAX:
                break
            yield view[chunk.offset : end]
            kept_from = end
        self._rest = view[kept_from:]

    def finish(self) -> Iterator[memoryview]:
        """Yield the last chunk, if any bytes are left."""
        rest, self._rest = self._rest, memoryview(b"")
        if rest:
            yield rest
