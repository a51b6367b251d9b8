"""GetObject and HeadObject: which version, and the headers that S3 has for it."""

from __future__ import annotations

import re

from aiohttp import web

from ..errors import ObjectNotFoundError
from ..httprules.sending import send_object
from ..repository.objects import Located, stat_object
from ..repository.paths import show_path
from .call import Call, invalid_argument
from .errors import S3Error
from .object_headers import OVERRIDES, show_extra

_COMMIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
STAGED_VERSION = "null"
"""The version id of a change that is not committed."""


async def read(call: Call) -> web.StreamResponse:
    """Answer with an object, or some of it; without its bytes if the method is HEAD."""
    located = await _locate(call)
    headers = {
        "Server": "lakebed",
        "x-amz-request-id": call.request_id,
        "x-amz-version-id": (
            STAGED_VERSION if located.commit_id is None else located.commit_id.hex()
        ),
    }
    headers.update(show_extra(located.entry.extra))
    if call.parameters:
        _override(call, headers)
    return await send_object(
        call.engine,
        call.request,
        located.entry,
        headers,
        small_bytes_max=call.gateway.settings.small_body_bytes_max,
        log_fields={"request_id": call.request_id},
    )


async def _locate(call: Call) -> Located:
    name = call.get_object_name()
    version = call.parameters.get("versionId")
    ref = name.ref
    if version and version != STAGED_VERSION:
        if not _COMMIT_ID.fullmatch(version):
            raise invalid_argument("versionId", version, "it must be a commit id")
        ref = version
    if not name.path:
        raise ObjectNotFoundError(name.repository, ref, show_path(name.path))
    located = await stat_object(call.engine, name.repository, ref, name.path)
    if version == STAGED_VERSION and located.commit_id is not None:
        raise S3Error("NoSuchVersion", "the object has no change that is not committed")
    return located


def _override(call: Call, headers: dict[str, str]) -> None:
    for parameter, name in OVERRIDES.items():
        value = call.parameters.get(parameter)
        if value is None:
            continue
        if not (value.isascii() and value.isprintable()):
            raise invalid_argument(parameter, value, "it must be printable ASCII")
        headers[name] = value
