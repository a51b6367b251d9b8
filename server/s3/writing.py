"""PutObject, and the conditions of every write."""

from __future__ import annotations

from aiohttp import hdrs, web

from ..repository.objects import Condition, etag_text, put_object
from ..repository.resolving import get_writable_branch
from ..tree.entry import Entry
from .address import ObjectName
from .body import Body
from .call import Call
from .errors import S3Error
from .object_headers import read_extra

EMPTY_ETAG = "d41d8cd98f00b204e9800998ecf8427e"


async def put(call: Call) -> web.StreamResponse:
    """Stage the body of the request as an object; durable when this answers."""
    name = call.get_object_name()
    body = Body(call)
    settings = call.gateway.settings
    body.check_size(settings.put_bytes_max)
    if not name.path:
        return await _put_ref(call, name, body)
    extra = read_extra(call.request.headers)
    condition = read_condition(call)
    if body.size_bytes <= settings.small_body_bytes_max:
        entry = await put_object(
            call.engine,
            name.repository,
            name.ref,
            name.path,
            await body.read_whole(),
            extra=extra,
            condition=condition,
            checksums=body.encode_checksum,
        )
    else:
        async with call.gateway.streams.turn(call.request):
            entry = await put_object(
                call.engine,
                name.repository,
                name.ref,
                name.path,
                body.iter_pieces(),
                extra=extra,
                condition=condition,
                sums=body.sums,
                check=body.check,
                checksums=body.encode_checksum,
            )
    return _answer_written(call, entry, body)


async def _put_ref(call: Call, name: ObjectName, body: Body) -> web.StreamResponse:
    """Answer what makes directories: a ref is one already.

    Raises:
        S3Error: it is not a directory marker.
    """
    if name.is_ref_alone or body.size_bytes:
        raise S3Error(
            "InvalidArgument",
            f"cannot write to '{name.ref}': write objects as 'REF/PATH'",
        )
    await get_writable_branch(call.engine, name.repository, name.ref)
    return call.answer_nothing(200, {"ETag": f'"{EMPTY_ETAG}"'})


def _answer_written(call: Call, entry: Entry, body: Body) -> web.StreamResponse:
    headers = {"ETag": f'"{etag_text(entry)}"', "x-amz-version-id": "null"}
    if body.checksum is not None:
        headers.update(body.checksum.headers())
    return call.answer_nothing(200, headers)


def read_condition(call: Call) -> Condition | None:
    """Return the condition that a write carries, or None.

    Raises:
        S3Error: it is one that cannot be kept. To pass over it would be to overwrite
            what the client wanted to protect.
    """
    headers = call.request.headers
    if_match = headers.get(hdrs.IF_MATCH)
    if_none_match = headers.get(hdrs.IF_NONE_MATCH)
    if if_match is None and if_none_match is None:
        return None
    if if_match is not None and if_none_match is not None:
        raise S3Error(
            "NotImplemented", "a write takes one of 'If-Match' and 'If-None-Match'"
        )
    if if_match is None:
        if if_none_match != "*":
            raise S3Error(
                "NotImplemented",
                "a write takes 'If-None-Match' of '*' only",
                Header="If-None-Match",
            )
        return Condition(must_be_absent=True)
    return Condition(etag=read_etag(if_match))


def read_etag(text: str) -> str:
    """Return an ETag without its quotes; `*` stands for any."""
    return text.strip().removeprefix("W/").strip('"')
