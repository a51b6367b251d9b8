"""From buckets and keys to repositories, refs and paths.

    bucket REPO,     key REF/PATH   the object PATH at REF
    bucket REPO.REF, key PATH       the same, for tools that want the ref out of keys

Repository names have no dots, so the first dot divides them. Nothing is normalised.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from ..repository.paths import PATH_BYTES_MAX, encode_path
from .errors import S3Error


class Level(Enum):
    """What the path of a request names."""

    ROOT = "root"
    BUCKET = "bucket"
    OBJECT = "object"


class Bucket(Struct, frozen=True, gc=False):
    """A bucket as this gateway reads its name."""

    name: str
    repository: str
    ref: str | None
    """The ref expression in the name; None: keys begin with it."""

    @classmethod
    def parse(cls, name: str) -> Bucket:
        """Return what the bucket `name` means."""
        repository, dot, ref = name.partition(".")
        return cls(name, repository, ref if dot else None)


class Address(Struct, frozen=True, gc=False):
    """Where a request goes."""

    level: Level
    bucket: Bucket | None
    """None at the root."""
    key: str
    """As the client wrote it; empty but for objects."""


class ObjectName(Struct, frozen=True, gc=False):
    """An object as the engine names it."""

    repository: str
    ref: str
    path: bytes
    """Empty if the key is a ref alone, with or without its slash."""
    is_ref_alone: bool = False
    """The key has no slash: it names a ref and nothing in it."""


def split_path(path: str) -> Address:
    """Return where the decoded path of a request goes.

    Raises:
        S3Error: the path is no bucket and key.
    """
    name, slash, key = path[1:].partition("/")
    if not name:
        if slash:
            raise S3Error("InvalidURI", "the request path has an empty bucket name")
        return Address(Level.ROOT, None, "")
    level = Level.OBJECT if key else Level.BUCKET
    return Address(level, Bucket.parse(name), key)


def name_object(bucket: Bucket, key: str) -> ObjectName:
    """Return the object that `key` of `bucket` names.

    Raises:
        S3Error: the path is longer than 1,024 bytes.
        InvalidPathError: it has a NUL.
    """
    if bucket.ref is not None:
        return ObjectName(bucket.repository, bucket.ref, encode_key(key))
    ref, slash, path = key.partition("/")
    return ObjectName(bucket.repository, ref, encode_key(path), is_ref_alone=not slash)


def encode_key(text: str) -> bytes:
    """Return the path in a key, or the beginning of one, as bytes.

    Raises:
        S3Error: it is longer than 1,024 bytes.
        InvalidPathError: it has a NUL.
    """
    if len(text) > PATH_BYTES_MAX or (
        not text.isascii() and len(text.encode()) > PATH_BYTES_MAX
    ):
        raise S3Error(
            "KeyTooLongError",
            "your key is too long",
            MaxSizeAllowed=str(PATH_BYTES_MAX),
        )
    return encode_path(text)
