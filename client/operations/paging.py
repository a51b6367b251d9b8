"""What every operation rests on: a transport, pages, keys of what happens once."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TypeVar

from ..errors import ServerError
from ..transport import Call, Transport
from ..wire import AMOUNT_MAX, Page, routes

T = TypeVar("T")


class Operations:
    """Operations over one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def _iter_pages(
        self,
        call: Call,
        shape: type[Page[T]],
        *,
        after: str = "",
        limit: int | None = None,
    ) -> AsyncIterator[T]:
        """Yield up to `limit` results above `after`, page by page, in their order.

        Pages are asked for as they are needed. A page that does not get ahead is an
        error of the server, so that no listing goes on for ever.
        """
        left = limit
        while left is None or left > 0:
            amount = AMOUNT_MAX if left is None else min(left, AMOUNT_MAX)
            query = (*call.query, ("amount", str(amount)))
            if after:
                query = (*query, ("after", after))
            page = await self._transport.fetch(replace(call, query=query), shape)
            for result in page.results[:left]:
                yield result
            if left is not None:
                left -= len(page.results)
            if not page.pagination.has_more:
                return
            if page.pagination.next_offset in ("", after):
                raise ServerError(
                    f"cannot {call.what}: the server's page after '{after}' says that "
                    "there is more, but not where"
                )
            after = page.pagination.next_offset


def flag(value: bool) -> str:
    """Return `value` as a query says it."""
    return "true" if value else "false"


def new_key() -> dict[str, str]:
    """Return the header that makes a request happen once, however often it is sent."""
    return {routes.IDEMPOTENCY_HEADER: uuid.uuid4().hex}
