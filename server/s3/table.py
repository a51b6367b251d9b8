"""Every operation of the gateway: what selects it, who may, what it takes.

A request is one of these operations or 501 NotImplemented. An operation names all the
parameters it takes, so that a sub-resource that is not built never falls through to the
plain operation: `DELETE /bucket/key?tagging` must not delete the object. The same holds
for `x-amz-` headers: one that asks for what we do not do is refused, never passed over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web

from ..auth.authorize import Permission
from ..auth.requirements import ForEach, SignedIn
from . import (
    access_lists,
    attributes,
    bucket_life,
    completing,
    copying,
    deleting,
    listing_v1,
    listing_v2,
    listing_versions,
    multipart,
    part_copying,
    reading,
    tagging,
    upload_listings,
    writing,
)
from .address import Level
from .call import Call
from .checksums import NAMED_HEADER, VALUE_HEADERS
from .object_headers import OVERRIDES
from .sub_resources import (
    OBJECT_LOCKS,
    answers_of_buckets,
    refuse_object_lock,
)

Handler = Callable[[Call], Awaitable[web.StreamResponse]]

Requirement: TypeAlias = Permission | SignedIn | ForEach


@dataclass(frozen=True, slots=True)
class Operation:
    """A row of the table."""

    name: str
    method: str
    level: Level
    requirement: Requirement
    """What the caller must be: a permission is asked for the repository and ref."""
    handler: Handler
    sub_resource: str | None = None
    """The parameter that selects it; None: the plain operation."""
    parameters: frozenset[str] = frozenset()
    """What else it takes."""
    headers: frozenset[str] = frozenset()
    """`x-amz-` headers that it heeds, beside `COMMON_HEADERS`."""
    takes_metadata: bool = False
    """It heeds `x-amz-meta-`."""
    header: str | None = None
    """The header that selects it among those of the same parameter."""


_HOISTED = VALUE_HEADERS | {NAMED_HEADER, "x-amz-checksum-mode"}
"""What SDKs write from headers into the URLs that they presign. AWS passes over it there:
at that time nobody knows the bytes, and the sum is that of none."""

COMMON_PARAMETERS = frozenset(
    {
        "x-id",  # SDKs repeat the operation's name in it
        "X-Amz-Algorithm",
        "X-Amz-Content-Sha256",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
        *_HOISTED,
        *("-".join(map(str.capitalize, name.split("-"))) for name in _HOISTED),
    }
)
"""Of every request: signatures, and what changes nothing."""

COMMON_HEADERS = frozenset(
    {
        "x-amz-api-version",
        "x-amz-checksum-mode",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-decoded-content-length",
        "x-amz-request-payer",  # nobody pays
        "x-amz-trailer",
        "x-amz-user-agent",
    }
)

_VERSION = frozenset({"versionId"})
_READ = _VERSION | {"partNumber"} | frozenset(OVERRIDES)
_PAGE = frozenset({"delimiter", "encoding-type", "max-keys", "prefix"})
_LIST_V1 = _PAGE | {"marker"}
_LIST_V2 = _PAGE | {"continuation-token", "fetch-owner", "start-after"}
_LIST_VERSIONS = _PAGE | {"key-marker", "version-id-marker"}
_LISTED = frozenset({"x-amz-optional-object-attributes"})
"""Asks for the state of restored objects, of which there are none."""
_DOCUMENT = VALUE_HEADERS | {NAMED_HEADER}
"""Of an operation with a body."""
_PUT = _DOCUMENT | {
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
}

_SOURCE = frozenset(
    {
        "x-amz-copy-source",
        "x-amz-copy-source-if-match",
        "x-amz-copy-source-if-modified-since",
        "x-amz-copy-source-if-none-match",
        "x-amz-copy-source-if-unmodified-since",
    }
)
_COPY = _SOURCE | frozenset(
    {
        "x-amz-checksum-algorithm",
        "x-amz-metadata-directive",
        "x-amz-storage-class",
        "x-amz-tagging",
        "x-amz-tagging-directive",
        "x-amz-website-redirect-location",
    }
)

_UPLOAD = frozenset(
    {
        "x-amz-checksum-algorithm",
        "x-amz-checksum-type",
        "x-amz-storage-class",
        "x-amz-tagging",
        "x-amz-website-redirect-location",
    }
)
_PART = frozenset({"partNumber"})

READ, WRITE, ADMIN = Permission.READ, Permission.WRITE, Permission.ADMIN
ROOT, BUCKET, OBJECT = Level.ROOT, Level.BUCKET, Level.OBJECT

TABLE: tuple[Operation, ...] = (
    Operation(
        "ListBuckets",
        "GET",
        ROOT,
        SignedIn(),
        bucket_life.list_buckets,
        parameters=frozenset(
            {"bucket-region", "continuation-token", "max-buckets", "prefix"}
        ),
    ),
    Operation(
        "CreateBucket",
        "PUT",
        BUCKET,
        ADMIN,
        bucket_life.create_bucket,
        headers=_DOCUMENT
        | {"x-amz-bucket-object-lock-enabled", "x-amz-object-ownership"},
    ),
    Operation("DeleteBucket", "DELETE", BUCKET, ADMIN, bucket_life.delete_bucket),
    Operation("HeadBucket", "HEAD", BUCKET, READ, bucket_life.head_bucket),
    Operation(
        "GetBucketLocation", "GET", BUCKET, READ, bucket_life.get_location, "location"
    ),
    *(
        Operation(name, "GET", BUCKET, READ, handler, sub_resource, parameters)
        for name, sub_resource, handler, parameters in answers_of_buckets()
    ),
    *(
        Operation(name, "GET", OBJECT, READ, refuse_object_lock, sub_resource, _VERSION)
        for sub_resource, name in OBJECT_LOCKS.items()
    ),
    Operation(
        "ListObjectsV2",
        "GET",
        BUCKET,
        READ,
        listing_v2.list_objects_v2,
        "list-type",
        _LIST_V2,
        _LISTED,
    ),
    Operation(
        "ListObjects",
        "GET",
        BUCKET,
        READ,
        listing_v1.list_objects,
        None,
        _LIST_V1,
        _LISTED,
    ),
    Operation(
        "ListObjectVersions",
        "GET",
        BUCKET,
        READ,
        listing_versions.list_versions,
        "versions",
        _LIST_VERSIONS,
        _LISTED,
    ),
    Operation("GetObject", "GET", OBJECT, READ, reading.read, None, _READ),
    Operation("HeadObject", "HEAD", OBJECT, READ, reading.read, None, _READ),
    Operation(
        "PutObject",
        "PUT",
        OBJECT,
        WRITE,
        writing.put,
        headers=_PUT,
        takes_metadata=True,
    ),
    Operation(
        "CopyObject",
        "PUT",
        OBJECT,
        WRITE,
        copying.copy,
        header="x-amz-copy-source",
        headers=_COPY,
        takes_metadata=True,
    ),
    Operation(
        "GetObjectAttributes",
        "GET",
        OBJECT,
        READ,
        attributes.get_attributes,
        "attributes",
        _VERSION,
        frozenset(
            {
                "x-amz-max-parts",
                "x-amz-object-attributes",
                "x-amz-part-number-marker",
            }
        ),
    ),
    Operation(
        "GetObjectTagging",
        "GET",
        OBJECT,
        READ,
        tagging.get_tags,
        "tagging",
        _VERSION,
    ),
    Operation(
        "PutObjectTagging",
        "PUT",
        OBJECT,
        WRITE,
        tagging.put_tags,
        "tagging",
        _VERSION,
        _DOCUMENT,
    ),
    Operation(
        "DeleteObjectTagging",
        "DELETE",
        OBJECT,
        WRITE,
        tagging.delete_tags,
        "tagging",
        _VERSION,
    ),
    Operation(
        "GetObjectAcl",
        "GET",
        OBJECT,
        READ,
        access_lists.get_object_acl,
        "acl",
        _VERSION,
    ),
    Operation(
        "PutObjectAcl",
        "PUT",
        OBJECT,
        WRITE,
        access_lists.put_object_acl,
        "acl",
        _VERSION,
        _DOCUMENT | {"x-amz-acl"},
    ),
    Operation("GetBucketAcl", "GET", BUCKET, READ, access_lists.get_bucket_acl, "acl"),
    Operation(
        "PutBucketAcl",
        "PUT",
        BUCKET,
        ADMIN,
        access_lists.put_bucket_acl,
        "acl",
        headers=_DOCUMENT | {"x-amz-acl"},
    ),
    Operation(
        "DeleteObject",
        "DELETE",
        OBJECT,
        WRITE,
        deleting.delete,
        parameters=_VERSION,
    ),
    Operation(
        "CreateMultipartUpload",
        "POST",
        OBJECT,
        WRITE,
        multipart.create,
        "uploads",
        headers=_UPLOAD,
        takes_metadata=True,
    ),
    Operation(
        "UploadPart",
        "PUT",
        OBJECT,
        WRITE,
        multipart.upload_part,
        "uploadId",
        _PART,
        _DOCUMENT,
    ),
    Operation(
        "UploadPartCopy",
        "PUT",
        OBJECT,
        WRITE,
        part_copying.copy,
        "uploadId",
        _PART,
        _SOURCE | {"x-amz-copy-source-range"},
        header="x-amz-copy-source",
    ),
    Operation(
        "CompleteMultipartUpload",
        "POST",
        OBJECT,
        WRITE,
        completing.complete,
        "uploadId",
        headers=_DOCUMENT | {"x-amz-checksum-type", "x-amz-mp-object-size"},
    ),
    Operation(
        "AbortMultipartUpload", "DELETE", OBJECT, WRITE, multipart.abort, "uploadId"
    ),
    Operation(
        "ListParts",
        "GET",
        OBJECT,
        READ,
        upload_listings.list_parts,
        "uploadId",
        frozenset({"encoding-type", "max-parts", "part-number-marker"}),
    ),
    Operation(
        "ListMultipartUploads",
        "GET",
        BUCKET,
        READ,
        upload_listings.list_uploads,
        "uploads",
        frozenset(
            {
                "delimiter",
                "encoding-type",
                "key-marker",
                "max-uploads",
                "prefix",
                "upload-id-marker",
            }
        ),
    ),
    Operation(
        "DeleteObjects",
        "POST",
        BUCKET,
        ForEach(WRITE),
        deleting.delete_many,
        "delete",
        headers=_DOCUMENT,
    ),
)
