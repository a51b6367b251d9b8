"""GetObject and HeadObject: conditions, range, headers, then bytes, each verified.

The bytes are a user's, and a page among them must never run with the rights of who
reads it: the browser is told to guess no type and to run nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import aclosing

from aiohttp import hdrs, web

from ..errors import LakeError, ObjectNotFoundError, PreconditionFailedError
from ..httprules.preconditions import Verdict, evaluate, show_date
from ..httprules.ranges import ByteRange, parse_range
from ..repository.objects import (
    Located,
    etag_text,
    read_object,
    read_small,
    stat_object,
)
from ..repository.paths import show_path
from ..tree.entry import Entry
from .call import Call, invalid_argument
from .errors import S3Error
from .object_headers import OVERRIDES, show_extra

log = logging.getLogger(__name__)

_COMMIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_STAGED = "null"
"""The version id of a change that is not committed."""

_CONDITIONS = (
    hdrs.IF_MATCH,
    hdrs.IF_NONE_MATCH,
    hdrs.IF_MODIFIED_SINCE,
    hdrs.IF_UNMODIFIED_SINCE,
)
_NOT_WITHOUT_BYTES = frozenset({"Content-Length", "Content-Type"})


async def get_object(call: Call) -> web.StreamResponse:
    """Answer with the bytes of an object, or some of them."""
    located = await _locate(call)
    headers, wanted, status = _describe(call, located)
    entry = located.entry
    if wanted is None:
        return web.Response(status=status, headers=headers)
    size_bytes = entry.size_bytes
    if wanted.stop - wanted.start <= call.gateway.settings.small_body_bytes_max:
        body = await _read_at_once(call, entry, wanted)
        return web.Response(status=status, headers=headers, body=body)
    headers["Content-Length"] = str(wanted.stop - wanted.start)
    assert wanted.stop <= size_bytes
    return await _stream(call, entry, wanted, status, headers)


async def head_object(call: Call) -> web.Response:
    """Answer with the headers that `get_object` answers with."""
    located = await _locate(call)
    headers, wanted, status = _describe(call, located)
    if wanted is not None:
        headers["Content-Length"] = str(wanted.stop - wanted.start)
    return web.Response(status=status, headers=headers)


async def _locate(call: Call) -> Located:
    name = call.get_object_name()
    version = call.parameters.get("versionId")
    ref = name.ref
    if version and version != _STAGED:
        if not _COMMIT_ID.fullmatch(version):
            raise invalid_argument("versionId", version, "it must be a commit id")
        ref = version
    if not name.path:
        raise ObjectNotFoundError(name.repository, ref, show_path(name.path))
    located = await stat_object(call.engine, name.repository, ref, name.path)
    if version == _STAGED and located.commit_id is not None:
        raise S3Error("NoSuchVersion", "the object has no change that is not committed")
    return located


def _describe(
    call: Call, located: Located
) -> tuple[dict[str, str], ByteRange | None, int]:
    """Return headers, the bytes to send (None: no body at all) and the status.

    Raises:
        PreconditionFailedError: a condition does not hold.
        RangeNotSatisfiableError: the range lies behind the end.
    """
    entry = located.entry
    asked = call.request.headers
    etag = etag_text(entry)
    headers = {
        "Server": "lakebed",
        "x-amz-request-id": call.request_id,
        "ETag": f'"{etag}"',
        "Last-Modified": show_date(entry.mtime_ms // 1000),
        "Accept-Ranges": "bytes",
        "x-amz-version-id": (
            _STAGED if located.commit_id is None else located.commit_id.hex()
        ),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    headers.update(show_extra(entry.extra))
    if call.parameters:
        _override(call, headers)
    if any(name in asked for name in _CONDITIONS):
        match evaluate(asked, etag, entry.mtime_ms):
            case Verdict.FAILED:
                raise PreconditionFailedError(
                    "at least one of the pre-conditions you specified did not hold"
                )
            case Verdict.NOT_MODIFIED:
                kept = {
                    name: value
                    for name, value in headers.items()
                    if name not in _NOT_WITHOUT_BYTES
                }
                return kept, None, 304
            case Verdict.SEND:
                pass
    if hdrs.RANGE in asked:
        wanted = parse_range(asked[hdrs.RANGE], entry.size_bytes)
        if wanted is not None:
            headers["Content-Range"] = wanted.content_range(entry.size_bytes)
            return headers, wanted, 206
    return headers, ByteRange(0, entry.size_bytes), 200


def _override(call: Call, headers: dict[str, str]) -> None:
    for parameter, name in OVERRIDES.items():
        value = call.parameters.get(parameter)
        if value is None:
            continue
        if not (value.isascii() and value.isprintable()):
            raise invalid_argument(parameter, value, "it must be printable ASCII")
        headers[name] = value


async def _read_at_once(call: Call, entry: Entry, wanted: ByteRange) -> bytes:
    if wanted.stop - wanted.start == entry.size_bytes:
        data = await read_small(call.engine, entry)
        if data is not None:
            return data
    pieces = read_object(call.engine, entry, wanted.start, wanted.stop)
    return b"".join([piece async for piece in pieces])


async def _stream(
    call: Call,
    entry: Entry,
    wanted: ByteRange,
    status: int,
    headers: dict[str, str],
) -> web.StreamResponse:
    pieces = read_object(call.engine, entry, wanted.start, wanted.stop)
    async with aclosing(pieces):
        # The first piece before the head: what is damaged there is still an answer.
        first = await anext(pieces)
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(call.request)
        await response.write(first)
        try:
            await _send_rest(response, pieces)
        except LakeError as error:
            # The head has said that all is well: the one honest thing left is to break
            # the connection before the end.
            log.error(
                "read broke off",
                extra={"request_id": call.request_id, "error": str(error)},
            )
            if call.request.transport is not None:
                call.request.transport.abort()
    return response


async def _send_rest(
    response: web.StreamResponse, pieces: AsyncIterator[bytes | memoryview]
) -> None:
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
