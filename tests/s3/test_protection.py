"""Every write over S3, refused where it must be: protected, read-only, or bare."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.s3server import ServerProcess
from support.s3writes import WRITES, Scene, Write

KEY = "main/a"
PART = b"x" * (5 << 20)
Send = Callable[[Any, str, str], object]
"""Sends a write to a bucket, with the id of an upload and an object to copy in it."""

STAYS_OPEN = {
    # It throws away what no branch shows.
    "AbortMultipartUpload",
    # These say what is the case already, or are about another repository.
    "PutBucketAcl",
    "PutObjectAcl",
    "CreateBucket",
    "DeleteBucket",
}


def _begin(s3: Any, bucket: str) -> str:
    return str(s3.create_multipart_upload(Bucket=bucket, Key=KEY)["UploadId"])


WAYS: dict[str, Send] = {
    "PutObject": lambda s3, b, _: s3.put_object(Bucket=b, Key=KEY, Body=b"new"),
    "PutObject of 2 MiB": lambda s3, b, _: s3.put_object(
        Bucket=b, Key=KEY, Body=b"n" * (2 << 20)
    ),
    "PutObject, conditional": lambda s3, b, _: s3.put_object(
        Bucket=b, Key="main/b", Body=b"new", IfNoneMatch="*"
    ),
    "PutObject of a folder": lambda s3, b, _: s3.put_object(Bucket=b, Key="main/"),
    "CopyObject": lambda s3, b, source: s3.copy_object(
        Bucket=b, Key="main/b", CopySource=source
    ),
    "DeleteObject": lambda s3, b, _: s3.delete_object(Bucket=b, Key=KEY),
    "DeleteObject, staged": lambda s3, b, _: s3.delete_object(
        Bucket=b, Key=KEY, VersionId="null"
    ),
    "CreateMultipartUpload": lambda s3, b, _: _begin(s3, b),
}
"""Writes that need nothing to be there, in each way that they are carried out in."""


def protect(server: ServerProcess, repository: str, *patterns: str) -> None:
    path = f"/repositories/{repository}/settings/branch_protection"
    server.rest("PUT", path, [{"pattern": pattern} for pattern in patterns])


def send(scene: Scene, operation: str, write: Write) -> tuple[int, bytes]:
    method = "PUT"
    if operation in (
        "CreateMultipartUpload",
        "CompleteMultipartUpload",
        "DeleteObjects",
    ):
        method = "POST"
    elif operation.startswith(("Delete", "Abort")):
        method = "DELETE"
    query = "&".join(f"{name}={value}" for name, value in write.query)
    headers = dict(write.headers)
    if operation == "DeleteObjects":
        headers["Content-MD5"] = md5_of(write.body or b"")
    target = f"{write.path}?{query}" if query else write.path
    answer = scene.server.send(method, target, headers, write.body or b"")
    return answer.status, answer.body


def md5_of(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


@pytest.mark.parametrize("operation", sorted(WRITES.keys() - STAYS_OPEN))
def test_no_operation_writes_to_a_protected_branch(
    server: ServerProcess, repository: str, operation: str
) -> None:
    scene = Scene.make(server, f"{repository}-p")
    write = WRITES[operation](scene)
    before = scene.fingerprint()
    protect(server, scene.repository, "ma?n")

    status, body = send(scene, operation, write)

    # Of many keys each has its own answer.
    assert status == (200 if operation == "DeleteObjects" else 403), body
    assert b"<Code>AccessDenied</Code>" in body
    assert b"protected branch" in body
    assert scene.fingerprint() == before
    protect(server, scene.repository, "other")
    status, body = send(scene, operation, write)
    assert status in (200, 204), body
    assert b"AccessDenied" not in body


@pytest.fixture
def filled(server: ServerProcess, s3: Any, repository: str) -> str:
    """Have `main/a` staged over a commit, and in `dev`."""
    s3.put_object(Bucket=repository, Key=KEY, Body=b"old")
    server.commit(repository)
    server.create_branch(repository, "dev")
    s3.put_object(Bucket=repository, Key=KEY, Body=b"staged")
    return repository


@pytest.mark.parametrize("way", WAYS)
def test_nor_is_there_a_way_around(
    server: ServerProcess, s3: Any, filled: str, way: str
) -> None:
    protect(server, filled, "main")

    with pytest.raises(ClientError, match="protected branch") as caught:
        WAYS[way](s3, filled, f"{filled}/dev/a")

    refused: Any = caught.value
    assert refused.response["Error"]["Code"] == "AccessDenied"
    assert s3.get_object(Bucket=filled, Key=KEY)["Body"].read() == b"staged"
    protect(server, filled, "other-*")
    WAYS[way](s3, filled, f"{filled}/dev/a")


def test_an_upload_that_was_begun_before_is_not_completed(
    server: ServerProcess, s3: Any, filled: str
) -> None:
    upload = {"Bucket": filled, "Key": KEY, "UploadId": _begin(s3, filled)}
    part = s3.upload_part(**upload, PartNumber=1, Body=PART)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    protect(server, filled, "main")

    with pytest.raises(ClientError, match="protected branch"):
        s3.complete_multipart_upload(**upload, MultipartUpload=parts)

    assert s3.get_object(Bucket=filled, Key=KEY)["Body"].read() == b"staged"
    protect(server, filled)
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert s3.head_object(Bucket=filled, Key=KEY)["ContentLength"] == len(PART)


def test_many_deletes_are_refused_key_by_key(
    server: ServerProcess, s3: Any, filled: str
) -> None:
    keys = [{"Key": "main/a"}, {"Key": "dev/a"}, {"Key": "main/b"}]
    protect(server, filled, "main")

    answer = s3.delete_objects(Bucket=filled, Delete={"Objects": keys})

    assert [each["Key"] for each in answer["Deleted"]] == ["dev/a"]
    assert {each["Key"]: each["Code"] for each in answer["Errors"]} == {
        "main/a": "AccessDenied",
        "main/b": "AccessDenied",
    }


@pytest.mark.parametrize("way", WAYS)
def test_a_read_only_repository_refuses_it(
    server: ServerProcess, s3: Any, filled: str, way: str
) -> None:
    fixed = f"{filled}-fixed"
    server.rest("POST", "/repositories", {"name": fixed, "read_only": True})

    with pytest.raises(ClientError, match="read-only repository") as caught:
        WAYS[way](s3, fixed, f"{filled}/dev/a")

    refused: Any = caught.value
    assert refused.response["Error"]["Code"] == "AccessDenied"
    with pytest.raises(ClientError, match="read-only repository"):
        s3.delete_bucket(Bucket=fixed)


@pytest.mark.parametrize("way", WAYS)
def test_a_bare_repository_has_nothing_to_write_to(
    server: ServerProcess, s3: Any, filled: str, way: str
) -> None:
    bare = f"{filled}-bare"
    server.rest("POST", "/repositories?bare=true", {"name": bare})

    with pytest.raises(ClientError, match="'main'") as caught:
        WAYS[way](s3, bare, f"{filled}/dev/a")

    refused: Any = caught.value
    assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 404
