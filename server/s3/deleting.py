"""DeleteObject and DeleteObjects.

What is committed stays: a deletion is a change of a branch like any other. So the one
version that can be deleted is `null`, the change that is not committed yet.
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from msgspec import Struct

from ..auth.authorize import Permission
from ..errors import LakeError, RepositoryNotFoundError
from ..provenance.views import Use
from ..repository.deleting import Deletion, delete_objects
from ..repository.objects import Condition, delete_object
from ..repository.resolving import get_repository
from .address import ObjectName, name_object
from .body import read_document_body, refuse_body
from .call import Call
from .checksums import Checksum
from .errors import S3Error
from .problems import explain
from .versions import STAGED, require_staged
from .writing import read_condition, read_etag
from .xml import Element
from .xml_input import DOCUMENT_BYTES_MAX, malformed, read_document
from .xml_input import Element as InputElement

KEYS_MAX = 1000
"""Keys of one DeleteObjects; AWS's figure."""
_UNSUPPORTED = ("LastModifiedTime", "Size")
"""Conditions of a key that S3 has for directory buckets alone."""
_WAY_OUT = "delete the object at its branch"
_MISSING = "NoSuchBucket"
"""What a ref that is not there is to a writer."""


async def delete(call: Call) -> web.StreamResponse:
    """Stage the deletion of an object; that there was none is no error."""
    name = call.get_object_name()
    version = call.parameters.get("versionId")
    condition = read_condition(call)
    await refuse_body(call)
    if not name.path:
        # Spark and pyarrow remove the markers of directories, and a ref is none.
        await get_repository(call.engine, name.repository)
        return call.answer_nothing()
    if version is None:
        await delete_object(
            call.engine, name.repository, name.ref, name.path, condition=condition
        )
        return call.answer_nothing()
    require_staged(version, _WAY_OUT)
    deletion = Deletion(name.path, condition, staged_only=True)
    (outcome,) = await delete_objects(
        call.engine, name.repository, name.ref, [deletion]
    )
    if isinstance(outcome, LakeError):
        raise outcome
    return call.answer_nothing(204, {"x-amz-version-id": STAGED})


class _Item(Struct):
    """A key of the document, and what became of it."""

    key: str
    version: str | None
    etag: str | None
    unsupported: str | None
    name: ObjectName | None = None
    error: S3Error | LakeError | None = None


async def delete_many(call: Call) -> web.StreamResponse:
    """Delete up to 1,000 objects: in one transaction for each ref that keys name."""
    items, is_quiet = _parse(await _read_body(call))
    by_ref: dict[str, list[_Item]] = {}
    for item in items:
        try:
            item.name = _let_in(call, item)
        except (S3Error, LakeError) as error:
            item.error = error
        else:
            by_ref.setdefault(item.name.ref, []).append(item)
    for ref, some in by_ref.items():
        view = await call.see(call.get_bucket().repository, ref, Use.WRITE)
        await _delete_at(call, view.ref, some)
    content: list[Element] = []
    for item in items:
        if item.error is not None:
            content.append(("Error", _show_error(item, item.error)))
        elif not is_quiet:
            content.append(("Deleted", _show_key(item)))
    return call.answer_document("DeleteResult", content)


async def _read_body(call: Call) -> bytes:
    headers = call.request.headers
    if "Content-MD5" not in headers and Checksum.read(headers) is None:
        raise S3Error(
            "InvalidRequest",
            "missing required header for this request: Content-MD5 OR x-amz-checksum-*",
        )
    return await read_document_body(call, DOCUMENT_BYTES_MAX)


def _parse(data: bytes) -> tuple[list[_Item], bool]:
    document = read_document(data, "Delete")
    items = [_parse_item(element) for element in document.children("Object")]
    if not 1 <= len(items) <= KEYS_MAX:
        raise malformed(f"it has {len(items)} keys, not 1 to {KEYS_MAX}")
    return items, (document.find_text("Quiet") or "").strip().lower() == "true"


def _parse_item(element: InputElement) -> _Item:
    # Once over the children, not once a name: a thousand items stop the event loop.
    texts: dict[str, str] = {}
    for child in element.children():
        name = child.name
        if name in texts:
            raise malformed(f"'{name}' comes several times")
        texts[name] = child.text
    if not texts.get("Key"):
        raise malformed("an object has no key")
    return _Item(
        texts["Key"],
        texts.get("VersionId") or None,
        texts.get("ETag") or None,
        next((name for name in _UNSUPPORTED if texts.get(name)), None),
    )


def _let_in(call: Call, item: _Item) -> ObjectName:
    """Return what `item` names, if the caller may delete it."""
    name = name_object(call.get_bucket(), item.key)
    call.require(Permission.WRITE, name.repository, name.ref)
    if item.version is not None:
        require_staged(item.version, _WAY_OUT)
    if item.unsupported is not None:
        raise S3Error(
            "NotImplemented",
            f"a deletion on condition of '{item.unsupported}' is not implemented",
        )
    return name


async def _delete_at(call: Call, ref: str, items: list[_Item]) -> None:
    repository = call.get_bucket().repository
    named: list[tuple[_Item, bytes]] = [
        (item, item.name.path) for item in items if item.name and item.name.path
    ]
    if not named:
        await get_repository(call.engine, repository)
        return
    deletions = [
        Deletion(
            path,
            None if item.etag is None else Condition(etag=read_etag(item.etag)),
            staged_only=item.version is not None,
        )
        for item, path in named
    ]
    try:
        outcomes = await delete_objects(call.engine, repository, ref, deletions)
    except RepositoryNotFoundError:
        raise
    except LakeError as error:
        if explain(error, missing_ref=_MISSING)[1] >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise  # it is no fault of a key: the client tries all of them again
        for item, _ in named:
            item.error = error
        return
    for (item, _), outcome in zip(named, outcomes, strict=True):
        if isinstance(outcome, LakeError):
            item.error = outcome


def _show_key(item: _Item) -> list[Element]:
    shown: list[Element] = [("Key", item.key)]
    if item.version is not None:
        shown.append(("VersionId", item.version))
    return shown


def _show_error(item: _Item, error: S3Error | LakeError) -> list[Element]:
    code, _, _ = explain(error, missing_ref=_MISSING)
    return [*_show_key(item), ("Code", code), ("Message", str(error))]
