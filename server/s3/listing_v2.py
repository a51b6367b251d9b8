"""ListObjectsV2."""

from __future__ import annotations

from aiohttp import web

from .buckets import show_owner
from .call import Call, invalid_argument
from .listing import Query, find_lines, show_object
from .page_token import PageToken
from .xml import Element

_CONTINUATION = "continuation-token"


async def list_objects_v2(call: Call) -> web.StreamResponse:
    """Answer with a page of the objects of a bucket."""
    version = call.parameters["list-type"]
    if version != "2":
        raise invalid_argument("list-type", version, "it must be 2")
    start_after = call.parameters.get("start-after", "")
    text = call.parameters.get(_CONTINUATION)
    # A token knows better than `start-after`.
    token = PageToken.decode(text) if text else PageToken(start_after)
    query = Query.read(call, after=token.after, pinned=token.commit_id)
    with_owner = call.read_flag("fetch-owner")
    lines = await find_lines(call, query)
    elements = query.show_common(call)
    if text is not None:
        elements.append(("ContinuationToken", text))
    if start_after:
        elements.append(("StartAfter", query.show(start_after)))
    elements += [
        ("KeyCount", str(len(lines.objects) + len(lines.prefixes))),
        lines.show_truncation(),
    ]
    if lines.next is not None:
        elements.append(("NextContinuationToken", lines.next.encode()))
    owner: list[Element] = [("Owner", show_owner(call))] if with_owner else []
    elements += [
        ("Contents", show_object(query, key, entry, *owner))
        for key, entry in lines.objects
    ]
    elements += lines.show_prefixes(query)
    return call.answer_document("ListBucketResult", elements)
