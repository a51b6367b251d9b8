"""Makes one object's chunks out of parts that were cut separately.

The chunks of an object must be those of a single write of its bytes, because they decide
its blob id. The chunker begins anew at each of its cuts, and a cut depends on nothing
behind the bytes that made it. So where a cut of the whole falls on the beginning of a
chunk of a part, all chunks from there on are right as they are, unread, up to the last of
that part, which ended only because the part did. From there the bytes are read and cut
again, into the next part, until a cut falls on the beginning of one of its chunks: mostly
after one or two. What costs is the seams, not the object; but content on which the two
cuttings never meet (constant bytes, cut at odd places) is read to its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from ..ids import ChunkId, hash_chunk
from .cutting import StreamCutter
from .pieces import Piece, PieceEnd

READ_BYTES_MAX = 2 * 1024 * 1024
"""Read at one time. Half would scan what is kept of unfinished chunks twice as often where
pieces are tiny; double would read more than is needed where they are not."""

_PATIENT_ROUNDS = 4
"""Rounds that read one chunk each, before they grow: most seams take two or three."""

ReadPieces = Callable[[Sequence[Piece]], Sequence[bytes | memoryview]]
"""Returns the bytes of each piece."""


class Row(Struct, frozen=True, gc=False):
    """A chunk of the whole object."""

    chunk_id: ChunkId
    size_bytes: int
    data: memoryview | None
    """Its bytes, until the next row is asked for; None: it is stored, nobody read it."""


def join_pieces(pieces: Iterable[Piece], read: ReadPieces) -> Iterator[Row]:
    """Yield the chunks of the object that `pieces` make, in order.

    Args:
        pieces: of all parts, in order; taken only a little ahead.
        read: called for pieces around seams.
    """
    source = _Source(pieces)
    while (piece := source.take()) is not None:
        if piece.end is PieceEnd.CUT or (
            piece.end is PieceEnd.END and source.is_over()
        ):
            yield Row(piece.chunk_id, piece.chunk_bytes, None)
        else:
            source.put_back([piece])
            yield from _cut_again(source, read)


class _Source:
    """Pieces in order, which may be put back."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._rest = iter(pieces)
        self._back: deque[Piece] = deque()

    def take(self) -> Piece | None:
        """Return the next piece; None at the end."""
        return self._back.popleft() if self._back else next(self._rest, None)

    def put_back(self, pieces: Sequence[Piece]) -> None:
        """Give `pieces` once more, before all others."""
        self._back.extendleft(reversed(pieces))

    def is_over(self) -> bool:
        """Tell whether there is no piece any more."""
        piece = self.take()
        if piece is None:
            return True
        self.put_back([piece])
        return False

    def take_some(self, cut_count: int) -> list[Piece]:
        """Return the next pieces, up to the chunk number `cut_count` that ends in a cut."""
        taken: list[Piece] = []
        size_bytes = 0
        while cut_count and size_bytes < READ_BYTES_MAX:
            piece = self.take()
            if piece is None:
                break
            taken.append(piece)
            size_bytes += piece.size_bytes
            cut_count -= piece.end is PieceEnd.CUT
        return taken


def _cut_again(source: _Source, read: ReadPieces) -> Iterator[Row]:
    """Yield chunks from a cut of the whole on, up to one where a chunk of a part begins."""
    cutter = StreamCutter()
    ahead: deque[tuple[int, Piece]] = deque()
    """Pieces that no cut has passed yet, with the offset where each begins."""
    fed_bytes = cut_bytes = 0
    rounds = 0
    while pieces := source.take_some(max(1, rounds // _PATIENT_ROUNDS)):
        rounds += 1
        for piece in pieces:
            ahead.append((fed_bytes, piece))
            fed_bytes += piece.size_bytes
        cutter.feed(read(pieces))
        for chunk in cutter.iter_finished():
            yield Row(hash_chunk(chunk), len(chunk), chunk)
            cut_bytes += len(chunk)
            while ahead and ahead[0][0] < cut_bytes:
                ahead.popleft()
            if ahead and ahead[0][0] == cut_bytes:
                left = [piece for _, piece in ahead]
                if left[0].end is not PieceEnd.RAW:
                    source.put_back(left)
                    return
    for chunk in cutter.finish():
        yield Row(hash_chunk(chunk), len(chunk), chunk)
