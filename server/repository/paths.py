"""Object paths: how they come in and go out."""

from __future__ import annotations

from ..errors import InvalidPathError

PATH_BYTES_MAX = 1024


def check_path(text: str) -> bytes:
    """Return the path `text` as bytes.

    A path is an opaque name: `//`, `..`, a slash at either end are all legal.

    Raises:
        InvalidPathError: it is empty, over 1,024 bytes, not UTF-8, or has a NUL.
    """
    path = encode_path(text)
    if not path:
        raise InvalidPathError("path is empty: name an object", value=text)
    return path


def encode_path(text: str) -> bytes:
    """Return a path or the beginning of one, which may be empty, as bytes.

    Raises:
        InvalidPathError: it is over 1,024 bytes, not UTF-8, or has a NUL.
    """
    try:
        path = text.encode()
    except UnicodeEncodeError:
        raise InvalidPathError(
            f"path {text[:80]!r} is not valid UTF-8", value=text
        ) from None
    if len(path) > PATH_BYTES_MAX:
        raise InvalidPathError(
            f"path is {len(path)} bytes long: the limit is {PATH_BYTES_MAX}", value=text
        )
    if b"\0" in path:
        raise InvalidPathError(f"path {text[:80]!r} has a NUL character", value=text)
    return path


def show_path(path: bytes) -> str:
    """Return `path` as text, for messages and answers."""
    return path.decode(errors="replace")
