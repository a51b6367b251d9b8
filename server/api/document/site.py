"""Where the documents are: `/openapi.json` and `/docs`, for whoever asks.

They say what every copy of the program says and nothing of a lake, so that no key is
needed. Both are written once a process, when somebody first asks.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version

import msgspec
from aiohttp import hdrs, web
from lakebed.client.wire.routes import BASE

from ...httprules.preconditions import matches_etag
from ...httprules.whole import WholeAnswer
from ..call import Call, NoBody, NoQuery
from ..routing import Anyone, Route
from .openapi import describe
from .page import render

PAGE = "/docs"
DOCUMENT = "/openapi.json"


@dataclass(frozen=True, slots=True)
class _Text:
    body: bytes
    headers: Mapping[str, str]
    etag: str


class Site:
    """The documents of one table."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """Tell of `routes`."""
        self._routes = routes
        self._texts: tuple[_Text, _Text] | None = None

    @property
    def routes(self) -> tuple[Route, ...]:
        """The rows by which the documents are found."""
        return (
            Route("GET", DOCUMENT, self.get_document, Anyone()),
            Route("GET", BASE + DOCUMENT, self.get_document, Anyone()),
            Route("GET", PAGE, self.get_page, Anyone()),
        )

    async def get_document(self, call: Call[NoQuery, NoBody]) -> web.StreamResponse:
        """Get the OpenAPI document."""
        document, _ = await self._get_texts()
        return _send(document, call.request)

    async def get_page(self, call: Call[NoQuery, NoBody]) -> web.StreamResponse:
        """Get the page for people."""
        _, page = await self._get_texts()
        return _send(page, call.request)

    async def _get_texts(self) -> tuple[_Text, _Text]:
        if self._texts is None:
            # A tenth of a second, which others need not wait for. Two that ask at once
            # do it twice and come to the same.
            self._texts = await asyncio.to_thread(_write, self._routes)
        return self._texts


def _write(routes: Sequence[Route]) -> tuple[_Text, _Text]:
    document = describe(routes, version("lakebed"))
    page = render(document)
    return (
        _make_text(msgspec.json.encode(document), "application/json", {}),
        _make_text(
            page.html.encode(),
            "text/html; charset=utf-8",
            {
                "Content-Security-Policy": page.policy,
                "Referrer-Policy": "no-referrer",
                "X-Frame-Options": "DENY",
            },
        ),
    )


def _make_text(body: bytes, content_type: str, headers: Mapping[str, str]) -> _Text:
    etag = hashlib.sha256(body).hexdigest()[:32]
    return _Text(
        body,
        {
            "Content-Type": content_type,
            "X-Content-Type-Options": "nosniff",
            "ETag": f'"{etag}"',
            # Kept, and asked for again: another release may be running by then.
            "Cache-Control": "no-cache",
            **headers,
        },
        etag,
    )


def _send(text: _Text, request: web.BaseRequest) -> WholeAnswer:
    known = request.headers.get(hdrs.IF_NONE_MATCH)
    if known is not None and matches_etag(known, text.etag):
        return WholeAnswer(HTTPStatus.NOT_MODIFIED, text.headers)
    return WholeAnswer(HTTPStatus.OK, text.headers, text.body)
