"""ListObjectVersions: each key with the one version that its ref shows.

Older versions are at older commits, which are refs of their own; to list those of every
key would be to walk the history. So a key has one version, and that is the latest: the
commit that is read, or `null` where a change is staged.
"""

from __future__ import annotations

from aiohttp import web

from ..tree.entry import Entry
from .buckets import show_owner
from .call import Call, invalid_argument
from .listing import Lines, Query, find_lines, show_object
from .versions import STAGED, check_version
from .xml import Element


async def list_versions(call: Call) -> web.StreamResponse:
    """Answer with a page of the versions of the objects of a bucket."""
    marker = call.parameters.get("key-marker", "")
    version_marker = call.parameters.get("version-id-marker", "")
    if version_marker:
        check_version(version_marker)
        if not marker:
            raise invalid_argument(
                "version-id-marker",
                version_marker,
                "it cannot be specified without a key marker",
            )
    # Behind the one version of a key is the next key.
    query = Query.read(call, after=marker)
    lines = await find_lines(call, query)
    elements = [
        *query.show_common(call),
        ("KeyMarker", query.show(marker)),
        ("VersionIdMarker", version_marker),
        lines.show_truncation(),
    ]
    if lines.next is not None:
        elements += _show_next(query, lines, lines.next.after)
    owner: Element = ("Owner", show_owner(call))
    elements += [
        (
            "Version",
            show_object(
                query,
                key,
                entry,
                ("VersionId", _version_of(lines, entry)),
                ("IsLatest", "true"),
                owner,
            ),
        )
        for key, entry in lines.objects
    ]
    elements += lines.show_prefixes(query)
    return call.answer_document("ListVersionsResult", elements)


def _version_of(lines: Lines, entry: Entry) -> str:
    if lines.commit_id is None or entry.path in lines.staged_paths:
        return STAGED
    return lines.commit_id.hex()


def _show_next(query: Query, lines: Lines, after: str) -> list[Element]:
    shown: list[Element] = [("NextKeyMarker", query.show(after))]
    if lines.objects and lines.objects[-1][0] == after:
        version = _version_of(lines, lines.objects[-1][1])
        shown.append(("NextVersionIdMarker", version))
    return shown
