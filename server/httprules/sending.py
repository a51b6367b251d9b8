"""Sending an object: conditions, range, headers, then its bytes, each verified.

The bytes are a user's, and a page among them must never run with the rights of who
reads it: the browser is told to guess no type and to run nothing.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing

from aiohttp import hdrs, web

from ..errors import LakeError, PreconditionFailedError
from ..repository.engine import Engine
from ..repository.objects import etag_text, read_object, read_small
from ..repository.paths import show_path
from ..tree.entry import Entry
from .preconditions import Verdict, evaluate, matches_etag, show_date
from .ranges import ByteRange, parse_range
from .whole import WholeAnswer

log = logging.getLogger(__name__)

SANDBOX = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
"""Headers of every answer with text that a user chose. In a sandbox a page has no
scripts and no origin, whatever its type, so that `Content-Disposition` stays what the
user said of the object."""


async def send_object(
    engine: Engine,
    request: web.BaseRequest,
    entry: Entry,
    own_headers: Mapping[str, str],
    *,
    small_bytes_max: int,
    span: ByteRange | None = None,
    whole_headers: Mapping[str, str] | None = None,
    log_fields: Mapping[str, str] | None = None,
    before: Callable[[], Awaitable[None]] | None = None,
) -> web.StreamResponse:
    """Answer a GET or HEAD of the object `entry`.

    Args:
        engine: reads the bytes.
        request: says the method, conditions and range.
        entry: the object.
        own_headers: of the protocol, with the Content-Type; they go before ours.
        small_bytes_max: up to here the bytes go in one piece with their head. It bounds
            what a response holds at once.
        span: the bytes that are asked for otherwise than by a `Range` header.
        whole_headers: what is true only of all bytes together; left out of a range.
        log_fields: what tells this request in the log from others.
        before: awaited before the object, or a range of it, is sent; not for HEAD.

    Raises:
        PreconditionFailedError: a condition does not hold.
        RangeNotSatisfiableError: the range lies behind the end.
        CorruptDataError: the first bytes are damaged. Damage further on breaks the
            connection off, because the head has said that all is well.
    """
    asked = request.headers
    etag = etag_text(entry)
    written = show_date(entry.mtime_ms // 1000)
    headers = {
        "Accept-Ranges": "bytes",
        **SANDBOX,
        "ETag": f'"{etag}"',
        "Last-Modified": written,
        **own_headers,
    }
    match evaluate(asked, etag, entry.mtime_ms):
        case Verdict.FAILED:
            raise PreconditionFailedError(
                f"precondition failed: the ETag is {etag}, last modified {written}"
            )
        case Verdict.NOT_MODIFIED:
            headers.pop("Content-Type", None)
            return WholeAnswer(304, headers)
        case Verdict.SEND:
            pass

    wanted = span or _read_range(asked, etag, entry.size_bytes)
    status = 206
    if wanted is None:
        wanted, status = ByteRange(0, entry.size_bytes), 200
        headers.update(whole_headers or {})
    elif wanted.start == wanted.stop:
        status = 200  # no `Content-Range` can say so
    else:
        headers["Content-Range"] = wanted.content_range(entry.size_bytes)
    size_bytes = wanted.stop - wanted.start
    if request.method != "HEAD" and before is not None:
        await before()
    if request.method == "HEAD" or not size_bytes:
        return WholeAnswer(status, headers, announced_bytes=size_bytes)
    if size_bytes <= small_bytes_max:
        body = await _read_at_once(engine, entry, wanted)
        return WholeAnswer(status, headers, body)
    headers["Content-Length"] = str(size_bytes)
    response = web.StreamResponse(status=status, headers=headers)
    await _stream(engine, request, entry, wanted, response, log_fields or {})
    return response


def _read_range(
    asked: Mapping[str, str], etag: str, size_bytes: int
) -> ByteRange | None:
    header = asked.get(hdrs.RANGE)
    if header is None:
        return None
    if_range = asked.get(hdrs.IF_RANGE)
    if if_range is not None and not matches_etag(if_range, etag):
        return None  # the client has a part of another version: it gets all of this one
    return parse_range(header, size_bytes)


async def _read_at_once(engine: Engine, entry: Entry, wanted: ByteRange) -> bytes:
    if wanted.stop - wanted.start == entry.size_bytes:
        data = await read_small(engine, entry)
        if data is not None:
            return data
    pieces = read_object(engine, entry, wanted.start, wanted.stop)
    return b"".join([piece async for piece in pieces])


async def _stream(
    engine: Engine,
    request: web.BaseRequest,
    entry: Entry,
    wanted: ByteRange,
    response: web.StreamResponse,
    log_fields: Mapping[str, str],
) -> None:
    pieces = read_object(engine, entry, wanted.start, wanted.stop)
    async with aclosing(pieces):
        # The first piece before the head: what is damaged there is still an answer.
        first = await anext(pieces)
        await response.prepare(request)
        await response.write(first)
        try:
            await _send_rest(response, pieces)
        except LakeError as error:
            # The head has said that all is well: the one honest thing left is to break
            # the connection before the end.
            log.error(
                "read broke off",
                extra={
                    **log_fields,
                    "path": show_path(entry.path),
                    "error": str(error),
                },
            )
            if request.transport is not None:
                request.transport.abort()


async def _send_rest(
    response: web.StreamResponse, pieces: AsyncIterator[bytes | memoryview]
) -> None:
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
