"""CopyObject: another name for the same bytes."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from ..repository.copies import copy_object
from ..repository.objects import Located, etag_text
from ..tree.entry import Entry
from ..tree.extra import Extra, decode_extra
from .address import ObjectName
from .buckets import show_time
from .call import Call, invalid_argument
from .copy_source import CopySource, find_source
from .errors import S3Error
from .object_headers import read_extra
from .versions import STAGED, show_version
from .writing import read_condition
from .xml import Element

_METADATA_DIRECTIVE = "x-amz-metadata-directive"
_TAGGING_DIRECTIVE = "x-amz-tagging-directive"


async def copy(call: Call) -> web.Response:
    """Stage at the key what the source is; durable when this answers."""
    name = call.get_object_name()
    if not name.path:
        raise S3Error(
            "InvalidArgument",
            f"cannot write to '{name.ref}': write objects as 'REF/PATH'",
        )
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
    changes_itself = replaces_metadata or replaces_tags or given.website_redirect
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


def _is_same(name: ObjectName, source: CopySource) -> bool:
    return source.version is None and (
        (name.repository, name.ref, name.path)
        == (source.name.repository, source.name.ref, source.name.path)
    )


def _join(
    source: Entry, given: Extra, *, replaces_metadata: bool, replaces_tags: bool
) -> Extra:
    """Return what is said of the copy; a redirect belongs to one key and stays there."""
    old = decode_extra(source.extra)
    return replace(
        given if replaces_metadata else old,
        tags=given.tags if replaces_tags else old.tags,
        website_redirect=given.website_redirect,
    )


def _answer(call: Call, entry: Entry, located: Located) -> web.Response:
    content: list[Element] = [
        ("LastModified", show_time(entry.mtime_ms)),
        ("ETag", f'"{etag_text(entry)}"'),
    ]
    response = call.answer_document("CopyObjectResult", content)
    response.headers["x-amz-version-id"] = STAGED
    response.headers["x-amz-copy-source-version-id"] = show_version(located)
    return response
