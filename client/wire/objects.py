"""Bodies of objects."""

from __future__ import annotations

import msgspec

from .body import Body, RequestBody
from .history import PathType


class ObjectStats(Body, frozen=True, kw_only=True):
    """An object, or in a listing with a delimiter a common prefix."""

    path: str
    path_type: PathType
    physical_address: str
    """An opaque name; empty for a prefix."""
    checksum: str
    """The ETag: MD5 in hex if the object came in one piece. Empty for a prefix."""
    mtime: int
    size_bytes: int | None = None
    metadata: dict[str, str] | None = None
    content_type: str | None = None
    physical_address_expiry: int | None = None


class ObjectCopy(RequestBody, frozen=True, kw_only=True):
    """The object to copy to the path that the query names as `dest_path`."""

    src_path: str
    src_ref: str | None = None
    """None: the branch that is written to."""
    force: bool = False
    shallow: bool = False


class ObjectMove(RequestBody, frozen=True, kw_only=True):
    """An object, or everything below a prefix, to be called something else. Ours."""

    src_path: str
    dst_path: str
    recursive: bool = False
    """Both are prefixes: every path below the one goes below the other, all at once."""


class ObjectMoveResult(Body, frozen=True, kw_only=True):
    """How many objects a move gave a new path."""

    moved: int


class PathList(RequestBody, frozen=True, kw_only=True):
    """Paths to delete."""

    paths: list[str]


class ObjectLink(RequestBody, frozen=True, kw_only=True):
    """An object that is to be at another path too. Ours."""

    src_path: str
    dst_path: str


class ObjectLinks(RequestBody, frozen=True, kw_only=True):
    """Objects of one ref to copy at once. Ours."""

    links: list[ObjectLink]
    src_ref: str | None = None
    """None: the branch that is written to."""
    if_absent: bool = False
    """What is there is kept."""


class BundleResult(Body, frozen=True, kw_only=True):
    """What became of the objects of a bundle, or of links. Ours."""

    staged: int
    kept: list[str] = msgspec.field(default_factory=list[str])
    """Paths where something was, which `if_absent` leaves as it is."""


class BundleWish(RequestBody, frozen=True, kw_only=True):
    """Objects that are to be read together: by path, or all below a prefix. Ours."""

    paths: list[str] | None = None
    prefix: str | None = None
    after: str = ""
    """With a prefix: only what comes behind this path."""


class ObjectError(Body, frozen=True, kw_only=True):
    """What went wrong with one path of a batch."""

    status_code: int
    message: str
    path: str | None = None


class ObjectErrorList(Body, frozen=True, kw_only=True):
    """What went wrong in a batch; empty if nothing did."""

    errors: list[ObjectError]


class UserMetadata(RequestBody, frozen=True, kw_only=True):
    """User metadata to give to an object in place of what it has."""

    set: dict[str, str]


class UnderlyingProperties(Body, frozen=True, kw_only=True):
    """What the backend says of an object."""

    storage_class: str | None = None


class Proof(Body, frozen=True, kw_only=True):
    """What shows which object is at a path of a commit, or that there is none. Ours.

    Bytes are base64. What is checked, and how, is in `docs/format/proof.md`.
    """

    version: int
    """1."""
    commit_id: str
    path: str
    commit: bytes
    """Canonical bytes of the commit."""
    nodes: list[bytes]
    """Canonical bytes of the nodes from the root down to where the path would be."""


class Du(Body, frozen=True, kw_only=True):
    """How much lies below a prefix. Ours."""

    prefix: str
    object_count: int
    size_bytes: int


class StatItem(RequestBody, frozen=True, kw_only=True):
    """A prefix at a ref, to be measured. Ours."""

    ref: str
    prefix: str = ""


class BatchStat(RequestBody, frozen=True, kw_only=True):
    """Prefixes to be measured at once, at whatever refs. Ours."""

    items: list[StatItem]
    """At most 1,000."""


class Measured(Body, frozen=True, kw_only=True):
    """How much lies below a prefix at a ref, or why that is not said. Ours."""

    ref: str
    prefix: str
    object_count: int | None = None
    size_bytes: int | None = None
    code: str | None = None
    """Of the error, if there is one: then the numbers are left out."""
    message: str | None = None


class BatchStatResult(Body, frozen=True, kw_only=True):
    """What was measured, in the order of the request. Ours."""

    results: list[Measured]
