"""The target of a request, read once from its raw bytes.

What was signed and what is acted upon must be one reading: servers that checked the one
and used the other have been broken that way. So the path is percent-decoded exactly
once, nothing is normalised (`//`, `.` and `..` are names like any other), and `+` is a
space in a query, as forms write it, and a plus in a path: some clients send `+` for a
space that they sign as `%20`, and AWS takes it so. The canonical form of SigV4 is written
from what was read.
"""

from __future__ import annotations

import re
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from msgspec import Struct

from ..errors import InvalidValueError

_PLAIN_PATH = re.compile(r"[A-Za-z0-9\-._~/]*", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9\-._~]*", re.ASCII)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_ABSOLUTE_FORM = re.compile(r"https?://[^/?]*", re.ASCII | re.IGNORECASE)

QUERY_COUNT_MAX = 64
"""Parameters of one request: three times as many as any operation has."""


class Target(Struct, frozen=True, gc=False):
    """A request target."""

    path: str
    """Decoded; begins with a slash."""
    canonical_path: str
    pairs: tuple[tuple[str, str], ...]
    """Names and values of the query, decoded, in the order they came."""

    @classmethod
    def parse(cls, raw: str) -> Target:
        """Return the target that the request line gives as `raw`.

        Raises:
            InvalidValueError: it is not clean percent-encoded UTF-8.
        """
        if not raw.startswith("/"):
            raw = _ABSOLUTE_FORM.sub("", raw, count=1)
            if not raw.startswith("/"):
                raw = "/" + raw
        raw_path, _, raw_query = raw.partition("?")
        if _PLAIN_PATH.fullmatch(raw_path):
            path = canonical_path = raw_path
        else:
            path = _decode(raw_path)
            canonical_path = quote(path, safe="/-._~")
        if not raw_query:
            return cls(path, canonical_path, ())
        pieces = [piece for piece in raw_query.split("&") if piece]
        if len(pieces) > QUERY_COUNT_MAX:
            raise InvalidValueError(
                "query", f"request has more than {QUERY_COUNT_MAX} parameters"
            )
        pairs: list[tuple[str, str]] = []
        for piece in pieces:
            name, _, value = piece.replace("+", "%20").partition("=")
            pairs.append((_decode(name), _decode(value)))
        return cls(path, canonical_path, tuple(pairs))

    def canonical_query(self, *, leave_out: str = "") -> str:
        """Return the query in SigV4's canonical form, without the name `leave_out`."""
        if not self.pairs:
            return ""
        encoded = [
            (_encode(name), _encode(value))
            for name, value in self.pairs
            if name != leave_out
        ]
        return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _decode(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    if _BROKEN_ESCAPE.search(text):
        raise InvalidValueError("target", "request target has a broken percent escape")
    try:
        return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError:
        raise InvalidValueError("target", "request target is not UTF-8") from None


def _encode(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    return quote_from_bytes(text.encode(), safe="-._~")
