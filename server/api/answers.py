"""Responses: the few forms in which operations answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, TypeVar

from lakebed.client.wire import Body, Page, encode

from ..httprules.whole import WholeAnswer
from ..repository import paging

T = TypeVar("T")

_JSON_HEADERS = {
    "Content-Type": "application/json",
    # Names and messages of users are in our answers: no browser may guess that they
    # are a page.
    "X-Content-Type-Options": "nosniff",
}
_TEXT_HEADERS = {**_JSON_HEADERS, "Content-Type": "text/plain; charset=utf-8"}


def name_answer(request_id: str) -> dict[str, str]:
    """Return the headers of every answer of this interface."""
    return {"Server": "lakebed", "X-Request-ID": request_id}


def answer(body: Body | Page[Any], status: HTTPStatus = HTTPStatus.OK) -> WholeAnswer:
    """Return a response with `body` as JSON."""
    return WholeAnswer(status, _JSON_HEADERS, encode(body))


def answer_created(body: Body) -> WholeAnswer:
    """Return the response to a creation."""
    return answer(body, HTTPStatus.CREATED)


def answer_text(text: str, status: HTTPStatus) -> WholeAnswer:
    """Return a response of plain text."""
    return WholeAnswer(status, _TEXT_HEADERS, text.encode())


def answer_json(data: bytes) -> WholeAnswer:
    """Return a response with JSON that is encoded already."""
    return WholeAnswer(200, _JSON_HEADERS, data)


def answer_nothing() -> WholeAnswer:
    """Return the response to what has no body to give."""
    return WholeAnswer(HTTPStatus.NO_CONTENT)


def answer_page(page: paging.Page[T], show: Callable[[T], Body]) -> WholeAnswer:
    """Return a page of a listing, each item as `show` says."""
    return answer_results((show(item) for item in page.items), page.next_after)


def answer_results(results: Iterable[Body], next_offset: str | None) -> WholeAnswer:
    """Return a page of bodies; `next_offset` is None after the last one."""
    return answer(Page[Body].of(list(results), next_offset=next_offset))
