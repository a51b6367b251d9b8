"""GetObjectAttributes: what is known of an object, without its bytes."""

from __future__ import annotations

from aiohttp import web

from ..httprules.preconditions import show_date
from ..repository.objects import etag_text
from ..tree.entry import Entry
from .call import Call, invalid_argument
from .checksum_elements import show_checksum
from .object_headers import storage_class_of
from .versions import find_version, show_version
from .xml import Element

_HEADER = "x-amz-object-attributes"
_NAMES = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")


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
            content += _show(name, entry)
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
        case "ObjectParts":
            if not entry.part_count:
                return []
            return [("ObjectParts", [("PartsCount", str(entry.part_count))])]
        case "StorageClass":
            return [("StorageClass", storage_class_of(entry))]
        case _:
            return [("ObjectSize", str(entry.size_bytes))]
