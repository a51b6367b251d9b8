"""Handlers that write many objects in one request: bundles and links."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiohttp import hdrs
from lakebed.client.wire import BundleResult, ObjectLinks, WireError, bundle

from ...errors import InvalidPathError, InvalidValueError, UnsupportedBodyError
from ...httprules.receiving import Patience
from ...refs.store import Repository
from ...repository.bundles import Link, SmallObject, link_many, put_many
from ...repository.gathering import Found
from ...repository.paths import check_path, show_path
from ...tree.extra import Extra, encode_extra
from ..answers import Shown, answer
from ..bodies import is_small, read_whole
from ..call import Call, NoQuery, Streamed
from ..headers import check_text
from ..parameters import BundleQuery
from ..shapes import DEFAULT_CONTENT_TYPE

LINKS_MAX = 2048
"""Links of one request, as objects of one bundle: they are one transaction."""

_KEY = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+", re.ASCII)
"""What can be the name of a header: metadata comes and goes as headers elsewhere."""


async def upload_bundle(call: Call[BundleQuery, Streamed]) -> Shown[BundleResult]:
    """Upload many small objects, all or none.

    Raises:
        UnsupportedBodyError
    """
    media_type = call.request.headers.get(hdrs.CONTENT_TYPE, "")
    if media_type.partition(";")[0].strip().lower() != bundle.MEDIA_TYPE:
        raise UnsupportedBodyError(
            "Content-Type", f"request body must be of type '{bundle.MEDIA_TYPE}'"
        )
    if is_small(call.request):
        return await _take_in(call)
    async with call.streams.turn(call.request):
        return await _take_in(call)


async def _take_in(call: Call[BundleQuery, Streamed]) -> Shown[BundleResult]:
    data = await read_whole(
        call.request, bundle.BUNDLE_BYTES_MAX, Patience.of(call.settings, call.request)
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


async def link_objects(call: Call[NoQuery, ObjectLinks]) -> Shown[BundleResult]:
    """Copy many objects of one ref, all or none; no bytes are copied."""
    body, branch = call.body, call.names["branch"]
    if not 0 < len(body.links) <= LINKS_MAX:
        raise InvalidValueError("links", f"give 1 to {LINKS_MAX} links at once")
    links = [
        Link(check_path(each.src_path), check_path(each.dst_path))
        for each in body.links
    ]

    async def observe(where: Repository, found: Found) -> None:
        place = "body.src_ref" if body.src_ref else "branch"
        await call.observe(place, where, found.entries, found.commit_id)

    kept = await link_many(
        call.engine,
        call.repository,
        branch,
        links,
        source_ref=body.src_ref or branch,
        if_absent=body.if_absent,
        on_found=observe if call.views else None,
    )
    return _tell(len(links), kept)


def _tell(count: int, kept: Sequence[bytes]) -> Shown[BundleResult]:
    names = [show_path(path) for path in kept]
    return answer(BundleResult(staged=count - len(names), kept=names))
