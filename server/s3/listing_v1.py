"""ListObjects, the first version: it goes on behind a key, not behind a token."""

from __future__ import annotations

from aiohttp import web

from .buckets import show_owner
from .call import Call
from .listing import Query, find_lines, show_object
from .xml import Element


async def list_objects(call: Call) -> web.StreamResponse:
    """Answer with a page of the objects of a bucket."""
    marker = call.parameters.get("marker", "")
    query = Query.read(call, after=marker)
    lines = await find_lines(call, query)
    elements = [
        *query.show_common(call),
        ("Marker", query.show(marker)),
        lines.show_truncation(),
    ]
    # Without a delimiter clients go on behind the last key. A page may have none: the
    # refs at the root of a bucket are prefixes whatever the delimiter.
    if lines.next is not None and (query.delimiter or lines.prefixes):
        elements.append(("NextMarker", query.show(lines.next.after)))
    owner: Element = ("Owner", show_owner(call))
    elements += [
        ("Contents", show_object(query, key, entry, owner))
        for key, entry in lines.objects
    ]
    elements += lines.show_prefixes(query)
    return call.answer_document("ListBucketResult", elements)
