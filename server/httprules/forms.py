"""Bodies of forms: what stands around a file in them is bounded.

The library reads lines until it finds the beginning of a part, or the end of its headers,
and lines that have come already do not make it wait: a body of nothing but short lines
would have the event loop for itself.
"""

from __future__ import annotations

import warnings
from typing import Any, cast

from aiohttp import MultipartReader, StreamReader, web
from aiohttp.multipart import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
)

BYTES_MAX = 256 * 1024
"""Bytes before a file, and behind it. Fields have 20 KiB at most, and what is read ahead
of a file, which counts until it is put back, 128 KiB."""
LINES_MAX = 1024
"""Lines before a file, and behind it: twice what 64 fields have. They take 2 ms."""


class FormContent:
    """The bytes of a form as `MultipartReader` takes them, counted but for those of a file.

    Raises ValueError, as the library does on a malformed form, where there are too many.
    """

    def __init__(self, content: StreamReader) -> None:
        self._content = content
        self._bytes_left = BYTES_MAX
        self._lines_left = LINES_MAX
        self._is_in_file = False

    def begin_file(self) -> None:
        """Count no bytes from here on."""
        self._is_in_file = True

    def end_file(self) -> None:
        """Count again, from nothing."""
        self._is_in_file = False
        self._bytes_left, self._lines_left = BYTES_MAX, LINES_MAX

    async def readline(self, **named: Any) -> bytes:
        """Return a line."""
        line = await self._content.readline(**named)
        self._lines_left -= 1
        self._count(len(line))
        return line

    async def read(self, size_bytes: int = -1) -> bytes:
        """Return some bytes."""
        data = await self._content.read(size_bytes)
        self._count(len(data))
        return data

    def unread_data(self, data: bytes) -> None:
        """Put `data` back."""
        self._content.unread_data(data)
        self._bytes_left += 0 if self._is_in_file else len(data)

    def at_eof(self) -> bool:
        """Tell whether all was read."""
        return self._content.at_eof()

    def _count(self, size_bytes: int) -> None:
        if not self._is_in_file:
            self._bytes_left -= size_bytes
        if self._bytes_left < 0 or self._lines_left < 0:
            raise ValueError(
                f"more than {BYTES_MAX} bytes or {LINES_MAX} lines around its file"
            )


def read_form(request: web.BaseRequest) -> tuple[MultipartReader, FormContent]:
    """Return the reader of a form in the body of `request`, and what it reads.

    Raises:
        ValueError: the request does not say what divides the form.
    """
    content = FormContent(request.content)
    reader = MultipartReader(
        request.headers,
        cast("StreamReader", content),
        max_field_size=request.protocol.max_field_size,
        max_headers=request.protocol.max_headers,
    )
    return reader, content


def ignore_malformed_names() -> None:
    """Say nothing of malformed headers in forms.

    The library warns of each, with what a client has sent, and Python would keep each
    different warning for ever.
    """
    for category in (BadContentDispositionHeader, BadContentDispositionParam):
        warnings.simplefilter("ignore", category)
