"""Marks what is damaged, and takes the mark from what is whole again.

Nothing is removed: the last copy of something may be damaged in one bit, and a tool that
does not exist yet may mend it. Marked, it counts as not stored for whoever writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ...chunks.index import StoredFrame
from ...chunks.reader import ChunkReader
from ...errors import CorruptDataError, LakeError
from ..contracts import Snapshot, WriteTransaction
from ..engine import Engine
from .report import Report

_BATCH_COUNT = 500
"""Rows marked in one transaction: a few milliseconds of the write lock."""


async def mark(engine: Engine, report: Report) -> None:
    """Mark what `report` found damaged; look again at what was marked before.

    A disk that takes no writes leaves it unmarked, and a note in the report.
    """
    try:
        await _mark_damaged(engine, report)
        await _free_whole(engine, report)
    except CorruptDataError:
        raise
    except LakeError as error:
        report.note(f"what is damaged could not be marked: {error}")


async def _mark_damaged(engine: Engine, report: Report) -> None:
    frames = [
        StoredFrame(kind, id_, location)
        for (kind, id_), location in report.damaged.items()
    ]
    now_ms = engine.clock()
    for at in range(0, len(frames), _BATCH_COUNT):
        some = frames[at : at + _BATCH_COUNT]
        report.quarantined += await engine.metadata.write(
            partial(_change, frames=some, now_ms=now_ms)
        )


async def _free_whole(engine: Engine, report: Report) -> None:
    chunks = ChunkReader(engine.metadata, engine.storage)
    after: tuple[int, bytes] = (-1, b"")
    while frames := await engine.metadata.snapshot(partial(_page, after=after)):
        after = (int(frames[-1].kind), frames[-1].id)
        whole = [
            frame
            for frame in frames
            if (frame.kind, frame.id) not in report.damaged
            and await _is_whole(chunks, frame)
        ]
        if whole:
            report.healed += await engine.metadata.write(
                partial(_change, frames=whole, now_ms=None)
            )


async def _page(snapshot: Snapshot, after: tuple[int, bytes]) -> list[StoredFrame]:
    return await snapshot.page_damaged(after=after, limit=_BATCH_COUNT)


async def _change(
    tx: WriteTransaction, frames: Sequence[StoredFrame], now_ms: int | None
) -> int:
    return await tx.mark_damaged(frames, now_ms=now_ms)


async def _is_whole(chunks: ChunkReader, frame: StoredFrame) -> bool:
    try:
        await chunks.read_at(frame.kind, frame.id, frame.location)
    except CorruptDataError:
        return False
    return True
