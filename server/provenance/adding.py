"""What is added to a run that goes on: batches, each taken once, and files."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Mapping, Sequence

from lakebed.client.wire.run_parts import PARTS
from lakebed.client.wire.runs import MetricPoints, Missing, ParamValue, RunBatch

from ..errors import ConflictError, InvalidValueError, TooManyError
from ..repository.contracts import WriteTransaction
from ..repository.engine import Engine
from ..repository.uploading import UploadLease, take_in
from ..runs.documents import check_int
from ..runs.names import check_name
from ..runs.points import Points, Summary, encode_points, summarise
from ..runs.rows import FileRow, RunRow
from .callers import Caller, require_own
from .drafts import check_parts, decode_draft, encode_draft
from .inputs import WISHES_MAX, add_inputs, check_outputs, resolve_inputs
from .pins import find_pins

WRITER_CHARS_MAX = 64
TEXT_CHARS_MAX = 16 * 1024
"""Of the text of a parameter: a prompt or a query. A list shows them all."""
NAMES_MAX = 10_000
"""Parameters, and metrics, of one run: a flattened configuration has hundreds, a metric
for each layer of a model thousands. All are read with the run."""
FILES_MAX = 1000
"""Kept files of one run."""
FILE_BYTES_MAX = 1024 * 1024 * 1024
"""Of one kept file: larger things are data, and belong into a repository."""
LOG_BYTES_MAX = 64 * 1024 * 1024
"""Of the log of one run: what comes later is left out, and that is named."""
POINTS_MAX = 1_000_000
"""Of one metric: 24 MB, and a hundred where somebody reads them all. What comes later is
left out, and that is named; the summary goes no further either."""
INPUTS_MAX = 20_000
"""What a run may be declared to read, beside what is observed: a record lists them all."""
GAPS_MAX = 1000
WRITER_GAPS_MAX = 1000
"""Of the numbers of one writer: who counts by one makes one where a batch was refused, or
a sign of life was lost."""
GAP_CHARS_MAX = 1000
"""Of what is missing, and of why."""

_FULL_LOG = Missing(
    what="log", reason=f"it is over {LOG_BYTES_MAX} bytes: the rest was left out"
)


async def append_batch(
    engine: Engine, run: RunRow, batch: RunBatch, caller: Caller
) -> int:
    """Add a batch; return how far those of its writer were taken. Once, however often sent.

    Raises:
        PermissionDeniedError, RunEndedError, InvalidValueError, TooManyError,
        ConflictError: it comes behind a later one of its writer, and never came before.
        and what declared inputs and outputs raise
    """
    require_own(caller, run)
    if len(check_name("writer", batch.writer)) > WRITER_CHARS_MAX:
        raise InvalidValueError(
            "writer", f"a writer is called by 1 to {WRITER_CHARS_MAX} characters"
        )
    if batch.sequence < 1:
        raise InvalidValueError("sequence", "a writer counts its batches from 1")
    check_int("sequence", batch.sequence)
    check_params(batch.params)
    points = [_read_points(each) for each in batch.metrics]
    parts = check_parts({part: getattr(batch, part) for part in PARTS})
    missing = check_missing(batch.missing)
    inputs = await resolve_inputs(
        engine,
        batch.inputs,
        caller,
        log_sequence=run.log_sequence,
        pins=await find_pins(engine, run.rerun_of),
    )
    await check_outputs(engine, batch.outputs, caller)
    changes_draft = bool(parts or missing or batch.outputs)

    async def action(tx: WriteTransaction) -> int:
        await tx.hear_run(run.id, now_ms=engine.clock())
        if not await tx.advance_writer(run.id, batch.writer, batch.sequence):
            return await _answer_again(tx, run, batch)
        gap_count = await tx.count_gaps(run.id, batch.writer)
        _check_count(gap_count, WRITER_GAPS_MAX, "gaps in the numbers of a writer")
        await tx.set_params(run.id, batch.params)
        gaps = [*missing, *await _add_points(tx, run, points)]
        if batch.log and not await _add_log(tx, run, batch.log):
            gaps.append(_FULL_LOG)
        if inputs:
            await add_inputs(tx, run.id, inputs)
            _check_count(await tx.count_inputs(run.id), INPUTS_MAX, "inputs")
        if changes_draft or gaps:
            draft = decode_draft(await tx.find_draft(run.id))
            draft = draft.with_parts(parts).with_outputs(batch.outputs)
            draft = draft.with_missing(gaps)
            _check_count(len(draft.outputs), WISHES_MAX, "outputs")
            _check_count(len(draft.missing), GAPS_MAX, "gaps")
            await tx.put_draft(run.id, encode_draft(draft))
        if batch.params:
            count = len(await tx.list_params([run.id]))
            _check_count(count, NAMES_MAX, "parameters")
        return batch.sequence

    return await engine.metadata.write(action)


async def _answer_again(tx: WriteTransaction, run: RunRow, batch: RunBatch) -> int:
    """Answer a batch that was taken before as it was answered then.

    Raises:
        ConflictError: it never was, and a later one was: its points and lines would stand
            behind those that came after them.
    """
    last = await tx.find_writer(run.id, batch.writer)
    if await tx.is_passed_over(run.id, batch.writer, batch.sequence):
        raise ConflictError(
            f"cannot take batch {batch.sequence} of writer '{batch.writer}': it was "
            f"passed over, {last} was taken after it: number batches from 1 by one, and "
            "send them in order"
        )
    return last


async def _add_points(
    tx: WriteTransaction, run: RunRow, points: Sequence[tuple[str, bytes, Summary]]
) -> list[Missing]:
    """Add points, but to metrics that are full; return what is missing then."""
    if not points:
        return []
    gaps: list[Missing] = []
    metrics = {each.name: each.summary for each in await tx.list_metrics([run.id])}
    for name, encoded, summary in points:
        there = metrics.get(name)
        if there is not None and there.count >= POINTS_MAX:
            reason = f"'{name}' has over {POINTS_MAX} points: the rest was left out"
            gaps.append(Missing(what="metrics", reason=reason))
            continue
        await tx.add_points(run.id, name, encoded, summary)
        metrics[name] = summary if there is None else there.then(summary)
    _check_count(len(metrics), NAMES_MAX, "metrics")
    return gaps


async def _add_log(tx: WriteTransaction, run: RunRow, text: str) -> bool:
    """Add a piece of the log; False if it is full."""
    now = await tx.find_run_by_id(run.id)
    assert now is not None
    if now.log_bytes >= LOG_BYTES_MAX:
        return False
    await tx.add_log(run.id, text)
    return True


async def keep_file(
    engine: Engine,
    run: RunRow,
    name: str,
    body: bytes | AsyncIterator[bytes],
    caller: Caller,
) -> FileRow:
    """Keep bytes with a run, in place of what it kept under that name.

    Raises:
        PermissionDeniedError, RunEndedError, InvalidValueError, TooManyError
    """
    require_own(caller, run)
    check_name("name", name)
    lease = UploadLease(engine)
    blob = await take_in(engine, _bound(body), lease)
    file = FileRow(name, blob.blob_id, blob.size_bytes)

    async def action(tx: WriteTransaction) -> None:
        await tx.hear_run(run.id, now_ms=engine.clock())
        await tx.put_file(run.id, file)
        if len(await tx.list_files(run.id)) > FILES_MAX:
            raise TooManyError(
                f"cannot keep '{name}': a run keeps at most {FILES_MAX} files: put them "
                "into one archive, or into a repository"
            )
        await lease.release(tx)

    await engine.metadata.write(action, frames=blob.frames, stored=blob.stored)
    return file


def _bound(body: bytes | AsyncIterator[bytes]) -> bytes | AsyncIterator[bytes]:
    """Return `body`, refused when it gets too long."""
    if isinstance(body, bytes):
        return body
    return _iter_bound(body)


async def _iter_bound(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    size_bytes = 0
    async for piece in body:
        size_bytes += len(piece)
        if size_bytes > FILE_BYTES_MAX:
            raise InvalidValueError(
                "body",
                f"a kept file has at most {FILE_BYTES_MAX} bytes: put it into a "
                "repository, and name it as an output",
            )
        yield piece


def check_params(params: Mapping[str, ParamValue]) -> None:
    """Return if a run can keep `params`.

    Raises:
        InvalidValueError: `params.NAME` names the one that it cannot.
    """
    for name, value in params.items():
        check_name("params", name)
        match value:
            case int():
                check_int(f"params.{name}", value)
            case str() if len(value) > TEXT_CHARS_MAX:
                raise InvalidValueError(
                    "params",
                    f"parameter '{name}' has more than {TEXT_CHARS_MAX} characters: "
                    "keep it as a file",
                )
            case _:
                pass


def check_missing(gaps: Sequence[Missing]) -> list[Missing]:
    """Return `gaps`, cut to what a record should say of each."""
    return [
        Missing(what=check_name("missing", gap.what), reason=gap.reason[:GAP_CHARS_MAX])
        for gap in gaps
    ]


def _read_points(given: MetricPoints) -> tuple[str, bytes, Summary]:
    name = check_name("metrics", given.name)
    lengths = {len(given.values), len(given.steps), len(given.times_ms)}
    if len(lengths) != 1 or not given.values:
        raise InvalidValueError(
            "metrics",
            f"metric '{name}' must have as many steps and times as values, at least one",
        )
    values = [float(value) for value in given.values]
    try:
        points = Points(given.steps, given.times_ms, values)
        return name, encode_points(points), summarise(points)
    except struct.error:
        raise InvalidValueError(
            "metrics", f"a step or time of '{name}' has more than 64 bits"
        ) from None


def _check_count(count: int, count_max: int, what: str) -> None:
    if count > count_max:
        raise TooManyError(
            f"cannot add: a run has at most {count_max} {what}: keep them in a file, or "
            "name a prefix"
        )
