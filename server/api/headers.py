"""Headers of requests that write: conditions, metadata of the object, idempotency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import hdrs
from lakebed.client.wire.routes import IDEMPOTENCY_HEADER, USER_METADATA_HEADER
from multidict import CIMultiDictProxy

from ..errors import InvalidValueError
from ..repository.objects import Condition
from ..tree.extra import Extra
from .shapes import DEFAULT_CONTENT_TYPE


@dataclass(frozen=True, slots=True)
class Header:
    """A header of requests, as the documents tell of it."""

    name: str
    description: str


WRITE_CONDITIONS = (
    Header("If-Match", "Write only if the object has this ETag; else 412."),
    Header("If-None-Match", "`*`: write only if there is no object yet; else 412."),
)
"""What `read_condition` reads."""
READ_CONDITIONS = (
    Header("Range", "One range of bytes, `bytes=0-99`: answered with 206, or 416."),
    Header("If-Range", "An ETag or a date: the range counts only if it holds."),
    Header("If-Match", "ETags of which the object must have one; else 412."),
    Header("If-None-Match", "ETags of which the object must have none; else 304."),
    Header("If-Modified-Since", "A date: 304 if nothing was written since."),
    Header("If-Unmodified-Since", "A date: 412 if something was written since."),
)
"""What `send_located` reads."""
CHANGE_CONDITIONS = (Header("If-Match", "Change only what has this ETag; else 412."),)
IDEMPOTENCY_KEY = Header(
    IDEMPOTENCY_HEADER,
    "Sent again with the same key, the request gets the first answer and does nothing. "
    "1 to 255 printable characters, kept for a day.",
)

VALUE_CHARS_MAX = 2048
"""Longest value of one header that we keep: as much as all user metadata in S3."""
IDEMPOTENCY_KEY_CHARS_MAX = 255


def check_text(name: str, value: str) -> str:
    """Return the header `value` if it is text that we can keep and give back.

    Raises:
        InvalidValueError: it is not UTF-8, too long, or has control characters.
    """
    if len(value) > VALUE_CHARS_MAX:
        raise InvalidValueError(
            name, f"header '{name[:80]}' is over {VALUE_CHARS_MAX} characters"
        )
    if any("\udc80" <= character <= "\udcff" for character in value):
        # That is how bytes arrive that are no UTF-8.
        raise InvalidValueError(name, f"header '{name[:80]}' is not UTF-8")
    if not value.isprintable():
        raise InvalidValueError(
            name, f"header '{name[:80]}' has characters that cannot be printed"
        )
    return value


def read_condition(headers: CIMultiDictProxy[str]) -> Condition | None:
    """Return the condition that a write carries, or None.

    Raises:
        InvalidValueError: it is one that we cannot keep: both at once, a list of ETags,
            `If-None-Match` of anything but `*`. To pass over it would be to overwrite
            what the client wanted to protect.
    """
    if_match = headers.getall(hdrs.IF_MATCH, [])
    if_none_match = headers.getall(hdrs.IF_NONE_MATCH, [])
    if not if_match and not if_none_match:
        return None
    if len(if_match) + len(if_none_match) > 1:
        raise InvalidValueError(
            "If-Match", "a write takes one of 'If-Match' and 'If-None-Match', once"
        )
    if if_none_match:
        if if_none_match[0].strip() != "*":
            raise InvalidValueError(
                "If-None-Match", "a write takes 'If-None-Match' of '*' only"
            )
        return Condition(must_be_absent=True)
    etag = if_match[0].strip()
    if "," in etag or etag.startswith("W/"):
        raise InvalidValueError(
            "If-Match", "a write takes one strong ETag in 'If-Match'"
        )
    return Condition(etag=check_text("If-Match", etag.strip('"')))


def read_extra(
    headers: CIMultiDictProxy[str], content_type: str | None
) -> Extra | None:
    """Return what an upload says of its object beside the bytes; None if nothing.

    Raises:
        InvalidValueError: a value cannot be kept, or a name comes twice.
    """
    metadata: dict[str, str] = {}
    for name, value in headers.items():
        lowered = name.lower()
        if not lowered.startswith(USER_METADATA_HEADER):
            continue
        key = lowered[len(USER_METADATA_HEADER) :]
        if not key or key in metadata:
            raise InvalidValueError(
                name, f"header '{name[:80]}' is empty or given twice"
            )
        metadata[key] = check_text(name, value)
    content_type = check_text(hdrs.CONTENT_TYPE, content_type or "")
    if content_type == DEFAULT_CONTENT_TYPE:
        # What HTTP libraries say where they know nothing, and what we say in that case:
        # kept, it would make equal objects of two clients differ.
        content_type = ""
    encoding = headers.get(hdrs.CONTENT_ENCODING, "")
    check_text(hdrs.CONTENT_ENCODING, encoding)
    if not metadata and not content_type and not encoding:
        return None
    return Extra(
        content_type=content_type, content_encoding=encoding, user_metadata=metadata
    )


def read_idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the key under which a repeated request is known, or None.

    Raises:
        InvalidValueError: it is empty, too long or has odd characters.
    """
    key = headers.get(IDEMPOTENCY_HEADER)
    if key is None:
        return None
    if not key or len(key) > IDEMPOTENCY_KEY_CHARS_MAX or not key.isprintable():
        raise InvalidValueError(
            IDEMPOTENCY_HEADER,
            f"idempotency key must be 1 to {IDEMPOTENCY_KEY_CHARS_MAX} printable "
            "characters",
        )
    return key
