"""GetObjectAttributes: what is known of an object, without its bytes."""

from __future__ import annotations

from aiohttp import web

from ..httprules.preconditions import show_date
from ..repository.objects import etag_text
from ..tree.entry import Entry
from .call import Call, invalid_argument
from .checksum_elements import show_checksum
from .object_headers import storage_class_of
from .part_layout import PartLayout
from .versions import find_version, show_version
from .xml import Element

PARTS_MAX = 1000
"""Parts of a page; AWS's figure."""
_HEADER = "x-amz-object-attributes"
_PARTS = "ObjectParts"
_NAMES = ("ETag", "Checksum", _PARTS, "StorageClass", "ObjectSize")


async def get_attributes(call: Call) -> web.StreamResponse:
    """Answer with those attributes of an object that the request names."""
    wanted = _read_names(call)
    located = await find_version(
        call, call.get_object_name(), call.parameters.get("versionId")
    )
    entry = located.entry
    content: list[Element] = []
    for name in _NAMES:
        if name in wanted:
            content += (
                _show_parts(call, entry) if name == _PARTS else _show(name, entry)
            )
    response = call.answer_document("GetObjectAttributesResponse", content)
    response.headers["Last-Modified"] = show_date(entry.mtime_ms // 1000)
    response.headers["x-amz-version-id"] = show_version(located)
    return response


def _read_names(call: Call) -> set[str]:
    values = call.request.headers.getall(_HEADER, ())
    names = {name.strip() for value in values for name in value.split(",")} - {""}
    if not names:
        raise invalid_argument(_HEADER, "", "name one attribute or more")
    for name in sorted(names.difference(_NAMES)):
        raise invalid_argument(
            _HEADER, name, f"an attribute is one of {', '.join(_NAMES)}"
        )
    return names


def _show(name: str, entry: Entry) -> list[Element]:
    match name:
        case "ETag":
            return [("ETag", etag_text(entry))]
        case "Checksum":
            checksum = show_checksum(entry)
            return [("Checksum", checksum)] if checksum else []
        case "StorageClass":
            return [("StorageClass", storage_class_of(entry))]
        case _:
            return [("ObjectSize", str(entry.size_bytes))]


def _show_parts(call: Call, entry: Entry) -> list[Element]:
    """Return the elements of a page of the parts of `entry`; none if it came in one."""
    if not entry.part_count:
        return []
    limit = min(_read_number(call, "x-amz-max-parts", PARTS_MAX), PARTS_MAX)
    marker = _read_number(call, "x-amz-part-number-marker", 0)
    parts: list[Element] = [("PartsCount", str(entry.part_count))]
    layout = PartLayout.decode(entry.checksums)
    if layout is not None:
        last = min(marker + limit, entry.part_count)
        parts += [
            ("PartNumberMarker", str(marker)),
            ("NextPartNumberMarker", str(last)),
            ("MaxParts", str(limit)),
            ("IsTruncated", "true" if last < entry.part_count else "false"),
        ]
        for number in range(marker + 1, last + 1):
            span = layout.find(number)
            if span is not None:
                size = str(span.stop - span.start)
                parts.append(("Part", [("PartNumber", str(number)), ("Size", size)]))
    return [(_PARTS, parts)]


def _read_number(call: Call, header: str, default: int) -> int:
    text = call.request.headers.get(header)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise invalid_argument(header, text, "it must be a number of 0 or more")
    return int(text)
