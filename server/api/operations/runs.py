"""Handlers of `/runs`: what executions read, wrote and needed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from aiohttp import web
from lakebed.client.wire import Page
from lakebed.client.wire import runs as wire

from ...errors import LakeError
from ...httprules.receiving import Patience
from ...httprules.sending import SANDBOX
from ...httprules.whole import WholeAnswer
from ...ids import BlobId
from ...provenance import (
    adding,
    beginning,
    deleting,
    details,
    ending,
    finding,
    verdicts,
)
from ...provenance.beginning import SealedKey
from ...runs.names import check_name
from ...runs.rows import RunRow
from ...serving.exchange import EXCHANGE
from ..answers import (
    Created,
    Nothing,
    ObjectBytes,
    Shown,
    answer,
    answer_created,
    answer_nothing,
    answer_page,
    name_answer,
)
from ..bodies import is_small, open_upload
from ..call import Call, Kept, NoBody, NoQuery
from ..parameters import RunPartQuery, RunsQuery
from ..run_shapes import (
    show_kept_file,
    show_points,
    show_run,
    show_run_summary,
    show_start,
    show_verdict,
)

log = logging.getLogger(__name__)


async def list_runs(call: Call[RunsQuery, NoBody]) -> Shown[Page[wire.RunSummary]]:
    """List runs, newest first; only those that the caller may read.

    Raises:
        RepositoryNotFoundError
        RunNotFoundError
    """
    query = call.query
    await call.lost_runs.seal()
    page = await finding.list_runs(
        call.engine,
        finding.ListWish(
            query.repository,
            query.experiment,
            query.status,
            query.user,
            query.param,
            query.metric,
        ),
        call.caller,
        after=query.after,
        limit=query.limit,
    )
    return answer_page(page, show_run_summary)


async def find_run(call: Call[NoQuery, NoBody]) -> Shown[wire.Run]:
    """Get a run, by its id, the unique beginning of it, or the id of its record."""
    run = await finding.find_readable(call.engine, call.names["run"], call.caller)
    return answer(show_run(await details.get_details(call.engine, run)))


async def begin_run(call: Call[NoQuery, wire.RunCreation]) -> Created[wire.RunStart]:
    """Begin a run; answers with the key that belongs to it.

    Raises:
        RunEndedError
        RunNotFoundError
        RefNotFoundError
        ObjectNotFoundError
        InvalidRefExpressionError
        InvalidPathError
        ReadOnlyRepositoryError
    """
    run = await beginning.begin_run(
        call.engine,
        call.repository,
        call.body,
        call.caller,
        make_key=call.auth.make_run_key,
        once=call.once,
    )
    found = await call.engine.metadata.find_run_key(run.id)
    assert found is not None
    key = call.auth.open_run_key(SealedKey(*found))
    shown = await details.get_details(call.engine, run)
    return answer_created(show_start(shown, key))


async def delete_run(call: Call[NoQuery, NoBody]) -> Nothing:
    """Delete a run that nothing needs.

    Raises:
        RunGoesOnError
        RunNeededError
    """
    await deleting.delete_run(call.engine, await _find(call), actor=call.actor)
    return answer_nothing()


async def append_run_batch(
    call: Call[NoQuery, wire.RunBatch],
) -> Shown[wire.BatchTaken]:
    """Add to a run that goes on: parameters, points, log, inputs. Each batch once.

    Raises:
        RunEndedError
        RunNotFoundError
        RefNotFoundError
        ObjectNotFoundError
        InvalidRefExpressionError
        InvalidPathError
        ReadOnlyRepositoryError
        TooManyError
    """
    sequence = await adding.append_batch(
        call.engine, await _find(call), call.body, call.caller
    )
    return answer(wire.BatchTaken(sequence=sequence))


async def end_run(call: Call[NoQuery, wire.RunEnd]) -> Shown[wire.Run]:
    """End a run: publish its outputs if it succeeded, and seal it.

    Raises:
        RunEndedError
        RefMovedError
    """
    run = await ending.end_run(call.engine, await _find(call), call.body, call.caller)
    return answer(show_run(await details.get_details(call.engine, run)))


async def keep_run_file(call: Call[RunPartQuery, Kept]) -> Created[wire.KeptFile]:
    """Keep a file with a run that goes on, in place of one of that name.

    Raises:
        RunEndedError
        TooManyError
    """
    run = await _find(call)
    check_name("name", call.query.name)
    if is_small(call.request):
        return await _keep(call, run)
    async with call.streams.turn(call.request):
        return await _keep(call, run)


async def _keep(call: Call[RunPartQuery, Kept], run: RunRow) -> Created[wire.KeptFile]:
    body = await open_upload(call.request, Patience.of(call.settings, call.request))
    file = await adding.keep_file(call.engine, run, call.query.name, body, call.caller)
    return answer_created(show_kept_file(file))


async def get_run_file(call: Call[RunPartQuery, NoBody]) -> ObjectBytes:
    """Get a file that was kept with a run.

    Raises:
        RunPartNotFoundError
    """
    file = await details.get_file(call.engine, await _find(call), call.query.name)
    blob = call.engine.blobs.iter_blob(BlobId(file.blob_id), file.size_bytes)
    async with aclosing(blob):
        return await _send(call, file.size_bytes, blob, "application/octet-stream")


async def get_run_metric(
    call: Call[RunPartQuery, NoBody],
) -> Shown[wire.MetricPoints]:
    """Get all points of a metric of a run.

    Raises:
        RunPartNotFoundError
    """
    name = call.query.name
    points = await details.get_points(call.engine, await _find(call), name)
    return answer(await call.engine.build(show_points, name, points))


async def get_run_log(call: Call[NoQuery, NoBody]) -> ObjectBytes:
    """Get the log of a run, as far as it came."""
    size_bytes, pieces = await details.open_log(call.engine, await _find(call))
    return await _send(call, size_bytes, pieces, "text/plain; charset=utf-8")


async def get_run_record(call: Call[NoQuery, NoBody]) -> ObjectBytes:
    """Get the canonical bytes of the record of a sealed run.

    Raises:
        RunGoesOnError
    """
    data = await details.get_record(call.engine, await _find(call))
    return WholeAnswer(200, _headers(call, "application/octet-stream"), data)


async def add_run_verdict(
    call: Call[NoQuery, wire.VerdictCreation],
) -> Created[wire.Verdict]:
    """Keep with a run what comparing a re-run of it came to.

    Raises:
        RunGoesOnError
    """
    verdict = await verdicts.add_verdict(
        call.engine, await _find(call), call.body, call.caller
    )
    return answer_created(show_verdict(verdict))


async def _find(call: Call[Any, Any]) -> RunRow:
    """Return the run that the path names."""
    return await finding.find_in(call.engine, call.repository, call.names["run"])


def _headers(call: Call[Any, Any], content_type: str) -> dict[str, str]:
    return {
        **SANDBOX,
        **name_answer(call.request[EXCHANGE].request_id),
        "Content-Type": content_type,
    }


async def _send(
    call: Call[Any, Any],
    size_bytes: int,
    pieces: AsyncIterator[bytes | memoryview],
    content_type: str,
) -> web.StreamResponse:
    """Answer with bytes as they come; small ones at once."""
    headers = _headers(call, content_type)
    if call.request.method == "HEAD" or not size_bytes:
        return WholeAnswer(200, headers, announced_bytes=size_bytes)
    if size_bytes <= call.settings.small_body_bytes_max:
        return WholeAnswer(
            200, headers, b"".join([bytes(piece) async for piece in pieces])
        )
    headers["Content-Length"] = str(size_bytes)
    response = web.StreamResponse(headers=headers)
    # The first piece before the head: what is damaged there is still an answer.
    first = await anext(pieces)
    await response.prepare(call.request)
    await response.write(first)
    try:
        async for piece in pieces:
            await response.write(piece)
        await response.write_eof()
    except LakeError as error:
        # As where an object is sent: an end that is missing is the one honest answer.
        log.error(
            "read broke off", extra={"run": call.names["run"], "error": str(error)}
        )
        if call.request.transport is not None:
            call.request.transport.abort()
    return response
