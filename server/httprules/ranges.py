"""Which bytes of an object a request asks for.

RFC 9110: a range that is malformed, of another unit, or one of several is passed over
and the whole object sent; one that lies behind the end is refused with 416.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import RangeNotSatisfiableError

_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.ASCII | re.IGNORECASE)
_DIGITS_MAX = 19
"""Digits of an offset that fits in 64 bits; a longer one is behind every end."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from `start` to before `stop`."""

    start: int
    stop: int

    def content_range(self, size_bytes: int) -> str:
        """Return the header that says which part of an object of that size this is."""
        return f"bytes {self.start}-{self.stop - 1}/{size_bytes}"


def parse_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """Return the range that `header` asks of an object; None for all of it.

    Raises:
        RangeNotSatisfiableError: nothing of it lies within the object.
    """
    if header is None:
        return None
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    first, last = match.groups()
    if not (first or last):
        return None
    if not first:
        start, stop = max(0, size_bytes - _read_offset(last)), size_bytes
    else:
        start = _read_offset(first)
        stop = min(_read_offset(last) + 1, size_bytes) if last else size_bytes
        if last and _read_offset(last) < start:
            return None
    if start >= size_bytes or start >= stop:
        raise RangeNotSatisfiableError(size_bytes)
    return ByteRange(start, stop)


def _read_offset(digits: str) -> int:
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _DIGITS_MAX else 10**_DIGITS_MAX
