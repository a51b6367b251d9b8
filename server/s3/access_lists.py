"""Access control lists: there are none but the one that gives everything to the owner.

Who may do what is said by grants (`auth/`), for every protocol. So a client that reads a
list is told what is true, one that sets the list that is there is let go on, and one that
sets another is refused, as AWS does where ACLs are off (`BucketOwnerEnforced`).
"""

from __future__ import annotations

from aiohttp import web

from .body import read_document_body
from .buckets import require_bucket, show_owner
from .call import Call
from .errors import S3Error
from .object_headers import PRIVATE_ACLS
from .versions import find_version, require_staged, show_version
from .xml import Element
from .xml_input import DOCUMENT_BYTES_MAX, read_document
from .xml_input import Element as InputElement

_HEADER = "x-amz-acl"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_GRANTEE = f'<Grantee xmlns:xsi="{_INSTANCE}" xsi:type="CanonicalUser">'.encode()


async def get_bucket_acl(call: Call) -> web.StreamResponse:
    """Answer with the list of a bucket."""
    await require_bucket(call)
    return _show(call)


async def get_object_acl(call: Call) -> web.StreamResponse:
    """Answer with the list of an object."""
    located = await find_version(
        call, call.get_object_name(), call.parameters.get("versionId")
    )
    response = _show(call)
    response.headers["x-amz-version-id"] = show_version(located)
    return response


async def put_bucket_acl(call: Call) -> web.StreamResponse:
    """Set the list of a bucket to what it is."""
    await _require_private(call)
    await require_bucket(call)
    return call.answer_nothing(200)


async def put_object_acl(call: Call) -> web.StreamResponse:
    """Set the list of an object to what it is."""
    version = call.parameters.get("versionId")
    if version:
        require_staged(version, "there is nothing to set")
    await _require_private(call)
    await find_version(call, call.get_object_name(), version)
    return call.answer_nothing(200)


def _show(call: Call) -> web.StreamResponse:
    owner = show_owner(call)
    grant: list[Element] = [("Grantee", owner), ("Permission", "FULL_CONTROL")]
    response = call.answer_document(
        "AccessControlPolicy",
        [("Owner", owner), ("AccessControlList", [("Grant", grant)])],
    )
    # The one element of S3 with attributes. Text has its `<` escaped: it is not met.
    assert isinstance(response.body, bytes)
    response.body = response.body.replace(b"<Grantee>", _GRANTEE)
    return response


async def _require_private(call: Call) -> None:
    """Return if the request asks for the list that gives everything to the owner.

    Raises:
        S3Error: it asks for another.
    """
    data = await read_document_body(call, DOCUMENT_BYTES_MAX)
    canned = call.request.headers.get(_HEADER)
    if canned is not None:
        is_private = canned in PRIVATE_ACLS and not data
    else:
        is_private = _is_owners(call, read_document(data, "AccessControlPolicy"))
    if not is_private:
        raise S3Error(
            "AccessControlListNotSupported",
            "the bucket does not allow ACLs: everything is private, give rights with "
            "'lakebed grant'",
        )


def _is_owners(call: Call, policy: InputElement) -> bool:
    owner = call.verified.principal.name
    grants = [
        (grantee.find_text("ID"), grant.find_text("Permission"))
        for grant_list in policy.children("AccessControlList")
        for grant in grant_list.children("Grant")
        for grantee in grant.children("Grantee")
    ]
    return grants == [(owner, "FULL_CONTROL")]
