"""Whether a request for bytes is to be answered with them: RFC 9110, 13.2.2.

In that order: `If-Match`, else `If-Unmodified-Since`; then `If-None-Match`, else
`If-Modified-Since`. Evaluated after the caller was let in, never before.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from enum import Enum
from functools import lru_cache

from multidict import istr

_IF_MATCH = istr("If-Match")
_IF_NONE_MATCH = istr("If-None-Match")
_IF_MODIFIED = istr("If-Modified-Since")
_IF_UNMODIFIED = istr("If-Unmodified-Since")


class Verdict(Enum):
    """What the conditions of a request come to."""

    SEND = "send"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


def evaluate(headers: Mapping[str, str], etag: str, mtime_ms: int) -> Verdict:
    """Return what the conditions in `headers` come to.

    Args:
        headers: of the request.
        etag: of the object, without quotes.
        mtime_ms: when it was written; HTTP knows whole seconds.
    """
    if_match = headers.get(_IF_MATCH)
    if if_match is not None:
        if not matches_etag(if_match, etag):
            return Verdict.FAILED
    else:
        since_s = parse_date(headers.get(_IF_UNMODIFIED))
        if since_s is not None and mtime_ms // 1000 > since_s:
            return Verdict.FAILED
    if_none_match = headers.get(_IF_NONE_MATCH)
    if if_none_match is not None:
        if matches_etag(if_none_match, etag):
            return Verdict.NOT_MODIFIED
    else:
        since_s = parse_date(headers.get(_IF_MODIFIED))
        if since_s is not None and mtime_ms // 1000 <= since_s:
            return Verdict.NOT_MODIFIED
    return Verdict.SEND


def matches_etag(header: str, etag: str) -> bool:
    """Tell whether the ETag list `header` (or `*`) names `etag`, given without quotes.

    Tags without quotes and weak ones are taken too: clients send both.
    """
    for candidate in header.split(","):
        tag = candidate.strip()
        if tag == "*" or tag.removeprefix("W/").strip('"') == etag:
            return True
    return False


def parse_date(header: str | None) -> int | None:
    """Return the HTTP date `header` in seconds since 1970; None if it is none."""
    if header is None:
        return None
    try:
        return int(parsedate_to_datetime(header).timestamp())
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=1024)
def show_date(seconds: int) -> str:
    """Return a time as HTTP writes it."""
    return formatdate(seconds, usegmt=True)
