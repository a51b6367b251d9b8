"""Sending an object: conditions, range, headers, then its bytes, each verified.

The bytes are a user's, and a page among them must never run with the rights of who
reads it: the browser is told to guess no type and to run nothing.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from http import HTTPStatus

from aiohttp import web

from ..errors import LakeError, PreconditionFailedError
from ..httprules.preconditions import Verdict, evaluate, matches_etag, show_date
from ..httprules.ranges import ByteRange, parse_range
from ..repository.engine import Engine
from ..repository.objects import Located, etag_text, read_object, read_small
from ..tree.entry import Entry
from .shapes import DEFAULT_CONTENT_TYPE, read_extra

log = logging.getLogger(__name__)

COMMIT_HEADER = "X-Lakebed-Commit"
"""The commit that was read; absent for a staged change."""

_SAFE_HEADERS = {
    "Accept-Ranges": "bytes",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}

SMALL_BYTES_MAX = 256 * 1024
"""Objects up to here are sent in one piece with their head. It bounds what a response
holds at once; above it the saved system call is lost in the noise."""


async def send_object(
    engine: Engine, request: web.BaseRequest, located: Located
) -> web.StreamResponse:
    """Answer a GET or HEAD of the object `located`.

    Raises:
        PreconditionFailedError: `If-Match` does not hold.
        RangeNotSatisfiableError: the range lies behind the end.
        CorruptDataError: the first bytes are damaged. Damage further on breaks the
            connection off, because the head has said that all is well.
    """
    entry = located.entry
    etag = etag_text(entry)
    headers = _describe(located, etag)
    asked = request.headers
    match evaluate(asked, etag, entry.mtime_ms):
        case Verdict.FAILED:
            raise PreconditionFailedError(f"precondition failed: the ETag is {etag}")
        case Verdict.NOT_MODIFIED:
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        case Verdict.SEND:
            pass

    size_bytes = entry.size_bytes
    wanted = None
    if_range = asked.get("If-Range")
    if if_range is None or matches_etag(if_range, etag):
        wanted = parse_range(asked.get("Range"), size_bytes)
    status = HTTPStatus.OK
    if wanted is None:
        wanted = ByteRange(0, size_bytes)
    else:
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = wanted.content_range(size_bytes)
    headers["Content-Length"] = str(wanted.stop - wanted.start)
    if request.method == "HEAD" or wanted.start == wanted.stop:
        return web.Response(status=status, headers=headers)
    return await _send_bytes(engine, request, entry, wanted, status, headers)


def _describe(located: Located, etag: str) -> dict[str, str]:
    entry = located.entry
    extra = read_extra(entry)
    headers = {
        **_SAFE_HEADERS,
        "Content-Type": extra.content_type or DEFAULT_CONTENT_TYPE,
        "ETag": f'"{etag}"',
        "Last-Modified": show_date(entry.mtime_ms // 1000),
    }
    if entry.extra:
        for name, value in (
            ("Cache-Control", extra.cache_control),
            ("Content-Disposition", extra.content_disposition),
            ("Content-Encoding", extra.content_encoding),
            ("Content-Language", extra.content_language),
        ):
            headers.update({name: value} if value else {})
    if located.commit_id is not None:
        headers[COMMIT_HEADER] = located.commit_id.hex()
    return headers


async def _send_bytes(
    engine: Engine,
    request: web.BaseRequest,
    entry: Entry,
    wanted: ByteRange,
    status: HTTPStatus,
    headers: dict[str, str],
) -> web.StreamResponse:
    if wanted.stop - wanted.start <= SMALL_BYTES_MAX:
        body = await _read_at_once(engine, entry, wanted)
        return web.Response(status=status, headers=headers, body=body)
    pieces = read_object(engine, entry, wanted.start, wanted.stop)
    async with aclosing(pieces):
        # The first piece before the head: what is damaged there is still an answer.
        first = await anext(pieces)
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        await response.write(first)
        try:
            await _send_rest(response, pieces)
        except LakeError as error:
            log.error("read broke off", extra={"path": entry.path, "error": str(error)})
            if request.transport is not None:
                request.transport.abort()
    return response


async def _read_at_once(engine: Engine, entry: Entry, wanted: ByteRange) -> bytes:
    if wanted.stop - wanted.start == entry.size_bytes:
        data = await read_small(engine, entry)
        if data is not None:
            return data
    pieces = read_object(engine, entry, wanted.start, wanted.stop)
    return b"".join([piece async for piece in pieces])


async def _send_rest(
    response: web.StreamResponse, pieces: AsyncIterator[bytes | memoryview]
) -> None:
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
