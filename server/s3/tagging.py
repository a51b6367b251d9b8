"""Tags of an object: they are a part of its entry, and changing them is a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from ..errors import ObjectNotFoundError
from ..repository.describing import update_extra
from ..repository.paths import show_path
from ..tree.extra import decode_extra
from .body import read_document_body, refuse_body
from .call import Call
from .object_headers import check_tags
from .versions import STAGED, find_version, require_staged, show_version
from .xml import Element
from .xml_input import DOCUMENT_BYTES_MAX, malformed, read_document


async def get_tags(call: Call) -> web.StreamResponse:
    """Answer with the tags of an object."""
    located = await find_version(
        call, call.get_object_name(), call.parameters.get("versionId")
    )
    tags: list[Element] = [
        ("Tag", [("Key", name), ("Value", value)])
        for name, value in decode_extra(located.entry.extra).tags.items()
    ]
    response = call.answer_document("Tagging", [("TagSet", tags)])
    response.headers["x-amz-version-id"] = show_version(located)
    return response


async def put_tags(call: Call) -> web.StreamResponse:
    """Stage an object with other tags, in place of those that it has."""
    data = await read_document_body(call, DOCUMENT_BYTES_MAX)
    await _replace(call, parse_tags(data))
    return call.answer_nothing(200, {"x-amz-version-id": STAGED})


def parse_tags(data: bytes) -> dict[str, str]:
    """Return the tags in the document `data`.

    Raises:
        S3Error: it is none, or they are none.
    """
    document = read_document(data, "Tagging")
    sets = list(document.children("TagSet"))
    if len(sets) != 1:
        raise malformed(f"it has {len(sets)} tag sets, not one")
    pairs: list[tuple[str, str]] = []
    for tag in sets[0].children("Tag"):
        name, value = tag.find_text("Key"), tag.find_text("Value")
        if name is None or value is None:
            raise malformed("a tag has no key or no value")
        pairs.append((name, value))
    return check_tags(pairs)


async def delete_tags(call: Call) -> web.StreamResponse:
    """Stage an object without tags."""
    await refuse_body(call)
    await _replace(call, {})
    return call.answer_nothing(204, {"x-amz-version-id": STAGED})


async def _replace(call: Call, tags: Mapping[str, str]) -> None:
    name = call.get_object_name()
    version = call.parameters.get("versionId")
    if version is not None:
        require_staged(version, "tag the object at its branch")
        await find_version(call, name, version)
    if not name.path:
        raise ObjectNotFoundError(name.repository, name.ref, show_path(name.path))
    await update_extra(
        call.engine,
        name.repository,
        name.ref,
        name.path,
        lambda extra: replace(extra, tags=tags),
    )
