"""Read an object while it comes, and go on where a broken connection stopped.

A read that breaks off is taken up again with a range and the ETag of the first answer
(`If-Match`), so that what a caller sees is one version of the object or an error, never
the beginning of one and the end of another.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp

from ..errors import ServerError
from ..transport import Call, Transport

PIECE_BYTES = 256 * 1024
"""Most bytes that one step of a read gives."""

RESUMES_MAX = 5
"""Broken connections that one read outlives, if it got ahead in between."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Which bytes of an object: from `start` up to but without `end`."""

    start: int = 0
    end: int | None = None
    """None: to the end of the object."""

    def __post_init__(self) -> None:
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise ValueError(
                f"range must be 0 <= start < end, not {self.start} to {self.end}"
            )

    @property
    def header(self) -> str | None:
        """The value of the Range header; None for the whole object."""
        if self.end is not None:
            return f"bytes={self.start}-{self.end - 1}"
        return f"bytes={self.start}-" if self.start else None


class ObjectStream:
    """An object, or a range of it, while it comes."""

    def __init__(
        self,
        transport: Transport,
        call: Call,
        wanted: ByteRange,
        response: aiohttp.ClientResponse,
    ) -> None:
        self._transport = transport
        self._call = call
        self._wanted = wanted
        self._response = response
        length = response.headers.get("Content-Length")
        self.size_bytes = int(length) if length is not None else None
        """Bytes that will come; None if the server does not say."""
        self.etag = response.headers.get("ETag", "")
        self.content_type = response.headers.get("Content-Type", "")

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        """Yield the bytes in order, each piece at most `PIECE_BYTES` long."""
        position = self._wanted.start
        resumes = 0
        response = self._response
        try:
            while True:
                began_at = position
                try:
                    async for piece in response.content.iter_chunked(PIECE_BYTES):
                        position += len(piece)
                        yield piece
                    return
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    resumes += 1
                    stuck = position == began_at and resumes > 1
                    if not self.etag or stuck or resumes > RESUMES_MAX:
                        raise self._transport.explain(self._call.what, error) from error
                response.close()
                response = await self._resume(position)
        finally:
            response.close()

    async def read(self) -> bytes:
        """Return all the bytes."""
        return b"".join([piece async for piece in self])

    async def _resume(self, position: int) -> aiohttp.ClientResponse:
        rest = ByteRange(position, self._wanted.end)
        headers = {**self._call.headers, "If-Match": self.etag}
        if rest.header is not None:
            headers["Range"] = rest.header
        response = await self._transport.start(replace(self._call, headers=headers))
        if rest.header is not None and response.status != 206:
            response.close()
            raise ServerError(
                f"cannot {self._call.what}: the server ignored the range to go on with",
                status=response.status,
            )
        return response


@asynccontextmanager
async def open_stream(
    transport: Transport, call: Call, wanted: ByteRange
) -> AsyncGenerator[ObjectStream]:
    """Ask for the bytes `wanted` with `call`, and give them as they come."""
    if wanted.header is not None:
        headers = {**call.headers, "Range": wanted.header}
        response = await transport.start(replace(call, headers=headers))
    else:
        response = await transport.start(call)
    try:
        if wanted.header is not None and response.status != 206:
            raise ServerError(
                f"cannot {call.what}: the server ignored the range that was asked for",
                status=response.status,
            )
        yield ObjectStream(transport, call, wanted, response)
    finally:
        # Not `release`: what was not read would be waited for.
        response.close()
