"""ListParts and ListMultipartUploads."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from aiohttp import web

from ..auth.principal import name_of_scope
from ..errors import RefNotFoundError, UploadNotFoundError
from ..provenance.views import Use
from ..repository.completing import PART_NUMBER_MAX
from ..repository.listings import CommonPrefix
from ..repository.upload_listing import UploadAt, UploadPage
from ..repository.upload_listing import list_uploads as list_uploads_of
from ..repository.upload_store import Part, Upload
from ..repository.uploads import list_parts as list_parts_of
from ..tree.extra import decode_extra
from .buckets import show_time
from .call import Call, invalid_argument
from .checksums import StoredChecksum
from .listing import read_limit
from .multipart import read_upload_name, show_target
from .upload_checksum import UploadChecksum
from .xml import Element

_SAFE = "/-._~"


async def list_parts(call: Call) -> web.StreamResponse:
    """Answer with a page of the parts of an upload."""
    limit = read_limit(call, "max-parts", call.gateway.settings.keys_max)
    after = 0
    if call.parameters.get("part-number-marker"):
        after = read_limit(call, "part-number-marker", PART_NUMBER_MAX)
    is_encoded = _read_encoding(call)
    name = read_upload_name(call)
    try:
        upload, parts, is_truncated = await list_parts_of(
            call.engine, name, after=after, limit=limit
        )
    except RefNotFoundError:
        raise UploadNotFoundError(name.upload_id) from None
    asked = UploadChecksum.parse(upload.checksum)
    bucket, (_, key) = show_target(call)
    last = parts[-1].number if parts else after
    content: list[Element] = [
        bucket,
        ("Key", quote(str(key), safe=_SAFE) if is_encoded else key),
        ("UploadId", upload.id),
        ("Initiator", _show_user(upload)),
        ("Owner", _show_user(upload)),
        ("StorageClass", _storage_class_of(upload)),
        ("PartNumberMarker", str(after)),
        *([("NextPartNumberMarker", str(last))] if is_truncated else []),
        ("MaxParts", str(limit)),
        *([("EncodingType", "url")] if is_encoded else []),
        ("IsTruncated", "true" if is_truncated else "false"),
        *(asked.elements() if asked is not None else []),
        *(("Part", _show_part(part)) for part in parts),
    ]
    return call.answer_document("ListPartsResult", content)


def _show_part(part: Part) -> list[Element]:
    stored = StoredChecksum.decode(part.checksum)
    checksum: list[Element] = []
    if stored is not None:
        checksum.append((f"Checksum{stored.algorithm.value}", stored.text))
    return [
        ("PartNumber", str(part.number)),
        ("LastModified", show_time(part.created_ms)),
        ("ETag", f'"{part.md5.hex()}"'),
        ("Size", str(part.size_bytes)),
        *checksum,
    ]


def _storage_class_of(upload: Upload) -> str:
    return decode_extra(upload.extra).storage_class or "STANDARD"


def _show_user(upload: Upload) -> list[Element]:
    name = name_of_scope(upload.initiator)
    return [("ID", name), ("DisplayName", name)]


def _read_encoding(call: Call) -> bool:
    """Tell whether keys are to be percent-encoded.

    Raises:
        S3Error: they are to be encoded in another way.
    """
    encoding = call.parameters.get("encoding-type")
    if encoding not in (None, "", "url"):
        raise invalid_argument("encoding-type", encoding, "it must be 'url'")
    return encoding == "url"


async def list_uploads(call: Call) -> web.StreamResponse:
    """Answer with a page of the uploads of a bucket that are under way."""
    get = call.parameters.get
    bucket = call.get_bucket()
    is_encoded = _read_encoding(call)
    limit = read_limit(call, "max-uploads", call.gateway.settings.keys_max)
    marker, id_marker = get("key-marker", ""), get("upload-id-marker", "")
    ref = bucket.ref
    if ref is not None:
        ref = (await call.see(bucket.repository, ref, Use.READ)).ref
    page = await list_uploads_of(
        call.engine,
        bucket.repository,
        ref,
        may_read=lambda branch: call.may_read(bucket.repository, branch),
        prefix=get("prefix", "").encode(),
        delimiter=get("delimiter", "").encode(),
        after=marker.encode(),
        after_id=id_marker if marker else "",
        limit=limit,
    )

    def show(text: str) -> str:
        return quote(text, safe=_SAFE) if is_encoded else text

    content: list[Element] = [
        ("Bucket", bucket.name),
        ("KeyMarker", show(marker)),
        ("UploadIdMarker", id_marker if marker else ""),
        *_show_next(page, show_key=show),
        ("Prefix", show(get("prefix", ""))),
        *([("Delimiter", show(get("delimiter", "")))] if get("delimiter") else []),
        ("MaxUploads", str(limit)),
        *([("EncodingType", "url")] if is_encoded else []),
        ("IsTruncated", "true" if page.is_truncated else "false"),
        *(
            ("Upload", _show_upload(item, show(item.key.decode())))
            for item in page.items
            if isinstance(item, UploadAt)
        ),
        *(
            ("CommonPrefixes", [("Prefix", show(item.path.decode(errors="replace")))])
            for item in page.items
            if isinstance(item, CommonPrefix)
        ),
    ]
    return call.answer_document("ListMultipartUploadsResult", content)


def _show_next(page: UploadPage, *, show_key: Callable[[str], str]) -> list[Element]:
    if not page.is_truncated or not page.items:
        return []
    last = page.items[-1]
    if isinstance(last, UploadAt):
        key, upload_id = last.key, last.upload.id
    else:
        key, upload_id = last.path, ""
    return [
        ("NextKeyMarker", show_key(key.decode(errors="replace"))),
        ("NextUploadIdMarker", upload_id),
    ]


def _show_upload(item: UploadAt, key: str) -> list[Element]:
    upload = item.upload
    asked = UploadChecksum.parse(upload.checksum)
    return [
        ("Key", key),
        ("UploadId", upload.id),
        ("Initiator", _show_user(upload)),
        ("Owner", _show_user(upload)),
        ("StorageClass", _storage_class_of(upload)),
        ("Initiated", show_time(upload.created_ms)),
        *(asked.elements() if asked is not None else []),
    ]
