"""The source that a copy names in its headers: read, let in to, found, and tested.

The header is percent-decoded once and then divided as the path of a request is, so that
`..` and `//` in it are names like any other and lead nowhere else. `+` is a space in it,
as AWS has it: some clients write it so.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from ..auth.authorize import Permission
from ..auth.sigv4 import Headers
from ..errors import (
    InvalidRefExpressionError,
    ObjectNotFoundError,
    PreconditionFailedError,
    RefNotFoundError,
)
from ..httprules.preconditions import Verdict, evaluate
from ..provenance.views import Use, View
from ..repository.objects import Located, etag_text
from .address import PATH_STYLE, Addressing, ObjectName, name_object
from .call import Call, invalid_argument
from .errors import S3Error
from .versions import check_version, find_version

HEADER = "x-amz-copy-source"
_VERSION = "versionId="
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_CONDITIONS = {
    "x-amz-copy-source-if-match": "If-Match",
    "x-amz-copy-source-if-none-match": "If-None-Match",
    "x-amz-copy-source-if-modified-since": "If-Modified-Since",
    "x-amz-copy-source-if-unmodified-since": "If-Unmodified-Since",
}


class CopySource(Struct, frozen=True, gc=False):
    """What a copy is made of."""

    name: ObjectName
    version: str | None
    """A commit id or `null`; None: what the ref has now."""

    @classmethod
    def parse(cls, text: str, addressing: Addressing = PATH_STYLE) -> CopySource:
        """Return the source that the header `text` names to a listener.

        Raises:
            S3Error: it names none.
            InvalidPathError: it has a NUL.
        """
        raw, mark, query = text.partition("?")
        version: str | None = None
        if mark:
            if not query.startswith(_VERSION):
                raise _refuse(text, "behind '?' only 'versionId=' may stand")
            version = check_version(query.removeprefix(_VERSION))
        bucket, slash, key = _decode(raw, text).removeprefix("/").partition("/")
        if not (bucket and slash and key):
            raise _refuse(text, "it must be 'BUCKET/KEY'")
        name = name_object(addressing.parse_bucket(bucket), key)
        if not name.path:
            raise _refuse(text, "it names a ref and no object in it")
        return cls(name, version)


async def find_source(call: Call) -> tuple[CopySource, Located]:
    """Return what the copy `call` is made of, if the caller may read it.

    Rights come before everything else: who may not read a ref does not learn from an
    answer what is there.

    Raises:
        PermissionDeniedError: the caller may not read it.
        PreconditionFailedError: it does not meet the conditions of the request.
        RepositoryNotFoundError: there is no such bucket.
        S3Error: the header is malformed, or there is no such object.
    """
    source = CopySource.parse(call.request.headers[HEADER], call.addressing)
    name = source.name
    call.require(Permission.READ, name.repository, name.ref)
    view = await call.see(name.repository, name.ref, Use.READ)
    name = ObjectName(name.repository, view.ref, name.path)
    try:
        located = await find_version(call, name, source.version)
    except (
        RefNotFoundError,
        InvalidRefExpressionError,
        ObjectNotFoundError,
    ) as error:
        # A writer's ref that is not there is a bucket; the source is read.
        raise S3Error("NoSuchKey", str(error)) from error
    _check_conditions(call.request.headers, located)
    if source.version is not None:
        view = View(source.version, source.version)
    await call.observe(view, located)
    return CopySource(name, source.version), located


def _check_conditions(headers: Headers, located: Located) -> None:
    conditions = {
        name: headers[special]
        for special, name in _CONDITIONS.items()
        if special in headers
    }
    if not conditions:
        return
    entry = located.entry
    etag = etag_text(entry)
    if evaluate(conditions, etag, entry.mtime_ms) is not Verdict.SEND:
        raise PreconditionFailedError(
            f"precondition failed: the ETag of the copy source is {etag}"
        )


def _decode(raw: str, text: str) -> str:
    if _BROKEN_ESCAPE.search(raw):
        raise _refuse(text, "it has a broken percent escape")
    try:
        # Bytes of headers that are no ASCII come as UTF-8, others as surrogates.
        spaced = raw.replace("+", " ").encode("utf-8", "surrogateescape")
        return unquote_to_bytes(spaced).decode()
    except UnicodeDecodeError:
        raise _refuse(text, "it is not UTF-8") from None


def _refuse(text: str, why: str) -> S3Error:
    shown = text.encode("ascii", "replace").decode()
    return invalid_argument(HEADER, shown, why)
