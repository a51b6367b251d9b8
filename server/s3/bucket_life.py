"""Buckets as a whole: list them, make one, look at it, remove it."""

from __future__ import annotations

from aiohttp import web

from ..errors import InvalidNameError, RepositoryInUseError
from ..refs.store import Repository
from ..repository.paging import PAGE_LIMIT_MAX
from ..repository.repositories import (
    create_repository,
    delete_unused_repository,
    list_repositories,
)
from .body import read_document_body, refuse_body
from .buckets import require_bucket, show_owner, show_time
from .call import Call, invalid_argument
from .errors import S3Error
from .listing import read_limit
from .page_token import PageToken
from .xml import Element
from .xml_input import DOCUMENT_BYTES_MAX, read_document

REGION_OF_NOWHERE = "us-east-1"
"""AWS writes this region as an empty element."""
BUCKETS_MAX = 10_000
"""Buckets of a page; AWS's figure. They take 2 MB."""
_OWNERSHIP = "x-amz-object-ownership"
_OBJECT_LOCK = "x-amz-bucket-object-lock-enabled"


async def list_buckets(call: Call) -> web.StreamResponse:
    """Answer with a page of the repositories that the caller may read."""
    get = call.parameters.get
    limit = read_limit(call, "max-buckets", BUCKETS_MAX)
    if not limit:
        raise invalid_argument("max-buckets", "0", "it must be 1 or more")
    prefix, token, region = (
        get("prefix", ""),
        get("continuation-token"),
        get("bucket-region"),
    )
    after: str | None = PageToken.decode(token).after if token else ""
    found: list[Repository] = []
    if region and region != call.gateway.settings.region:
        after = None
    while after is not None and len(found) < limit:
        page = await list_repositories(
            call.engine,
            prefix=prefix,
            after=after,
            limit=min(limit - len(found), PAGE_LIMIT_MAX),
            is_shown=lambda name: call.may_read(name, call.addressing.flat_ref),
        )
        found += page.items
        after = page.next_after
    elements: list[Element] = [
        ("Owner", show_owner(call)),
        ("Buckets", [("Bucket", _show_bucket(call, each)) for each in found]),
    ]
    if after is not None:
        elements.append(("ContinuationToken", PageToken(after).encode()))
    if prefix:
        elements.append(("Prefix", prefix))
    return call.answer_document("ListAllMyBucketsResult", elements)


def _show_bucket(call: Call, repository: Repository) -> list[Element]:
    return [
        ("Name", repository.name),
        ("CreationDate", show_time(repository.created_ms)),
        ("BucketRegion", call.gateway.settings.region),
    ]


async def create_bucket(call: Call) -> web.StreamResponse:
    """Create a repository with the branch `main`, or that of a flat listener."""
    name = call.get_bucket().name
    _check_options(call)
    await _check_document(call)
    try:
        await create_repository(
            call.engine,
            name,
            actor=call.verified.principal.name,
            default_branch=call.addressing.flat_ref or "main",
        )
    except InvalidNameError as error:
        raise S3Error("InvalidBucketName", str(error), BucketName=name) from error
    return call.answer_nothing(200, {"Location": f"/{name}"})


def _check_options(call: Call) -> None:
    """Return if the headers ask for a bucket as all are.

    Raises:
        S3Error: they ask for another.
    """
    headers = call.request.headers
    if headers.get(_OBJECT_LOCK, "false").lower() != "false":
        raise S3Error("NotImplemented", "object lock is not implemented")
    if headers.get(_OWNERSHIP, "BucketOwnerEnforced") != "BucketOwnerEnforced":
        raise S3Error(
            "NotImplemented",
            "object ownership other than 'BucketOwnerEnforced' is not implemented",
        )


async def _check_document(call: Call) -> None:
    data = await read_document_body(call, DOCUMENT_BYTES_MAX)
    if not data:
        return
    document = read_document(data, "CreateBucketConfiguration")
    region = call.gateway.settings.region
    wanted = document.find_text("LocationConstraint")
    if wanted and wanted.strip() not in (region, REGION_OF_NOWHERE):
        raise S3Error(
            "IllegalLocationConstraintException",
            f"the '{wanted[:60]}' location constraint is incompatible for the region "
            f"specific endpoint this request was sent to, which is '{region}'",
        )
    for name in ("Bucket", "Location", "Tags"):
        if any(any(child.children()) for child in document.children(name)):
            raise S3Error("NotImplemented", f"'{name}' of a bucket is not implemented")


async def delete_bucket(call: Call) -> web.StreamResponse:
    """Delete a repository that has no history and no objects."""
    await refuse_body(call)
    bucket = call.get_bucket()
    if bucket.ref is not None and call.addressing.flat_ref is None:
        raise S3Error(
            "MethodNotAllowed",
            f"cannot delete '{bucket.name}': it is one ref of a repository; delete "
            "branches with 'lakebed branch delete'",
        )
    try:
        await delete_unused_repository(call.engine, bucket.repository)
    except RepositoryInUseError as error:
        raise S3Error(
            "BucketNotEmpty",
            f"{error}; history goes only with 'lakebed repo delete'",
        ) from error
    return call.answer_nothing()


async def head_bucket(call: Call) -> web.StreamResponse:
    """Say that a bucket is there."""
    await require_bucket(call)
    region = call.gateway.settings.region
    return call.answer_nothing(200, {"x-amz-bucket-region": region})


async def get_location(call: Call) -> web.StreamResponse:
    """Answer with the region of a bucket."""
    await require_bucket(call)
    region = call.gateway.settings.region
    text = "" if region == REGION_OF_NOWHERE else region
    return call.answer_document("LocationConstraint", text)
