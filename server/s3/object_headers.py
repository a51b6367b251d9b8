"""What a client says of an object beside its bytes, in and out of headers.

Values come in as UTF-8 or RFC 2047 and go out as RFC 2047 where they are not ASCII,
because clients read headers as Latin-1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.header import Header, decode_header
from functools import lru_cache
from urllib.parse import parse_qsl

from ..auth.sigv4 import Headers
from ..errors import MetadataTooLargeError
from ..tree.entry import Entry
from ..tree.extra import Extra, decode_extra
from .call import invalid_argument
from .errors import S3Error

PRIVATE_ACLS = frozenset({"private", "bucket-owner-full-control"})
"""Canned ACLs that say what is the case; AWS takes both where ACLs are off."""
STANDARD = "STANDARD"
STORAGE_CLASSES = frozenset(
    {
        "GLACIER_IR",
        "INTELLIGENT_TIERING",
        "ONEZONE_IA",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
    }
)
"""Kept as labels and given back; the bytes lie where all lie. AWS's other classes promise
what clients act upon, such as that an object must be restored before it can be read."""
METADATA_PREFIX = "x-amz-meta-"
DEFAULT_CONTENT_TYPE = "binary/octet-stream"

METADATA_BYTES_MAX = 2 * 1024
"""Names and values of user metadata together; AWS's figure."""
VALUE_CHARS_MAX = 2 * 1024
"""Longest value of a system header; with all of them an entry's extras stay below
their own limit but for absurd combinations, which are refused there."""
TAGS_MAX, TAG_NAME_CHARS_MAX, TAG_VALUE_CHARS_MAX = 10, 128, 256

_LINE_CHARS_MAX = 16 * METADATA_BYTES_MAX
"""More than any value takes when encoded: headers are never folded."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
"""What a header can be called; REST takes any name of metadata."""

_KEPT = {
    "cache_control": "Cache-Control",
    "content_disposition": "Content-Disposition",
    "content_encoding": "Content-Encoding",
    "content_language": "Content-Language",
    "content_type": "Content-Type",
    "expires": "Expires",
    "website_redirect": "x-amz-website-redirect-location",
}
OVERRIDES = {
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
    "response-content-language": "Content-Language",
    "response-content-type": "Content-Type",
    "response-expires": "Expires",
}
"""Parameters of a signed GET that replace headers of its answer."""


def read_extra(headers: Headers) -> Extra | None:
    """Return what the headers of an upload say of the object; None if nothing.

    Raises:
        S3Error: a value cannot be kept.
        MetadataTooLargeError: the user metadata is over its limit.
    """
    kept: dict[str, str] = {}
    for field, name in _KEPT.items():
        value = headers.get(name)
        if value:
            if len(value) > VALUE_CHARS_MAX:
                raise invalid_argument(
                    name, value, f"it must be at most {VALUE_CHARS_MAX} characters"
                )
            kept[field] = _read_value(name, value)
    if "content_encoding" in kept:
        kept["content_encoding"] = _without_chunking(kept["content_encoding"])
    storage_class = _read_storage_class(headers.get("x-amz-storage-class"))
    if storage_class:
        kept["storage_class"] = storage_class
    metadata = _read_metadata(headers)
    tags = read_tags(headers.get("x-amz-tagging", ""))
    if not metadata and not tags and not any(kept.values()):
        return None
    return Extra(user_metadata=metadata, tags=tags, **kept)


def _read_storage_class(text: str | None) -> str:
    """Return the label to keep; empty for the usual one.

    Raises:
        S3Error: it is none, or promises what we do not do.
    """
    if text is None or text == STANDARD:
        return ""
    if text not in STORAGE_CLASSES:
        raise S3Error(
            "InvalidStorageClass",
            "the storage class you specified is not valid: use one of "
            f"{STANDARD}, {', '.join(sorted(STORAGE_CLASSES))}",
        )
    return text


def storage_class_of(entry: Entry) -> str:
    """Return the storage class that `entry` is labelled with."""
    # Pages have a thousand entries, nearly all without one: the bytes tell quickly.
    if b"storage_class" not in entry.extra:
        return STANDARD
    return decode_extra(entry.extra).storage_class or STANDARD


def _read_metadata(headers: Headers) -> dict[str, str]:
    metadata: dict[str, str] = {}
    size_bytes = 0
    for name, value in headers.items():
        lowered = name.lower()
        if not lowered.startswith(METADATA_PREFIX):
            continue
        key = lowered[len(METADATA_PREFIX) :]
        if not key:
            raise invalid_argument(name, value, "the name is empty")
        value = _read_value(name, value)
        # A header that comes twice is one list.
        metadata[key] = f"{metadata[key]},{value}" if key in metadata else value
        size_bytes += len(key) + len(value.encode())
    if size_bytes > METADATA_BYTES_MAX:
        raise MetadataTooLargeError(
            "metadata",
            "your metadata headers exceed the maximum allowed metadata size of "
            f"{METADATA_BYTES_MAX} bytes",
        )
    return metadata


def read_tags(text: str) -> dict[str, str]:
    """Return the tags in `text`, which is written like a query.

    Raises:
        S3Error: there are too many, too long ones, or one comes twice.
    """
    if not text:
        return {}
    try:
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=TAGS_MAX,
        )
    except ValueError:
        pairs = []
    if not pairs:
        raise _refuse_tags()
    return check_tags(pairs)


def check_tags(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the tags that `pairs` are.

    Raises:
        S3Error: there are too many, too long ones, or one comes twice.
    """
    tags = dict(pairs)
    if (
        len(pairs) > TAGS_MAX
        or len(tags) != len(pairs)
        or any(
            not 1 <= len(name) <= TAG_NAME_CHARS_MAX
            or len(value) > TAG_VALUE_CHARS_MAX
            or not (name + value).isprintable()
            for name, value in pairs
        )
    ):
        raise _refuse_tags()
    return tags


def _refuse_tags() -> S3Error:
    return S3Error(
        "InvalidTag",
        f"tags must be up to {TAGS_MAX} different names of up to "
        f"{TAG_NAME_CHARS_MAX} characters with values of up to "
        f"{TAG_VALUE_CHARS_MAX}",
    )


def _read_value(name: str, value: str) -> str:
    if "=?" in value:
        value = _decode_rfc2047(value)
    if not value.isprintable():
        # Bytes that are no UTF-8 arrive as surrogates, which are not printable either.
        shown = value.encode("ascii", "replace").decode()
        raise invalid_argument(name, shown, "it must be printable UTF-8 or RFC 2047")
    return value


def _decode_rfc2047(value: str) -> str:
    try:
        return "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "ascii")
            for piece, charset in decode_header(value)
        )
    except (ValueError, LookupError):
        return value


def _without_chunking(encoding: str) -> str:
    tokens = [token.strip() for token in encoding.split(",")]
    return ",".join(token for token in tokens if token.lower() != "aws-chunked")


@lru_cache(maxsize=256)
def show_extra(data: bytes) -> tuple[tuple[str, str], ...]:
    """Return the headers that say the extras `data` of an entry."""
    if not data:
        return (("Content-Type", DEFAULT_CONTENT_TYPE),)
    extra = decode_extra(data)
    headers = {"Content-Type": DEFAULT_CONTENT_TYPE}
    for field, name in _KEPT.items():
        value: str = getattr(extra, field)
        if value:
            headers[name] = _encode(value)
    missing = 0
    for key, value in extra.user_metadata.items():
        if _HEADER_NAME.fullmatch(key) and value.isprintable():
            headers[METADATA_PREFIX + key] = _encode(value)
        else:
            missing += 1
    if missing:
        headers["x-amz-missing-meta"] = str(missing)
    if extra.storage_class:
        headers["x-amz-storage-class"] = extra.storage_class
    if extra.tags:
        headers["x-amz-tagging-count"] = str(len(extra.tags))
    return tuple(headers.items())


def _encode(value: str) -> str:
    if value.isascii():
        return value
    return Header(value, "utf-8", maxlinelen=_LINE_CHARS_MAX).encode()
