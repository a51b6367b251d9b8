"""The handler that reads many small objects in one request."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from aiohttp import web
from lakebed.client.wire import BundleWish, bundle

from ...errors import InvalidValueError, LakeError
from ...httprules.sending import SANDBOX
from ...repository.gathering import Found, find_objects, iter_prefix
from ...repository.paths import check_path, encode_path, show_path
from ...repository.resolving import get_repository
from ...serving.exchange import EXCHANGE
from ...tree.entry import Entry
from ..answers import ObjectBytes, name_answer
from ..call import Call, NoQuery
from ..reading import COMMIT_HEADER
from ..shapes import read_extra

log = logging.getLogger(__name__)

ROWS_MAX = 256
CONTENT_BYTES = 1024 * 1024
"""Objects of one bundle of an answer, and about their bytes: what is read together, and
what its reader holds."""


async def read_bundle(call: Call[NoQuery, BundleWish]) -> ObjectBytes:
    """Read many small objects, by path or all below a prefix."""
    body, ref = call.body, call.names["ref"]
    if (body.paths is None) == (body.prefix is None):
        field = "paths" if body.paths is None else "prefix"
        raise InvalidValueError(field, "give one of 'paths' and 'prefix'")
    if body.paths is not None:
        if len(body.paths) > bundle.PATHS_MAX:
            raise InvalidValueError(
                "paths", f"at most {bundle.PATHS_MAX} paths at once"
            )
        paths = list(dict.fromkeys(check_path(path) for path in body.paths))
        founds = _once(await find_objects(call.engine, call.repository, ref, paths))
    else:
        founds = iter_prefix(
            call.engine,
            call.repository,
            ref,
            encode_path(body.prefix or ""),
            encode_path(body.after),
        )
    async with aclosing(founds), aclosing(_iter_pieces(call, founds)) as pieces:
        return await _send(call, pieces)


async def _once(found: Found) -> AsyncGenerator[Found]:
    yield found


_Piece = tuple[Found, bytes]


async def _iter_pieces(
    call: Call[NoQuery, BundleWish], founds: AsyncGenerator[Found]
) -> AsyncGenerator[_Piece]:
    """Yield bundles of what is found, in order and in pieces; each with what it is of."""
    blobs = call.engine.blobs
    found = Found([])
    async for found in founds:
        for entries in _split(found.entries):
            if call.views:
                where = await get_repository(call.engine, call.repository)
                await call.observe("ref", where, entries, found.commit_id)
            rows = [await _row(call, entry) for entry in entries]
            yield found, _encode(rows)
            wanted = [(entry.blob_id, _content_bytes(entry)) for entry in entries]
            async with aclosing(blobs.iter_small(wanted)) as contents:
                async for piece in contents:
                    yield found, piece
        if found.missing:
            yield found, _encode([], [show_path(path) for path in found.missing])
    yield found, _encode([], is_last=True)


def _split(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Yield `entries` in as many runs as they make bundles."""
    run: list[Entry] = []
    size_bytes = 0
    for entry in entries:
        added_bytes = _content_bytes(entry)
        if run and (len(run) == ROWS_MAX or size_bytes + added_bytes > CONTENT_BYTES):
            yield run
            run, size_bytes = [], 0
        run.append(entry)
        size_bytes += added_bytes
    if run:
        yield run


def _encode(
    rows: list[bundle.BundleRow],
    missing: Sequence[str] = (),
    *,
    is_last: bool = False,
) -> bytes:
    """Return the bundle of `rows` up to where its contents begin."""
    index = bundle.BundleIndex(rows, list(missing), is_last)
    return bundle.encode_bundle(index, ())


def _content_bytes(entry: Entry) -> int:
    size_bytes = entry.size_bytes
    return size_bytes if size_bytes < bundle.APART_BYTES_MIN else 0


async def _row(call: Call[NoQuery, BundleWish], entry: Entry) -> bundle.BundleRow:
    path = entry.path.decode()
    if entry.size_bytes >= bundle.APART_BYTES_MIN:
        md5 = b""
    elif entry.part_count:
        content = await call.engine.blobs.read_small(entry.blob_id, entry.size_bytes)
        md5 = bundle.md5_of_content(content)
    else:
        md5 = entry.etag  # that of what came in one piece
    if not entry.extra:
        return bundle.BundleRow(path, entry.size_bytes, md5)
    extra = read_extra(entry)
    return bundle.BundleRow(
        path,
        entry.size_bytes,
        md5,
        extra.content_type,
        dict(extra.user_metadata) or None,
    )


async def _send(
    call: Call[NoQuery, BundleWish], pieces: AsyncGenerator[_Piece]
) -> web.StreamResponse:
    request = call.request
    # The first index and the first bytes before the head: what is wrong with them is
    # still an answer.
    found, first = await anext(pieces)
    second = await anext(pieces, None)
    headers = {
        **SANDBOX,
        **name_answer(request[EXCHANGE].request_id),
        "Content-Type": bundle.MEDIA_TYPE,
    }
    if found.commit_id is not None:
        headers[COMMIT_HEADER] = found.commit_id.hex()
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(first + (second[1] if second is not None else b""))
    try:
        async for _, piece in pieces:
            await response.write(piece)
        await response.write_eof()
    except LakeError as error:
        # As where one object is sent: an end that is missing is the one honest answer.
        log.error(
            "read broke off", extra={"ref": call.names["ref"], "error": str(error)}
        )
        if request.transport is not None:
            request.transport.abort()
    return response
