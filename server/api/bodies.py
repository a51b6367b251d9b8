"""Reading request bodies: whole and bounded, or as they come."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import BodyPartReader, ClientPayloadError, MultipartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from lakebed.client.wire import explain

from ..errors import BodyTooLargeError, InvalidValueError, UnsupportedBodyError
from ..httprules.forms import FormContent, read_form
from ..httprules.receiving import Patience

WHOLE_BYTES_MAX = 256 * 1024
"""Uploads that announce at most this are read whole, which saves the iterator; what
counts is that a thousand of them at once fit in memory."""
PART_READ_BYTES = 64 * 1024
"""Bytes asked of a multipart reader at once: what one read of a socket gives."""
FIELD = "content"
"""The field of a form upload that holds the object."""


async def answer_continue(request: web.BaseRequest) -> None:
    """Tell a client that waits for it to send the body now.

    Called only after the request was authorised, so that whoever may not write does not
    send a gigabyte first.
    """
    expectation = request.headers.get(hdrs.EXPECT)
    if expectation is None or request.version < (1, 1):
        return
    if expectation.lower() != "100-continue":
        raise InvalidValueError(
            "Expect", f"cannot do as expected: '{expectation[:80]}'"
        )
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0


async def read_json(
    request: web.BaseRequest,
    decoder: msgspec.json.Decoder[Any],
    bytes_max: int,
    patience: Patience,
) -> Any:
    """Return the JSON body of `request`, decoded and checked.

    Only a body that calls itself JSON is read: a page of another origin can make a
    browser send anything else without asking us.

    Raises:
        BodyTooLargeError: it is longer than `bytes_max`.
        BodyStalledError: it does not come.
        UnsupportedBodyError: it does not call itself JSON, or is compressed.
        InvalidValueError: it is not JSON, or a field is missing, wrong or unknown.
    """
    content_type = request.headers.get(hdrs.CONTENT_TYPE, "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedBodyError(
            "Content-Type", "request body must be of type 'application/json'"
        )
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise UnsupportedBodyError(
            "Content-Encoding", "request body must not be compressed"
        )
    data = await read_whole(request, bytes_max, patience)
    try:
        body = decoder.decode(data)
        _refuse_doubles(data)
        return body
    except msgspec.ValidationError as error:
        problem = explain(error)
        raise InvalidValueError(problem.field or "body", str(problem)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidValueError("body", f"body is not JSON: {error}") from None


def _refuse_doubles(data: bytes) -> None:
    """Refuse JSON that has a field twice, of which decoders take the one or the other.

    Raises:
        InvalidValueError: `data`, which is JSON, has.
    """

    def check(pairs: list[tuple[str, object]]) -> None:
        if len({name for name, _ in pairs}) == len(pairs):
            return
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise InvalidValueError(double[:80], f"field '{double[:80]}' is given twice")

    # Numbers are of no interest here, and the longest are slow to read.
    json.loads(data, object_pairs_hook=check, parse_int=len, parse_float=len)


async def read_whole(
    request: web.BaseRequest, bytes_max: int, patience: Patience
) -> bytes:
    """Return the body of `request`.

    Raises:
        BodyTooLargeError: it is longer than `bytes_max`.
        BodyStalledError: it does not come.
        InvalidValueError: it breaks off.
    """
    if (request.content_length or 0) > bytes_max:
        raise BodyTooLargeError(bytes_max)
    await answer_continue(request)
    pieces: list[bytes] = []
    size_bytes = 0
    async with _refuse_broken_bodies():
        while piece := await patience.wait(request.content.readany()):
            size_bytes += len(piece)
            if size_bytes > bytes_max:
                raise BodyTooLargeError(bytes_max)
            pieces.append(piece)
    return b"".join(pieces)


async def open_upload(
    request: web.BaseRequest, patience: Patience
) -> bytes | AsyncIterator[bytes]:
    """Return the raw body of `request`: at once if it is small, else as it comes."""
    if is_small(request):
        return await read_whole(request, WHOLE_BYTES_MAX, patience)
    return _iter_body(request, patience)


def is_small(request: web.BaseRequest) -> bool:
    """Tell whether `request` announces a body that may be read whole."""
    size_bytes = request.content_length
    return size_bytes is not None and size_bytes <= WHOLE_BYTES_MAX


async def _iter_body(
    request: web.BaseRequest, patience: Patience
) -> AsyncIterator[bytes]:
    # Asked for with the first byte: what is refused for its condition sends nothing.
    await answer_continue(request)
    async with _refuse_broken_bodies():
        while piece := await patience.wait(request.content.readany()):
            yield piece


class FormUpload:
    """The field `content` of a multipart/form-data body, read as it comes."""

    def __init__(self, request: web.BaseRequest, patience: Patience) -> None:
        self._request = request
        self._patience = patience
        self.content_type: str | None = None
        """Of the field, once `open` has found it."""

    async def open(self) -> AsyncIterator[bytes]:
        """Return the bytes of the field, to be read to the end.

        The end of the body is checked before the last of them, so that a body that was
        cut off raises instead of ending.

        Raises:
            InvalidValueError: the body is no form, or has no such field.
        """
        await answer_continue(self._request)
        async with _refuse_broken_bodies():
            reader, content = read_form(self._request)
            while (part := await self._patience.wait(reader.next())) is not None:
                if isinstance(part, BodyPartReader) and part.name == FIELD:
                    break
        if not isinstance(part, BodyPartReader):
            raise InvalidValueError(FIELD, f"form has no field '{FIELD}'")
        encoding = part.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "binary")
        if encoding.lower() not in ("binary", "8bit", "7bit"):
            raise InvalidValueError(FIELD, f"field '{FIELD}' must not be encoded")
        self.content_type = part.headers.get(hdrs.CONTENT_TYPE)
        content.begin_file()
        return self._iter_part(reader, content, part)

    async def _iter_part(
        self, reader: MultipartReader, content: FormContent, part: BodyPartReader
    ) -> AsyncIterator[bytes]:
        async with _refuse_broken_bodies():
            while not part.at_eof():
                piece = await self._patience.wait(part.read_chunk(PART_READ_BYTES))
                if piece:
                    yield piece
            content.end_file()
            while following := await self._patience.wait(reader.next()):
                if isinstance(following, BodyPartReader) and following.name == FIELD:
                    raise InvalidValueError(FIELD, f"field '{FIELD}' is given twice")


@asynccontextmanager
async def _refuse_broken_bodies() -> AsyncGenerator[None]:
    """Turn what the HTTP library raises on a malformed body into an error of ours."""
    try:
        yield
    except (ClientPayloadError, HttpProcessingError, ValueError, RuntimeError) as error:
        raise InvalidValueError("body", f"request body broke off: {error}") from error
