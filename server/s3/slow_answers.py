"""Answers that take long: the connection is kept alive with white space until they come.

Clients and what stands between give a connection up on which nothing comes for a minute.
So what does not answer soon begins its response with status 200, sends a space now and
then, and ends with the document of the result, or of the error: SDKs look for an error in
such an answer. When the client goes, the work goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

from aiohttp import web
from msgspec import Struct

from ..errors import LakeError
from .call import Call
from .errors import S3Error
from .problems import error_content, explain
from .xml import HEAD, Element, write_document

log = logging.getLogger(__name__)


class SlowAnswer(Struct, frozen=True, gc=False):
    """A document: the name of its root, and what is in it."""

    name: str
    content: list[Element]


async def answer_slowly(
    call: Call,
    work: Coroutine[Any, Any, SlowAnswer],
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Return a response with what `work` comes to; it may have begun already.

    What `work` raises soon is raised here, and becomes an error like any other.
    """
    task = asyncio.ensure_future(work)
    # It outlives a client that goes: who asks again is answered the same.
    call.engine.chores.add(chore := asyncio.ensure_future(_wait_for(task)))
    chore.add_done_callback(call.engine.chores.discard)
    silence_s = call.gateway.settings.silence_s_max
    await asyncio.wait({task}, timeout=silence_s)
    if task.done():
        answer = task.result()
        response = call.answer_document(answer.name, answer.content)
        response.headers.update(headers or {})
        return response
    slow = web.StreamResponse(
        headers={
            **call.base_headers(),
            "Content-Type": "application/xml",
            **(headers or {}),
        }
    )
    await slow.prepare(call.request)
    await slow.write(HEAD.encode())  # nothing may stand before it, not even a space
    while not task.done():
        await slow.write(b" ")
        await asyncio.wait({task}, timeout=silence_s)
    await slow.write(_show(call, task))
    await slow.write_eof()
    return slow


async def _wait_for(task: asyncio.Future[SlowAnswer]) -> None:
    """Wait for `task`; when the server stops, it goes with us."""
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    if not task.cancelled():
        task.exception()  # whoever wanted to hear it may have gone


def _show(call: Call, task: asyncio.Future[SlowAnswer]) -> bytes:
    """Return the document of a result, without its head."""
    try:
        answer = task.result()
    except (S3Error, LakeError) as error:
        code, _, facts = explain(error, missing_ref="NoSuchBucket")
        return _error_document(call, code, str(error), facts)
    except Exception:
        log.exception(
            "request met a defect",
            extra={"request_id": call.request_id, "path": _resource(call)},
        )
        message = "we encountered an internal error: please try again"
        return _error_document(call, "InternalError", message, {})
    return _without_head(write_document(answer.name, answer.content))


def _error_document(
    call: Call, code: str, message: str, facts: Mapping[str, str]
) -> bytes:
    content = error_content(code, message, facts, _resource(call), call.request_id)
    return _without_head(write_document("Error", content, namespace=""))


def _resource(call: Call) -> str:
    """Return the path of a request, without the query, which may hold a signature."""
    return call.request.raw_path.partition("?")[0][:1024]


def _without_head(document: bytes) -> bytes:
    return document.removeprefix(HEAD.encode())
