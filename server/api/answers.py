"""Responses: the few forms in which operations answer.

A handler says in its signature which form, and what is in it: `Shown[Ref]`, `Nothing`.
The documents are written from that, and type checkers hold handlers to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from aiohttp import web
from lakebed.client.wire import Body, Page, encode

from ..httprules.whole import WholeAnswer
from ..repository import paging

T = TypeVar("T")
B = TypeVar("B", bound=Body)

_JSON_HEADERS = {
    "Content-Type": "application/json",
    # Names and messages of users are in our answers: no browser may guess that they
    # are a page.
    "X-Content-Type-Options": "nosniff",
}
_TEXT_HEADERS = {**_JSON_HEADERS, "Content-Type": "text/plain; charset=utf-8"}


class Answer(WholeAnswer):
    """A response of a form that the documents can tell."""

    success: ClassVar[HTTPStatus]
    """Its status."""
    media_type: ClassVar[str | None] = None
    """Of the body; None: there is none."""


class Shown(Answer, Generic[T]):
    """A `T`, as JSON."""

    success = HTTPStatus.OK
    media_type = "application/json"


class Created(Answer, Generic[T]):
    """The `T` that was made, as JSON."""

    success = HTTPStatus.CREATED
    media_type = "application/json"


class CreatedText(Answer):
    """The name of what was made, as text."""

    success = HTTPStatus.CREATED
    media_type = "text/plain"


class CreatedNothing(Answer):
    """A creation of which there is nothing to show."""

    success = HTTPStatus.CREATED


class Nothing(Answer):
    """The operation has nothing to give back."""

    success = HTTPStatus.NO_CONTENT


class Bytes:
    """What the documents say of an object that is sent, of whatever type."""


ObjectBytes = Annotated[web.StreamResponse, Bytes]
"""An object or a range of it, streamed unless it is small."""


class NotBuilt:
    """What the documents say of an operation that only says that it is missing."""


Unbuilt = Annotated[web.StreamResponse, NotBuilt]
"""No answer but the refusal."""


def name_answer(request_id: str) -> dict[str, str]:
    """Return the headers of every answer of this interface."""
    return {"Server": "lakebed", "X-Request-ID": request_id}


def answer(body: B) -> Shown[B]:
    """Return a response with `body` as JSON."""
    return Shown(Shown.success, _JSON_HEADERS, encode(body))


def answer_json(data: bytes) -> Shown[Any]:
    """Return a response with JSON that is encoded already."""
    return Shown(Shown.success, _JSON_HEADERS, data)


def answer_created(body: B) -> Created[B]:
    """Return the response to a creation."""
    return Created(Created.success, _JSON_HEADERS, encode(body))


def answer_created_text(text: str) -> CreatedText:
    """Return the response to a creation that answers with plain text."""
    return CreatedText(CreatedText.success, _TEXT_HEADERS, text.encode())


def answer_created_nothing() -> CreatedNothing:
    """Return the response to a creation that has nothing to show."""
    return CreatedNothing(CreatedNothing.success)


def answer_nothing() -> Nothing:
    """Return the response to what has no body to give."""
    return Nothing(Nothing.success)


def answer_page(page: paging.Page[T], show: Callable[[T], B]) -> Shown[Page[B]]:
    """Return a page of a listing, each item as `show` says."""
    return answer_results((show(item) for item in page.items), page.next_after)


def answer_results(results: Iterable[B], next_offset: str | None) -> Shown[Page[B]]:
    """Return a page of bodies; `next_offset` is None after the last one."""
    return answer(Page[B].of(list(results), next_offset=next_offset))
