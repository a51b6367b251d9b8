"""Sending an object: the headers that REST has for it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..httprules.sending import send_object
from ..repository.objects import Located
from ..serving.exchange import EXCHANGE
from .answers import name_answer
from .call import Call
from .shapes import DEFAULT_CONTENT_TYPE, read_extra

COMMIT_HEADER = "X-Lakebed-Commit"
"""The commit that was read; absent for a staged change."""


async def send_located(call: Call[Any, Any], located: Located) -> web.StreamResponse:
    """Answer a GET or HEAD of the object `located`.

    Raises:
        PreconditionFailedError: a condition does not hold.
        RangeNotSatisfiableError: the range lies behind the end.
        CorruptDataError: the first bytes are damaged.
    """
    entry = located.entry
    extra = read_extra(entry)
    headers = name_answer(call.request[EXCHANGE].request_id)
    headers["Content-Type"] = extra.content_type or DEFAULT_CONTENT_TYPE
    if entry.extra:
        kept = {
            "Cache-Control": extra.cache_control,
            "Content-Disposition": extra.content_disposition,
            "Content-Encoding": extra.content_encoding,
            "Content-Language": extra.content_language,
        }
        headers.update({name: value for name, value in kept.items() if value})
    if located.commit_id is not None:
        headers[COMMIT_HEADER] = located.commit_id.hex()

    async def observe() -> None:
        await call.observe("ref", located.repository, (entry,), located.commit_id)

    return await send_object(
        call.engine,
        call.request,
        entry,
        headers,
        small_bytes_max=call.settings.small_body_bytes_max,
        before=observe if call.views else None,
    )
