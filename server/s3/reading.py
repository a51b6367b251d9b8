"""GetObject and HeadObject: which version, and the headers that S3 has for it."""

from __future__ import annotations

from aiohttp import web

from ..httprules.sending import send_object
from ..tree.entry import Entry
from .call import Call, invalid_argument
from .checksums import StoredChecksum
from .object_headers import OVERRIDES, show_extra
from .versions import find_version, show_version

_MODE_HEADER = "x-amz-checksum-mode"


async def read(call: Call) -> web.StreamResponse:
    """Answer with an object, or some of it; without its bytes if the method is HEAD."""
    located = await find_version(
        call, call.get_object_name(), call.parameters.get("versionId")
    )
    headers = call.base_headers()
    headers["x-amz-version-id"] = show_version(located)
    headers.update(show_extra(located.entry.extra))
    if call.parameters:
        _override(call, headers)
    return await send_object(
        call.engine,
        call.request,
        located.entry,
        headers,
        small_bytes_max=call.gateway.settings.small_body_bytes_max,
        whole_headers=_show_checksum(call, located.entry),
        log_fields={"request_id": call.request_id},
    )


def _show_checksum(call: Call, entry: Entry) -> dict[str, str] | None:
    """Return the headers of the checksum of `entry`, if the client wants it.

    Never with a range: SDKs compare it with the bytes that come.
    """
    if not entry.checksums or _MODE_HEADER not in call.request.headers:
        return None
    mode = call.request.headers[_MODE_HEADER]
    if mode.upper() != "ENABLED":
        raise invalid_argument(_MODE_HEADER, mode, "it must be ENABLED")
    stored = StoredChecksum.decode(entry.checksums)
    return None if stored is None else stored.headers()


def _override(call: Call, headers: dict[str, str]) -> None:
    for parameter, name in OVERRIDES.items():
        value = call.parameters.get(parameter)
        if value is None:
            continue
        if not (value.isascii() and value.isprintable()):
            raise invalid_argument(parameter, value, "it must be printable ASCII")
        headers[name] = value
