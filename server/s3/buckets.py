"""What many operations ask of a bucket, which is a repository, or one ref of one."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

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
    seconds, rest_ms = divmod(time_ms, 1000)
    return f"{_show_second(seconds)}.{rest_ms:03d}Z"


@lru_cache(maxsize=1024)
def _show_second(seconds: int) -> str:
    """Return a second: what is written together mostly lies within few of them."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


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
