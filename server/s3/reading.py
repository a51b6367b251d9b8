"""GetObject and HeadObject: which version, and the headers that S3 has for it."""

from __future__ import annotations

from functools import partial

from aiohttp import hdrs, web

from ..httprules.ranges import ByteRange
from ..httprules.sending import send_object
from ..provenance.views import View
from ..tree.entry import Entry
from .call import Call, invalid_argument
from .checksums import StoredChecksum
from .errors import S3Error
from .multipart import read_part_number
from .object_headers import OVERRIDES, show_extra
from .part_layout import PartLayout
from .versions import STAGED, find_version, show_version

_MODE_HEADER = "x-amz-checksum-mode"


async def read(call: Call) -> web.StreamResponse:
    """Answer with an object, or some of it; without its bytes if the method is HEAD."""
    version = call.parameters.get("versionId")
    located = await find_version(call, call.get_object_name(), version)
    view = call.view
    if view is not None and version and version != STAGED:
        view = View(version, version)
    headers = call.base_headers()
    headers["x-amz-version-id"] = show_version(located)
    headers.update(show_extra(located.entry.extra))
    span = None
    if call.parameters:
        _override(call, headers)
        span = _find_part(call, located.entry)
    if span is not None and located.entry.part_count:
        headers["x-amz-mp-parts-count"] = str(located.entry.part_count)
    return await send_object(
        call.engine,
        call.request,
        located.entry,
        headers,
        small_bytes_max=call.gateway.settings.small_body_bytes_max,
        span=span,
        whole_headers=_show_checksum(call, located.entry),
        log_fields={"request_id": call.request_id},
        before=None if view is None else partial(call.observe, view, located),
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


def _find_part(call: Call, entry: Entry) -> ByteRange | None:
    """Return the bytes of the part that the request names; None if it names none.

    Raises:
        S3Error: there is no such part; or nothing says where it lies.
    """
    if "partNumber" not in call.parameters:
        return None
    number = read_part_number(call)
    if hdrs.RANGE in call.request.headers:
        raise S3Error(
            "InvalidRequest",
            "cannot specify both Range header and partNumber query parameter",
        )
    if number > max(1, entry.part_count):
        raise S3Error(
            "InvalidPartNumber",
            "the requested partnumber is not satisfiable",
            ActualPartCount=str(max(1, entry.part_count)),
            PartNumberRequested=str(number),
        )
    if entry.part_count <= 1:
        return ByteRange(0, entry.size_bytes)
    layout = PartLayout.decode(entry.checksums)
    span = None if layout is None else layout.find(number)
    if span is None:
        raise S3Error(
            "NotImplemented",
            "the sizes of the parts of this object were not kept, because they are too "
            "many different ones: read it by ranges",
        )
    return span


def _override(call: Call, headers: dict[str, str]) -> None:
    for parameter, name in OVERRIDES.items():
        value = call.parameters.get(parameter)
        if value is None:
            continue
        if not (value.isascii() and value.isprintable()):
            raise invalid_argument(parameter, value, "it must be printable ASCII")
        headers[name] = value
