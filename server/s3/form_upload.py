"""PostObject: an upload by the form of a page, which somebody with a key has signed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import quote, urlsplit

from aiohttp import web
from multidict import CIMultiDict

from ..auth.sigv4 import Headers
from ..chunks.ingest import WrittenBlob
from ..repository.objects import etag_text, put_object
from ..tree.entry import Entry
from ..tree.extra import Extra
from .call import Call, invalid_argument
from .checksums import VALUE_HEADERS, Checksum, StoredChecksum
from .errors import S3Error
from .form import Form
from .object_headers import METADATA_PREFIX, PRIVATE_ACLS, read_extra
from .post_policy import PostPolicy
from .tagging import parse_tags
from .versions import STAGED

_FILE_NAME = "${filename}"
_STATUSES = {"200": 200, "201": 201}
"""`success_action_status`, where it is not 204."""
_SAID = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
        "x-amz-storage-class",
        "x-amz-website-redirect-location",
    }
)
"""Fields that are what the header of that name is to PutObject."""
_SIGNATURE = frozenset(
    {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"}
)
_URL = re.compile(r"https?://[!-~]{1,2048}", re.ASCII)


def read_key(form: Form) -> str:
    """Return the key that a form names; `${filename}` in it stands for that of the file.

    Raises:
        S3Error: it names none.
    """
    key = form.fields.get("key", "").replace(_FILE_NAME, form.file_name)
    if not key:
        raise S3Error(
            "InvalidArgument",
            "bucket POST must contain a field named 'key'",
            ArgumentName="key",
        )
    form.fields["key"] = key  # what the policy is held to is what is written to
    return key


async def store(call: Call, form: Form, policy: PostPolicy) -> web.StreamResponse:
    """Stage the file of `form`, whose policy was checked; durable when this answers."""
    name = call.get_object_name()
    if not name.path:
        raise invalid_argument("key", name.ref, "write objects as 'REF/PATH'")
    headers = _collect_headers(form)
    extra = read_extra(headers) or Extra()
    if "tagging" in form.fields:
        extra = replace(extra, tags=parse_tags(form.fields["tagging"].encode()))
    redirect = _read_redirect(form)
    claimed = Checksum.read(headers)
    running = None if claimed is None else claimed.algorithm.start()
    kept: list[StoredChecksum] = []

    def check(blob: WrittenBlob) -> None:
        policy.check_size(blob.size_bytes, is_whole=True)
        if claimed is not None and running is not None:
            kept.append(claimed.verify(running.digest(), {}))

    async with call.gateway.streams.turn(call.request):
        entry = await put_object(
            call.engine,
            name.repository,
            name.ref,
            name.path,
            _iter_file(call, form, policy),
            extra=extra,
            sums=[] if running is None else [running],
            check=check,
            checksums=lambda: kept[0].encode() if kept else b"",
        )
    return _answer(call, form, entry, redirect)


async def _iter_file(
    call: Call, form: Form, policy: PostPolicy
) -> AsyncIterator[bytes]:
    size_bytes = 0
    size_bytes_max = call.gateway.settings.put_bytes_max
    async for piece in form.iter_file():
        size_bytes += len(piece)
        policy.check_size(size_bytes, is_whole=False)
        if size_bytes > size_bytes_max:
            raise S3Error(
                "EntityTooLarge",
                "your proposed upload exceeds the maximum allowed size",
                MaxSizeAllowed=str(size_bytes_max),
            )
        yield piece


def _collect_headers(form: Form) -> Headers:
    """Return the fields that say something of the object, as headers.

    Raises:
        S3Error: a field asks for what we do not do.
    """
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in form.fields.items():
        if name in _SAID or name in VALUE_HEADERS or name.startswith(METADATA_PREFIX):
            headers[name] = value
        elif name == "acl" and value not in PRIVATE_ACLS:
            raise S3Error(
                "AccessControlListNotSupported", "the bucket does not allow ACLs"
            )
        elif name == "x-amz-security-token":
            raise S3Error("InvalidToken", "the provided token is malformed or unknown")
        elif name.startswith("x-amz-") and name not in _SIGNATURE:
            raise S3Error(
                "NotImplemented",
                "a field you provided implies functionality that is not implemented: "
                f"'{name[:80]}'",
                Header=name[:80],
            )
    return headers


def _read_redirect(form: Form) -> str | None:
    """Return where the browser is to go afterwards; None: nowhere.

    What is no address of a page is passed over, as AWS does.
    """
    fields = form.fields
    url = fields.get("success_action_redirect") or fields.get("redirect")
    if url is None or not _URL.fullmatch(url) or not urlsplit(url).netloc:
        return None
    return url


def _answer(
    call: Call, form: Form, entry: Entry, redirect: str | None
) -> web.StreamResponse:
    bucket, key = call.get_bucket().name, form.fields["key"]
    etag = f'"{etag_text(entry)}"'
    headers = {"ETag": etag, "x-amz-version-id": STAGED}
    if redirect is not None:
        joint = "&" if urlsplit(redirect).query else "?"
        facts = "&".join(
            f"{name}={quote(value, safe='')}"
            for name, value in (("bucket", bucket), ("key", key), ("etag", etag))
        )
        headers["Location"] = f"{redirect}{joint}{facts}"
        return call.answer_nothing(303, headers)
    headers["Location"] = f"/{quote(f'{bucket}/{key}')}"
    status = _STATUSES.get(form.fields.get("success_action_status", ""), 204)
    if status != 201:
        return call.answer_nothing(status, headers)
    response = call.answer_document(
        "PostResponse",
        [
            ("Location", headers["Location"]),
            ("Bucket", bucket),
            ("Key", key),
            ("ETag", etag),
        ],
    )
    response.set_status(201)
    response.headers.update(headers)
    return response
