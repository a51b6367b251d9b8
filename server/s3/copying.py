"""CopyObject: another name for the same bytes."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

from aiohttp import web

from ..repository.copies import copy_object
from ..repository.objects import Located, etag_text, read_object
from ..tree.entry import Entry
from ..tree.extra import Extra, decode_extra
from .address import ObjectName
from .body import refuse_body
from .buckets import show_time
from .call import Call, invalid_argument
from .checksum_elements import show_checksum
from .checksums import Algorithm, StoredChecksum, decode_field, encode_field
from .copy_source import CopySource, find_source
from .errors import S3Error
from .object_headers import read_extra
from .versions import STAGED, show_version
from .writing import read_condition
from .xml import Element

_METADATA_DIRECTIVE = "x-amz-metadata-directive"
_ALGORITHM = "x-amz-checksum-algorithm"
_TAGGING_DIRECTIVE = "x-amz-tagging-directive"


async def copy(call: Call) -> web.StreamResponse:
    """Stage at the key what the source is; durable when this answers."""
    name = call.get_object_name()
    if not name.path:
        raise S3Error(
            "InvalidArgument",
            f"cannot write to '{name.ref}': write objects as 'REF/PATH'",
        )
    await refuse_body(call)
    replaces_metadata = _read_directive(call, _METADATA_DIRECTIVE)
    replaces_tags = _read_directive(call, _TAGGING_DIRECTIVE)
    given = read_extra(call.request.headers) or Extra()
    condition = read_condition(call)
    source, located = await find_source(call)
    size_bytes_max = call.gateway.settings.put_bytes_max
    if located.entry.size_bytes > size_bytes_max:
        raise S3Error(
            "InvalidRequest",
            "the specified copy source is larger than the maximum allowable size for a "
            f"copy source: {size_bytes_max}; copy it in parts",
        )
    changes_itself = (
        replaces_metadata
        or replaces_tags
        or given.website_redirect
        or "x-amz-storage-class" in call.request.headers
    )
    if not changes_itself and _is_same(name, source):
        raise S3Error(
            "InvalidRequest",
            "this copy request is illegal because it is trying to copy an object to "
            "itself without changing the object's metadata, tags or website redirect "
            "location",
        )
    entry = await copy_object(
        call.engine,
        name.repository,
        name.ref,
        name.path,
        source=located,
        extra=_join(
            located.entry,
            given,
            replaces_metadata=replaces_metadata,
            replaces_tags=replaces_tags,
        ),
        checksums=await _sum_up(call, located.entry),
        condition=condition,
    )
    return _answer(call, entry, located)


def _read_directive(call: Call, header: str) -> bool:
    """Tell whether a part of what is said of the object is given anew."""
    match call.request.headers.get(header, "COPY"):
        case "COPY":
            return False
        case "REPLACE":
            return True
        case value:
            raise invalid_argument(header, value, "it must be 'COPY' or 'REPLACE'")


async def _sum_up(call: Call, source: Entry) -> bytes | None:
    """Return the checksums of the copy; None: those of the source.

    The one case in which the bytes are read: the client wants a checksum of a kind that
    the source has not.
    """
    named = call.request.headers.get(_ALGORITHM)
    if named is None:
        return None
    algorithm = Algorithm.parse(named)
    stored = StoredChecksum.decode(source.checksums)
    if stored and stored.algorithm is algorithm and stored.kind == "FULL_OBJECT":
        return None
    running = algorithm.start()
    async with (
        call.gateway.streams.turn(),
        aclosing(read_object(call.engine, source)) as pieces,
    ):
        async for piece in pieces:
            await asyncio.to_thread(running.update, piece)
    name, value = StoredChecksum(algorithm, running.digest()).value()
    return encode_field({**decode_field(source.checksums), name: value})


def _is_same(name: ObjectName, source: CopySource) -> bool:
    return source.version is None and (
        (name.repository, name.ref, name.path)
        == (source.name.repository, source.name.ref, source.name.path)
    )


def _join(
    source: Entry, given: Extra, *, replaces_metadata: bool, replaces_tags: bool
) -> Extra:
    """Return what is said of the copy.

    Redirect and storage class are of the copy itself, and never come along.
    """
    old = decode_extra(source.extra)
    return replace(
        given if replaces_metadata else old,
        tags=given.tags if replaces_tags else old.tags,
        storage_class=given.storage_class,
        website_redirect=given.website_redirect,
    )


def _answer(call: Call, entry: Entry, located: Located) -> web.StreamResponse:
    content: list[Element] = [
        ("LastModified", show_time(entry.mtime_ms)),
        ("ETag", f'"{etag_text(entry)}"'),
    ]
    content += show_checksum(entry)
    response = call.answer_document("CopyObjectResult", content)
    response.headers["x-amz-version-id"] = STAGED
    response.headers["x-amz-copy-source-version-id"] = show_version(located)
    return response
