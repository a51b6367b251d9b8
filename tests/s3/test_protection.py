"""A protected branch, and a read-only repository, over S3: nothing changes them."""

from __future__ import annotations

import base64
import hashlib

import pytest

from support.s3server import ServerProcess
from support.s3writes import WRITES, Scene, Write

STAYS_OPEN = {
    # Of an upload only its completion changes a branch.
    "AbortMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    # These say what is the case already, or are about another repository.
    "PutBucketAcl",
    "PutObjectAcl",
    "CreateBucket",
    "DeleteBucket",
}


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
