"""Reads whole objects and ranges of them, opening only the chunks that they touch.

Every chunk is verified before any byte of it is yielded. While one batch is being sent
the next is read, so that the client and the disk work at the same time; memory is bounded
by two batches, whatever the size of the object.

A few downloads at a time work so. The others, and every one whose client is slow, go on
in small steps and hold a step: hundreds of slow clients must not take a worker's memory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ..errors import CorruptDataError
from ..ids import BlobId, Kind
from .cutting import LARGE_BYTES_MIN
from .reader import ChunkReader
from .recipe import Recipe, RecipeRow, decode_recipe
from .recipe_cache import RecipeCache

_BATCH_BYTES = 1024 * 1024
"""Read while the batch before is being sent; a download holds two batches. At half a
stream waits for look-ups and thread hops; double costs memory and gains little."""

_BATCH_COUNT = 256
"""Small objects of a batch: as many of 4 KiB as fill it."""

AHEAD_MAX = 8
"""Downloads that hold two batches at one time: 3 MiB each, as chunks fall, a tenth of a
worker's memory in all. So many fill a core and a network many times."""

STEP_BYTES = 64 * 1024
"""What the others hold. Each step verifies the whole of its chunk again, which is five
times the work as chunks fall; half would double it."""

_STEPS_MAX = 4
"""Steps that are read at one time. Each opens a chunk, and hundreds that begin together
would open hundreds; the disk and the cores are busy with fewer."""

SLOW_S = 0.1
"""A client that takes longer for a piece is slow: at most 10 MB/s. Reading ahead is of no
use to it. At a tenth, a busy moment of the server would count."""


class BlobReader:
    """Reads objects through `chunks`; for one event loop."""

    def __init__(
        self, chunks: ChunkReader, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._chunks = chunks
        self._recipes = RecipeCache()
        self._ahead_left = AHEAD_MAX
        self._step_turns = asyncio.Semaphore(_STEPS_MAX)
        self._clock = clock

    async def read_small(self, blob_id: BlobId, size_bytes: int) -> bytes:
        """Return the bytes of an object below `LARGE_BYTES_MIN`.

        Raises:
            MissingDataError: it is not stored.
            CorruptDataError: the stored bytes are not what `blob_id` says, or are not
                `size_bytes` long.
        """
        if size_bytes == 0:
            return b""
        data = (await self._chunks.read(Kind.CHUNK, (blob_id,)))[0]
        if len(data) != size_bytes:
            raise _wrong_size(blob_id, len(data), size_bytes)
        return data

    async def iter_small(
        self, objects: Sequence[tuple[BlobId, int]]
    ) -> AsyncGenerator[bytes]:
        """Yield the bytes of objects below `LARGE_BYTES_MIN`, one behind the other.

        `objects` are blob ids and sizes. A piece is up to `_BATCH_BYTES` long; where many
        read, or the client is slow, a step, so that they hold little.

        Raises:
            MissingDataError: one is not stored.
            CorruptDataError: stored bytes are not what their ids say.
        """
        at = start = 0
        """The next object, and the next byte of it."""
        is_slow = False
        while at < len(objects):
            has_turn = not is_slow and self._ahead_left > 0
            limit = _BATCH_BYTES if has_turn else STEP_BYTES
            self._ahead_left -= has_turn
            try:
                rest = objects[at][1] - start
                if rest > limit:
                    piece = await self._read_slice(*objects[at], start, start + limit)
                    start += limit
                elif start:
                    piece = await self._read_slice(*objects[at], start, start + rest)
                    at, start = at + 1, 0
                else:
                    end = _end_of_batch(objects, at, limit)
                    piece = await self._read_together(objects[at:end])
                    at = end
                if piece:
                    given_at = self._clock()
                    yield piece
                    is_slow = self._clock() - given_at > SLOW_S
            finally:
                self._ahead_left += has_turn

    async def _read_slice(
        self, blob_id: BlobId, size_bytes: int, start: int, stop: int
    ) -> bytes:
        async with self._step_turns:
            return (await self.read_small(blob_id, size_bytes))[start:stop]

    async def _read_together(self, objects: Sequence[tuple[BlobId, int]]) -> bytes:
        ids = list(dict.fromkeys(blob_id for blob_id, size in objects if size))
        async with self._step_turns:
            read = await self._chunks.read(Kind.CHUNK, ids) if ids else []
        by_id = dict(zip(ids, read, strict=True))
        for blob_id, size_bytes in objects:
            if size_bytes and len(by_id[blob_id]) != size_bytes:
                raise _wrong_size(blob_id, len(by_id[blob_id]), size_bytes)
        return b"".join([by_id[blob_id] for blob_id, size in objects if size])

    async def iter_blob(
        self, blob_id: BlobId, size_bytes: int, start: int = 0, stop: int | None = None
    ) -> AsyncGenerator[bytes | memoryview]:
        """Yield the bytes [start, stop) of an object of `size_bytes`, in order.

        Who stops before the end closes it (`contextlib.aclosing`).

        Raises:
            MissingDataError: a chunk is not stored.
            CorruptDataError: stored bytes are not what their ids say, or the object is
                not `size_bytes` long.
        """
        stop = size_bytes if stop is None else stop
        if not 0 <= start <= stop <= size_bytes:
            raise ValueError(f"range {start}-{stop} of {size_bytes} bytes")
        if start == stop:
            return
        if size_bytes < LARGE_BYTES_MIN:
            data = await self.read_small(blob_id, size_bytes)
            yield data if stop - start == size_bytes else memoryview(data)[start:stop]
            return
        root = await self.read_recipe(blob_id)
        if root.size_bytes != size_bytes:
            raise _wrong_size(blob_id, root.size_bytes, size_bytes)
        is_slow = False
        piece: bytes | memoryview
        while start < stop:
            if is_slow or not self._ahead_left:
                # The same name as below: a chunk of before must not outlive its turn.
                piece = await self._read_step(
                    root, start, min(start + STEP_BYTES, stop)
                )
                start += len(piece)
                given_at = self._clock()
                yield piece
                is_slow = self._clock() - given_at > SLOW_S
                continue
            self._ahead_left -= 1
            try:
                async with aclosing(self._iter_ahead(root, start, stop)) as pieces:
                    async for piece in pieces:
                        start += len(piece)
                        given_at = self._clock()
                        yield piece
                        is_slow = self._clock() - given_at > SLOW_S
                        if is_slow:
                            break
            finally:
                self._ahead_left += 1

    async def _iter_ahead(
        self, root: Recipe, start: int, stop: int
    ) -> AsyncGenerator[bytes | memoryview]:
        walk = _Walk(self, root, start, stop)
        spans = await walk.next_batch()
        pieces = await self._read_spans(spans)
        while spans:
            spans = await walk.next_batch()
            ahead = asyncio.ensure_future(self._read_spans(spans))
            try:
                for piece in pieces:
                    yield piece
                pieces = await ahead
            finally:
                # The reader of this generator may have gone: nobody else waits for it.
                if not ahead.done():
                    ahead.cancel()
                    await asyncio.gather(ahead, return_exceptions=True)

    async def _read_step(self, root: Recipe, start: int, stop: int) -> bytes:
        """Return the bytes [start, stop) as a copy, so that no chunk is kept for it."""
        spans = await _Walk(self, root, start, stop).next_batch()
        async with self._step_turns:
            return b"".join(await self._read_spans(spans))

    async def iter_spans(
        self, blob_id: BlobId, size_bytes: int, start: int, stop: int
    ) -> AsyncGenerator[list[Span]]:
        """Yield the chunks that have the bytes [start, stop) of a large object, in order.

        Reads the recipe and none of them.

        Raises:
            MissingDataError: a recipe record is not stored.
            CorruptDataError: the recipe is not what its id says, or the object is not
                `size_bytes` long.
        """
        root = await self.read_recipe(blob_id)
        if root.size_bytes != size_bytes:
            raise _wrong_size(blob_id, root.size_bytes, size_bytes)
        walk = _Walk(self, root, start, stop)
        while spans := await walk.next_batch():
            yield spans

    async def read_recipe(self, recipe_id: bytes) -> Recipe:
        """Return a recipe record, from the cache if it is there.

        Raises:
            MissingDataError: it is not stored.
            CorruptDataError: it is not a recipe.
        """
        recipe = self._recipes.get(recipe_id)
        if recipe is None:
            data = (await self._chunks.read(Kind.RECIPE, (recipe_id,)))[0]
            recipe = decode_recipe(data)
            self._recipes.put(recipe_id, recipe)
        return recipe

    async def _read_spans(self, spans: list[Span]) -> list[bytes | memoryview]:
        """Return the wanted bytes of each of `spans`."""
        if not spans:
            return []
        chunks = await self._chunks.read(Kind.CHUNK, [span.id for span in spans])
        return [span.cut(data) for span, data in zip(spans, chunks, strict=True)]


@dataclass(frozen=True, slots=True)
class Span:
    """What a range covers of a chunk."""

    id: bytes
    size_bytes: int
    """Of the whole chunk."""
    start: int
    stop: int

    def cut(self, data: bytes) -> bytes | memoryview:
        """Return what is covered of the chunk `data`."""
        if len(data) != self.size_bytes:
            raise _wrong_size(self.id, len(data), self.size_bytes)
        if self.stop - self.start == len(data):
            return data
        return memoryview(data)[self.start : self.stop]


class _Walk:
    """The chunks of a range, in order; opens each recipe record when it gets there."""

    def __init__(self, blobs: BlobReader, root: Recipe, start: int, stop: int) -> None:
        self._blobs = blobs
        self._range = (start, stop)
        self._open: list[tuple[Recipe, int, Iterator[RecipeRow]]] = []
        """From the root down: a record, where it begins in the object, its rows."""
        self._enter(root, 0)

    async def next_batch(self) -> list[Span]:
        """Return the next chunks, about `_BATCH_BYTES` of them; none at the end."""
        spans: list[Span] = []
        size_bytes = 0
        while self._open and size_bytes < _BATCH_BYTES:
            record, record_start, rows = self._open[-1]
            row = next(rows, None)
            if row is None:
                self._open.pop()
            elif record.level > 0:
                child = await self._blobs.read_recipe(row.id)
                if (
                    child.level != record.level - 1
                    or child.size_bytes != row.size_bytes
                ):
                    raise CorruptDataError(
                        f"recipe '{row.id.hex()}' is not the one its parent speaks of"
                    )
                self._enter(child, record_start + row.start)
            else:
                spans.append(self._span(row, record_start + row.start))
                size_bytes += row.size_bytes
        return spans

    def _enter(self, record: Recipe, record_start: int) -> None:
        start, stop = self._range
        rows = record.rows(max(start - record_start, 0), stop - record_start)
        self._open.append((record, record_start, rows))

    def _span(self, row: RecipeRow, at: int) -> Span:
        start, stop = self._range
        first = max(start - at, 0)
        return Span(row.id, row.size_bytes, first, min(stop - at, row.size_bytes))


def _end_of_batch(objects: Sequence[tuple[BlobId, int]], at: int, limit: int) -> int:
    """Return where a batch of up to `limit` bytes ends that begins with object `at`."""
    size_bytes = 0
    for end in range(at, min(len(objects), at + _BATCH_COUNT)):
        size_bytes += objects[end][1]
        if size_bytes > limit and end > at:
            return end
    return min(len(objects), at + _BATCH_COUNT)


def _wrong_size(id_: bytes, found: int, expected: int) -> CorruptDataError:
    return CorruptDataError(
        f"object '{id_.hex()}' is {found} bytes long, not {expected}"
    )
