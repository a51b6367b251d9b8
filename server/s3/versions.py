"""Versions of an object: a commit id, or `null` for a change that is not committed."""

from __future__ import annotations

import re

from ..auth.authorize import Permission
from ..errors import ObjectNotFoundError
from ..repository.objects import Located, stat_object
from ..repository.paths import show_path
from .address import ObjectName
from .call import Call, invalid_argument
from .errors import S3Error

_COMMIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
STAGED = "null"
"""The version id of a change that is not committed."""


def check_version(version: str) -> str:
    """Return `version` if it has the form of a version id.

    Raises:
        S3Error: it has not.
    """
    if version != STAGED and not _COMMIT_ID.fullmatch(version):
        raise invalid_argument(
            "versionId", version, f"it must be a commit id or '{STAGED}'"
        )
    return version


def require_staged(version: str, way_out: str) -> None:
    """Return if `version` is one that can be changed.

    Raises:
        S3Error: it is a commit, or nothing.
    """
    if check_version(version) != STAGED:
        raise S3Error(
            "AccessDenied",
            f"cannot change version '{version}': a commit keeps what it has; {way_out}, "
            "without a version id",
        )


def show_version(located: Located) -> str:
    """Return the version id that says where an object was found."""
    return STAGED if located.commit_id is None else located.commit_id.hex()


async def find_version(call: Call, name: ObjectName, version: str | None) -> Located:
    """Return the object `name`, or what it is as of `version`.

    The caller was let in to the ref of `name`; a version is a ref of its own, and being
    let in to the one is not being let in to the other.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
        ObjectNotFoundError: there is no such object.
        PermissionDeniedError: the caller may not read that version.
        S3Error: `version` is none.
    """
    ref = name.ref
    if version and check_version(version) != STAGED:
        ref = version
        call.require(Permission.READ, name.repository, ref)
    if not name.path:
        raise ObjectNotFoundError(name.repository, ref, show_path(name.path))
    located = await stat_object(call.engine, name.repository, ref, name.path)
    if version == STAGED and located.commit_id is not None:
        raise S3Error("NoSuchVersion", "the object has no change that is not committed")
    return located
