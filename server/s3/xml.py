"""Writes the XML documents of S3.

A document is a name and its content: text, or elements in order. All text is escaped
here and nowhere else. XML 1.0 cannot hold most control characters, not even escaped; in
a key they come back as U+FFFD unless the client asked for `encoding-type=url`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from ..httprules.sending import SANDBOX

DOCUMENT_HEADERS = {"Content-Type": "application/xml", **SANDBOX}
"""Headers of an answer with a document."""
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

Element = tuple[str, "str | Sequence[Element]"]
"""A name, and text or elements."""

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
"""How every document begins."""


def write_document(
    name: str, content: str | Sequence[Element], *, namespace: str = NAMESPACE
) -> bytes:
    """Return the document with the root element `name`."""
    attribute = f' xmlns="{namespace}"' if namespace else ""
    pieces = [HEAD, f"<{name}{attribute}>"]
    _write(pieces, content)
    pieces.append(f"</{name}>")
    return "".join(pieces).encode()


def _write(pieces: list[str], content: str | Sequence[Element]) -> None:
    if isinstance(content, str):
        pieces.append(_escape(content))
        return
    for name, inner in content:
        pieces.append(f"<{name}>")
        _write(pieces, inner)
        pieces.append(f"</{name}>")


def _escape(text: str) -> str:
    if text.isalnum():
        return text  # nothing to escape: most sizes, ids and words
    # A bare CR would be read back as a line feed.
    return _ILLEGAL.sub("\ufffd", escape(text)).replace("\r", "&#13;")
