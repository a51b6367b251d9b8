"""Handlers for many small objects in one request: bundles in, bundles out."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from aiohttp import hdrs, web
from lakebed.client.wire import BundleResult, BundleWish, ObjectLinks, WireError, bundle

from ...errors import InvalidPathError, InvalidValueError, LakeError
from ...httprules.receiving import Patience
from ...httprules.sending import SANDBOX
from ...repository.bundles import Link, SmallObject, link_many, put_many
from ...repository.gathering import Found, find_objects, iter_prefix
from ...repository.paths import check_path, encode_path, show_path
from ...serving.exchange import EXCHANGE
from ...tree.entry import Entry
from ...tree.extra import Extra, encode_extra
from ..answers import answer, name_answer
from ..bodies import is_small, read_whole
from ..call import Call, NoQuery, Streamed
from ..headers import check_text
from ..parameters import BundleQuery
from ..reading import COMMIT_HEADER
from ..shapes import DEFAULT_CONTENT_TYPE, read_extra

log = logging.getLogger(__name__)

LINKS_MAX = 2048
"""Links of one request, as objects of one bundle: they are one transaction."""

WISHES_MAX = 4096
"""Paths of one reading: they are found together, in one state."""

_KEY = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+", re.ASCII)
"""What can be the name of a header: metadata comes and goes as headers elsewhere."""


async def upload(call: Call[BundleQuery, Streamed]) -> web.StreamResponse:
    """Upload many small objects, all or none."""
    media_type = call.request.headers.get(hdrs.CONTENT_TYPE, "")
    if media_type.partition(";")[0].strip().lower() != bundle.MEDIA_TYPE:
        raise InvalidValueError(
            "Content-Type", f"request body must be of type '{bundle.MEDIA_TYPE}'"
        )
    if is_small(call.request):
        return await _take_in(call)
    async with call.streams.turn():
        return await _take_in(call)


async def _take_in(call: Call[BundleQuery, Streamed]) -> web.StreamResponse:
    data = await read_whole(
        call.request, bundle.BUNDLE_BYTES_MAX, Patience.of(call.settings)
    )
    objects = _read_bundle(data)
    kept = await put_many(
        call.engine,
        call.repository,
        call.names["branch"],
        objects,
        if_absent=call.query.if_absent,
    )
    return _tell(len(objects), kept)


def _read_bundle(data: bytes) -> list[SmallObject]:
    """Return the objects of an uploaded bundle.

    Raises:
        InvalidValueError: it is no bundle, or one of its rows cannot be right.
    """
    view = memoryview(data)
    try:
        end = bundle.HEAD_BYTES + bundle.decode_head(view)
        index = bundle.decode_index(view[bundle.HEAD_BYTES : end])
        pairs = bundle.split_contents(index, view[end:])
    except WireError as error:
        raise InvalidValueError(error.field or "body", str(error)) from None
    rows = index.rows
    if not rows or index.missing or not index.is_last:
        raise InvalidValueError("body", "a bundle to upload has rows and nothing else")
    if len(rows) > bundle.BUNDLE_OBJECTS_MAX:
        raise InvalidValueError(
            "rows", f"at most {bundle.BUNDLE_OBJECTS_MAX} objects in a bundle"
        )
    extras = _Extras()
    return [
        SmallObject(_path_of(at, row), content, row.md5, extras.of(at, row))
        for at, (row, content) in enumerate(pairs)
    ]


def _path_of(at: int, row: bundle.BundleRow) -> bytes:
    try:
        path = check_path(row.path)
    except InvalidPathError as error:
        raise InvalidValueError(f"rows[{at}].path", f"rows[{at}]: {error}") from None
    if row.size_bytes >= bundle.APART_BYTES_MIN:
        raise InvalidValueError(
            f"rows[{at}].size_bytes",
            f"'{row.path}' is {row.size_bytes} bytes long: objects of "
            f"{bundle.APART_BYTES_MIN} bytes and more are uploaded one by one",
        )
    return path


class _Extras:
    """Makes the extras of the rows of one bundle; most rows have those of another."""

    def __init__(self) -> None:
        self._by_type: dict[str, bytes] = {}

    def of(self, at: int, row: bundle.BundleRow) -> bytes:
        """Return what is kept of `row` beside its bytes."""
        if row.metadata:
            return _encode_extra(at, row)
        extra = self._by_type.get(row.content_type)
        if extra is None:
            extra = self._by_type[row.content_type] = _encode_extra(at, row)
        return extra


def _encode_extra(at: int, row: bundle.BundleRow) -> bytes:
    content_type = check_text(f"rows[{at}].content_type", row.content_type)
    metadata: dict[str, str] = {}
    for name, value in (row.metadata or {}).items():
        key = name.lower()
        if not _KEY.fullmatch(key) or key in metadata:
            raise InvalidValueError(
                f"rows[{at}].metadata",
                f"metadata name {name[:80]!r} of '{row.path}' is none, or given twice",
            )
        metadata[key] = check_text(f"rows[{at}].metadata.{key}", value)
    if content_type == DEFAULT_CONTENT_TYPE:
        content_type = ""  # as in an upload by itself
    return encode_extra(Extra(content_type=content_type, user_metadata=metadata))


async def link(call: Call[NoQuery, ObjectLinks]) -> web.StreamResponse:
    """Copy many objects of one ref, all or none; no bytes are copied."""
    body, branch = call.body, call.names["branch"]
    if not 0 < len(body.links) <= LINKS_MAX:
        raise InvalidValueError("links", f"give 1 to {LINKS_MAX} links at once")
    links = [
        Link(check_path(each.src_path), check_path(each.dst_path))
        for each in body.links
    ]
    kept = await link_many(
        call.engine,
        call.repository,
        branch,
        links,
        source_ref=body.src_ref or branch,
        if_absent=body.if_absent,
    )
    return _tell(len(links), kept)


def _tell(count: int, kept: Sequence[bytes]) -> web.StreamResponse:
    names = [show_path(path) for path in kept]
    return answer(BundleResult(staged=count - len(names), kept=names))


async def read(call: Call[NoQuery, BundleWish]) -> web.StreamResponse:
    """Read many small objects, by path or all below a prefix."""
    body, ref = call.body, call.names["ref"]
    if (body.paths is None) == (body.prefix is None):
        raise InvalidValueError("paths", "give one of 'paths' and 'prefix'")
    if body.paths is not None:
        if len(body.paths) > WISHES_MAX:
            raise InvalidValueError("paths", f"at most {WISHES_MAX} paths at once")
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
    async with aclosing(founds), aclosing(_iter_bundles(call, founds)) as bundles:
        return await _send(call, bundles)


async def _once(found: Found) -> AsyncGenerator[Found]:
    yield found


_Piece = tuple[Found, bytes]


async def _iter_bundles(
    call: Call[NoQuery, BundleWish], founds: AsyncGenerator[Found]
) -> AsyncGenerator[_Piece]:
    """Yield what is found as bundles, in order; each with what it is of."""
    found = Found([])
    async for found in founds:
        entries = found.entries
        wanted = [(entry.blob_id, _content_bytes(entry)) for entry in entries]
        at = 0
        async with aclosing(call.engine.blobs.iter_small(wanted)) as batches:
            async for contents in batches:
                end = at + len(contents)
                yield found, _encode(entries[at:end], contents)
                at = end
        if found.missing:
            names = [show_path(path) for path in found.missing]
            index = bundle.BundleIndex([], names, is_last=False)
            yield found, bundle.encode_bundle(index, ())
    yield found, bundle.encode_bundle(bundle.BundleIndex([]), ())


def _content_bytes(entry: Entry) -> int:
    size_bytes = entry.size_bytes
    return size_bytes if size_bytes < bundle.APART_BYTES_MIN else 0


def _encode(entries: Sequence[Entry], contents: Sequence[bytes]) -> bytes:
    rows = [
        _row(entry, content) for entry, content in zip(entries, contents, strict=True)
    ]
    index = bundle.BundleIndex(rows, is_last=False)
    return bundle.encode_bundle(index, contents)


def _row(entry: Entry, content: bytes) -> bundle.BundleRow:
    path = entry.path.decode()
    if entry.size_bytes >= bundle.APART_BYTES_MIN:
        md5 = b""
    elif entry.part_count:
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
    call: Call[NoQuery, BundleWish], bundles: AsyncGenerator[_Piece]
) -> web.StreamResponse:
    request = call.request
    # The first one before the head: what is wrong there is still an answer.
    found, first = await anext(bundles)
    headers = {
        **SANDBOX,
        **name_answer(request[EXCHANGE].request_id),
        "Content-Type": bundle.MEDIA_TYPE,
    }
    if found.commit_id is not None:
        headers[COMMIT_HEADER] = found.commit_id.hex()
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(first)
    try:
        async for _, data in bundles:
            await response.write(data)
        await response.write_eof()
    except LakeError as error:
        # As where one object is sent: an end that is missing is the one honest answer.
        log.error(
            "read broke off", extra={"ref": call.names["ref"], "error": str(error)}
        )
        if request.transport is not None:
            request.transport.abort()
    return response
