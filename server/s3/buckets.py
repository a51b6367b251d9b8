"""What many operations ask of a bucket, which is a repository, or one ref of one."""

from __future__ import annotations

from datetime import UTC, datetime

from ..repository.resolving import get_repository, resolve_in
from .address import Bucket
from .call import Call
from .xml import Element


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
