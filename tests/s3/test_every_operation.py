"""Every operation that S3 has, as botocore knows them: done, refused as AWS does, or 501.

What is not built must have no effect. Least of all may it fall through to the plain
operation on the bucket or object that it names.
"""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, ParamValidationError

from support.s3server import ServerProcess

SESSION: Any = botocore.session.Session()
MODEL: Any = SESSION.get_service_model("s3")

ELSEWHERE = frozenset({"ListDirectoryBuckets", "WriteGetObjectResponse"})
"""Sent to another host."""
EFFECTS = frozenset(
    {
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateMultipartUpload",
        "DeleteObject",
        "DeleteObjectTagging",
        "DeleteObjects",
        "PutObject",
        "PutObjectTagging",
        "UploadPart",
        "UploadPartCopy",
    }
)
"""Operations whose effect is tested elsewhere."""
REFUSED_BY_STATE = {
    "CreateBucket": "BucketAlreadyOwnedByYou",
    "DeleteBucket": "BucketNotEmpty",
    "PutBucketAcl": "MalformedXML",  # it says nothing of a list
    "PutObjectAcl": "MalformedXML",
    "AbortMultipartUpload": "NoSuchUpload",
}
NOT_CONFIGURED = frozenset(
    {
        "NoSuchBucketPolicy",
        "NoSuchCORSConfiguration",
        "NoSuchConfiguration",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchTagSet",
        "NoSuchUpload",
        "NoSuchWebsiteConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "ReplicationConfigurationNotFoundError",
        "ServerSideEncryptionConfigurationNotFoundError",
        "InvalidRequest",  # locks of objects, where their bucket has none
    }
)


def make_value(shape: Any) -> Any:
    """Return a value of `shape`, with nothing in it that need not be there."""
    match shape.type_name:
        case "structure":
            members = {
                name: make_value(shape.members[name]) for name in shape.required_members
            }
            if not members and getattr(shape, "is_tagged_union", False):
                name, member = next(iter(shape.members.items()))
                members = {name: make_value(member)}
            return members
        case "list":
            return [make_value(shape.member)]
        case "map":
            return {}
        case "string":
            return shape.enum[0] if shape.enum else "a value of many signs"
        case "integer" | "long":
            return 1
        case "boolean":
            return True
        case "timestamp":
            return 1_800_000_000
        case "blob":
            return b""
        case other:
            raise AssertionError(other)


def make_arguments(operation: str, repository: str) -> dict[str, Any]:
    shape = MODEL.operation_model(operation).input_shape
    arguments: dict[str, Any] = make_value(shape) if shape is not None else {}
    if shape is not None and "Bucket" in shape.members:
        arguments["Bucket"] = repository
    if "Key" in arguments:
        arguments["Key"] = "main/x"
    return arguments


@pytest.mark.parametrize(
    "operation",
    [
        name
        for name in MODEL.operation_names
        if name not in EFFECTS and name not in ELSEWHERE
    ],
)
def test_an_operation_is_done_or_refused_and_changes_nothing(
    server: ServerProcess, s3: Any, repository: str, operation: str
) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    s3.put_object(**key, Body=b"before", Tagging="k=v")
    before = s3.head_object(**key)
    method = MODEL.operation_model(operation).http["method"]

    try:
        call = getattr(s3, "_make_api_call")  # noqa: B009  # it is of all operations
        call(operation, make_arguments(operation, repository))
        code, status = "", 200
    except ParamValidationError as error:
        pytest.fail(str(error))
    except ClientError as caught:
        error_: Any = caught.response
        code = error_["Error"]["Code"]
        status = error_["ResponseMetadata"]["HTTPStatusCode"]

    if operation in REFUSED_BY_STATE:
        assert code in (REFUSED_BY_STATE[operation], "NotImplemented")
    elif method in ("GET", "HEAD"):
        assert code in ("", "NotImplemented") or code in NOT_CONFIGURED
        assert status in (200, 400, 404, 501)
    else:
        assert (code, status) == ("NotImplemented", 501)
    after = s3.head_object(**key)
    for name in ("ETag", "LastModified", "TagCount", "VersionId"):
        assert after[name] == before[name]
    assert s3.list_objects_v2(Bucket=repository, Prefix="main/")["KeyCount"] == 1


PROBED = [
    ("GET", "accelerate", 200, ""),
    ("GET", "acl", 200, ""),
    ("GET", "analytics", 200, ""),
    ("GET", "analytics&id=1", 404, "NoSuchConfiguration"),
    ("GET", "cors", 404, "NoSuchCORSConfiguration"),
    ("GET", "encryption", 404, "ServerSideEncryptionConfigurationNotFoundError"),
    ("GET", "intelligent-tiering", 200, ""),
    ("GET", "inventory", 200, ""),
    ("GET", "lifecycle", 404, "NoSuchLifecycleConfiguration"),
    ("GET", "location", 200, ""),
    ("GET", "logging", 200, ""),
    ("GET", "metrics", 200, ""),
    ("GET", "notification", 200, ""),
    ("GET", "object-lock", 404, "ObjectLockConfigurationNotFoundError"),
    ("GET", "ownershipControls", 200, ""),
    ("GET", "policy", 404, "NoSuchBucketPolicy"),
    ("GET", "policyStatus", 404, "NoSuchBucketPolicy"),
    ("GET", "publicAccessBlock", 404, "NoSuchPublicAccessBlockConfiguration"),
    ("GET", "replication", 404, "ReplicationConfigurationNotFoundError"),
    ("GET", "requestPayment", 200, ""),
    ("GET", "tagging", 404, "NoSuchTagSet"),
    ("GET", "versioning", 200, ""),
    ("GET", "website", 404, "NoSuchWebsiteConfiguration"),
    ("GET", "abac", 501, "NotImplemented"),
    ("GET", "policy&id=1", 501, "NotImplemented"),
    ("GET", "policy&cors", 400, "InvalidArgument"),
]


@pytest.mark.parametrize(("method", "query", "status", "code"), PROBED)
def test_what_clients_probe_is_answered_as_where_nothing_is_configured(
    server: ServerProcess,
    repository: str,
    method: str,
    query: str,
    status: int,
    code: str,
) -> None:
    for bucket in (repository, f"{repository}.main"):
        got = server.send(method, f"/{bucket}?{query}")

        assert got.status == status
        assert f"<Code>{code}</Code>".encode() in got.body or not code
    missing = server.send(method, f"/no-such-bucket?{query}")
    expected = 404 if status in (200, 404) else status
    assert missing.status == expected


def test_a_requester_does_not_pay_and_owners_own(s3: Any, repository: str) -> None:
    name = {"Bucket": repository}
    assert s3.get_bucket_request_payment(**name)["Payer"] == "BucketOwner"
    controls = s3.get_bucket_ownership_controls(**name)["OwnershipControls"]
    assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "Status" not in s3.get_bucket_versioning(**name)
