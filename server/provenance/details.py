"""All that is known of one run: of one that goes on from its rows, else from its record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from lakebed.client.wire.runs import OutputWish, Reason

from ..errors import RunGoesOnError, RunPartNotFoundError
from ..ids import BlobId
from ..repository.engine import Engine
from ..runs.grading import grade_run
from ..runs.points import Points, decode_points, encoded_bytes, join_encoded
from ..runs.record import RunRecord
from ..runs.rows import FileRow, RunRow, VerdictRow, WorkBranchRow
from .assembling import assemble, gather_evidence, load_record, read_record
from .drafts import decode_draft
from .sealing import LOG_FILE, PIECES_AT_ONCE, iter_log


@dataclass(frozen=True, slots=True)
class RunDetails:
    """All that is known of a run."""

    row: RunRow
    record: RunRecord
    """Of a run that goes on, what it would have."""
    wishes: tuple[OutputWish, ...]
    """Of a run that goes on: where outputs will go."""
    reasons: list[Reason]
    """Why the grade of a sealed run is not better."""
    verdicts: list[VerdictRow]
    work_branches: list[WorkBranchRow]


async def get_details(engine: Engine, run: RunRow) -> RunDetails:
    """Return all that is known of `run`.

    Raises:
        CorruptDataError: its record is damaged.
    """
    reasons: list[Reason] = []
    wishes: tuple[OutputWish, ...] = ()
    if run.is_sealed:
        record = await load_record(engine, run)
        _, reasons = grade_run(gather_evidence(record))
    else:
        draft = decode_draft(await engine.metadata.find_draft(run.id))
        record = await assemble(engine, run, draft)
        wishes = draft.outputs
    return RunDetails(
        run,
        record,
        wishes,
        reasons,
        await engine.metadata.list_verdicts(run.id),
        await engine.metadata.list_work_branches(run.id),
    )


async def get_record(engine: Engine, run: RunRow) -> bytes:
    """Return the canonical bytes of a sealed run.

    Raises:
        RunGoesOnError: it is none.
        CorruptDataError: they are damaged.
    """
    if not run.is_sealed:
        raise RunGoesOnError(run.name, "it has a record when it has ended")
    return await read_record(engine, run)


async def get_points(engine: Engine, run: RunRow, name: str) -> Points:
    """Return the points of a metric of `run`.

    Raises:
        RunPartNotFoundError: it has no such metric.
        CorruptDataError: they are damaged.
    """
    pieces: list[bytes] = []
    if run.is_sealed:
        metric = (await load_record(engine, run)).find_metric(name)
        if metric is not None and metric.points is not None:
            size_bytes = encoded_bytes(metric.summary.count)
            blob = engine.blobs.iter_blob(BlobId(metric.points), size_bytes)
            data = b"".join([bytes(piece) async for piece in blob])
            return await engine.build(decode_points, data)
    else:
        after = 0
        while page := await engine.metadata.list_points(
            run.id, name, after=after, limit=PIECES_AT_ONCE
        ):
            pieces += [piece for _, piece in page]
            after = page[-1][0]
    if not pieces:
        raise RunPartNotFoundError(run.name, "metric", name)
    return await engine.build(lambda: decode_points(join_encoded(pieces)))


async def get_file(engine: Engine, run: RunRow, name: str) -> FileRow:
    """Return the kept file `name` of `run`.

    Raises:
        RunPartNotFoundError: it has none of that name.
    """
    for file in await engine.metadata.list_files(run.id):
        if file.name == name:
            return file
    raise RunPartNotFoundError(run.name, "kept file", name)


async def open_log(
    engine: Engine, run: RunRow
) -> tuple[int, AsyncIterator[bytes | memoryview]]:
    """Return the size of the log of `run`, as it is now, and its bytes."""
    if not run.is_sealed:
        return run.log_bytes, _first(iter_log(engine, run), run.log_bytes)
    try:
        file = await get_file(engine, run, LOG_FILE)
    except RunPartNotFoundError:
        return 0, _first(_nothing(), 0)
    return file.size_bytes, engine.blobs.iter_blob(
        BlobId(file.blob_id), file.size_bytes
    )


async def _first(
    pieces: AsyncIterator[bytes], size_bytes: int
) -> AsyncIterator[bytes | memoryview]:
    """Yield the first `size_bytes` of `pieces`: what came later is another answer's."""
    left = size_bytes
    async for piece in pieces:
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
