"""Operations on buckets, which are repositories, or one ref of one."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from ..refs.store import Repository
from ..repository.paging import PAGE_LIMIT_MAX
from ..repository.repositories import list_repositories
from ..repository.resolving import get_repository, resolve_in
from .address import Bucket
from .call import Call
from .xml import Element

REGION_OF_NOWHERE = "us-east-1"
"""AWS writes this region as an empty element."""


async def list_buckets(call: Call) -> web.StreamResponse:
    """Answer with all repositories that the caller may read."""
    buckets: list[Element] = []
    after: str | None = ""
    while after is not None:
        page = await list_repositories(
            call.engine,
            after=after,
            limit=PAGE_LIMIT_MAX,
            is_shown=lambda name: call.may_read(name, call.addressing.flat_ref),
        )
        buckets += [("Bucket", _show_bucket(repository)) for repository in page.items]
        after = page.next_after
    return call.answer_document(
        "ListAllMyBucketsResult",
        [("Owner", show_owner(call)), ("Buckets", buckets)],
    )


def _show_bucket(repository: Repository) -> list[Element]:
    return [
        ("Name", repository.name),
        ("CreationDate", show_time(repository.created_ms)),
    ]


def show_owner(call: Call) -> list[Element]:
    """Return the elements that name an owner; here, whoever asks."""
    name = call.verified.principal.name
    return [("ID", name), ("DisplayName", name)]


def show_time(time_ms: int) -> str:
    """Return a time as S3 documents write it."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"


async def require_bucket(call: Call) -> Bucket:
    """Return the bucket of the request, if there is one of that name.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
    """
    bucket = call.get_bucket()
    repository = await get_repository(call.engine, bucket.repository)
    if bucket.ref is not None:
        await resolve_in(call.engine, repository, bucket.ref)
    return bucket


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


async def get_versioning(call: Call) -> web.StreamResponse:
    """Answer that S3's own versioning is off: ours is in refs."""
    await require_bucket(call)
    return call.answer_document("VersioningConfiguration", [])
