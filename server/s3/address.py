"""From hosts, buckets and keys to repositories, refs and paths.

    bucket REPO,     key REF/PATH   the object PATH at REF
    bucket REPO.REF, key PATH       the same, for tools that want the ref out of keys
    on a flat listener:
    bucket REPO,     key PATH       the object PATH at the ref of the listener

Repository names have no dots, so the first dot divides them. Nothing is normalised. A
bucket stands in the path, or before the domain in the host: each request is read in one
of the two ways, which its host alone decides, and the host is signed. The listener is not,
so each refuses hosts with the port of another that reads buckets differently: what was
signed for the one must not be something else to the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from aiohttp import hdrs
from msgspec import Struct

from ..auth.sigv4 import Headers
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
    """The ref expression of all its keys; None: keys begin with it."""


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


_PORT = re.compile(r":([0-9]*)\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Addressing:
    """How a listener reads what a request goes to."""

    domains: tuple[str, ...] = ()
    """Lower case, the longest first. Below one of them a host begins with a bucket."""
    flat_ref: str | None = None
    """The ref of every bucket, and buckets are repositories; None: see above."""
    foreign_ports: frozenset[str] = frozenset()
    """Ports of listeners of this server that read buckets differently."""

    def parse_bucket(self, name: str) -> Bucket:
        """Return what the bucket `name` means: that of a request, or of a copy source."""
        if self.flat_ref is not None:
            return Bucket(name, name, self.flat_ref)
        repository, dot, ref = name.partition(".")
        return Bucket(name, repository, ref if dot else None)

    def find_bucket_of_host(self, host: str) -> str | None:
        """Return the name of the bucket that `host` begins with; None: it names none.

        Hosts have no case, so what is found is lower case, and is looked up like that.
        """
        if not self.domains:
            return None
        host = _PORT.sub("", host).removesuffix(".").lower()
        for domain in self.domains:
            if host == domain:
                return None
            if host.endswith("." + domain):
                return host[: -len(domain) - 1]
        return None

    def locate(self, path: str, host: str) -> Address:
        """Return where a request goes.

        Args:
            path: of the request, decoded.
            host: as the client wrote and signed it.

        Raises:
            S3Error: they are no bucket and key, or meant for another listener.
        """
        if self.foreign_ports:
            port = _PORT.search(host)
            if port is not None and port[1] in self.foreign_ports:
                raise S3Error(
                    "InvalidRequest",
                    f"the request is for port {port[1]}, where buckets and keys mean "
                    "something else: send it there",
                )
        name = self.find_bucket_of_host(host)
        if name is None:
            name, slash, key = path[1:].partition("/")
            if not name and not slash:
                return Address(Level.ROOT, None, "")
        else:
            key = path[1:]
        if not name:
            raise S3Error("InvalidURI", "the request has an empty bucket name")
        level = Level.OBJECT if key else Level.BUCKET
        return Address(level, self.parse_bucket(name), key)


PATH_STYLE = Addressing()


def read_host(headers: Headers) -> str:
    """Return the host that a request names.

    Raises:
        S3Error: it names several.
    """
    hosts = headers.getall(hdrs.HOST, ())
    if len(hosts) > 1:
        raise S3Error("InvalidRequest", "a request names its host once")
    return hosts[0] if hosts else ""


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
