"""Every write over S3, refused where it must be: protected, or read-only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.s3server import ServerProcess

KEY = "main/a"
PART = b"x" * (5 << 20)
Write = Callable[[Any, str, str], object]


def _begin(s3: Any, bucket: str) -> str:
    return str(s3.create_multipart_upload(Bucket=bucket, Key=KEY)["UploadId"])


WRITES: dict[str, Write] = {
    "PutObject": lambda s3, b, _: s3.put_object(Bucket=b, Key=KEY, Body=b"new"),
    "PutObject of 2 MiB": lambda s3, b, _: s3.put_object(
        Bucket=b, Key=KEY, Body=b"n" * (2 << 20)
    ),
    "PutObject, conditional": lambda s3, b, _: s3.put_object(
        Bucket=b, Key="main/b", Body=b"new", IfNoneMatch="*"
    ),
    "PutObject of a folder": lambda s3, b, _: s3.put_object(Bucket=b, Key="main/"),
    "CopyObject": lambda s3, b, _: s3.copy_object(
        Bucket=b, Key="main/b", CopySource=f"{b}/dev/a"
    ),
    "DeleteObject": lambda s3, b, _: s3.delete_object(Bucket=b, Key=KEY),
    "DeleteObject, staged": lambda s3, b, _: s3.delete_object(
        Bucket=b, Key=KEY, VersionId="null"
    ),
    "PutObjectTagging": lambda s3, b, _: s3.put_object_tagging(
        Bucket=b, Key=KEY, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]}
    ),
    "DeleteObjectTagging": lambda s3, b, _: s3.delete_object_tagging(Bucket=b, Key=KEY),
    "CreateMultipartUpload": lambda s3, b, _: _begin(s3, b),
    "UploadPart": lambda s3, b, upload: s3.upload_part(
        Bucket=b, Key=KEY, UploadId=upload, PartNumber=2, Body=b"x"
    ),
    "UploadPartCopy": lambda s3, b, upload: s3.upload_part_copy(
        Bucket=b, Key=KEY, UploadId=upload, PartNumber=2, CopySource=f"{b}/dev/a"
    ),
    "CompleteMultipartUpload": lambda s3, b, upload: s3.complete_multipart_upload(
        Bucket=b,
        Key=KEY,
        UploadId=upload,
        MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": "6c1c5bcd1d41d4b4cf8d3f6e4b1d8b2b"}]
        },
    ),
}


@pytest.fixture
def lake(server: ServerProcess, s3: Any, repository: str) -> tuple[str, str]:
    """Return a repository in which `main` is protected, and an upload begun before."""
    s3.put_object(Bucket=repository, Key=KEY, Body=b"old")
    server.commit(repository)
    server.create_branch(repository, "dev")
    s3.put_object(Bucket=repository, Key=KEY, Body=b"staged")
    upload = _begin(s3, repository)
    s3.upload_part(Bucket=repository, Key=KEY, UploadId=upload, PartNumber=1, Body=PART)
    protect(server, repository, "main")
    return repository, upload


def protect(server: ServerProcess, repository: str, pattern: str) -> None:
    path = f"/repositories/{repository}/settings/branch_protection"
    server.rest("PUT", path, [{"pattern": pattern}])


@pytest.mark.parametrize("write", WRITES)
def test_a_protected_branch_refuses_it(
    s3: Any, lake: tuple[str, str], write: str
) -> None:
    with pytest.raises(ClientError) as caught:
        WRITES[write](s3, *lake)

    refused: Any = caught.value
    assert refused.response["Error"]["Code"] == "AccessDenied"
    assert "protected branch" in refused.response["Error"]["Message"]
    body = s3.get_object(Bucket=lake[0], Key=KEY)["Body"].read()
    assert body == b"staged"


@pytest.mark.parametrize("write", WRITES)
def test_another_branch_takes_it(
    server: ServerProcess, s3: Any, lake: tuple[str, str], write: str
) -> None:
    """Were it refused for something else, the test above would say nothing."""
    protect(server, lake[0], "other-*")

    if write == "CompleteMultipartUpload":  # the sum is made up
        with pytest.raises(ClientError, match="InvalidPart"):
            WRITES[write](s3, *lake)
    else:
        WRITES[write](s3, *lake)


def test_many_deletes_are_refused_key_by_key(s3: Any, lake: tuple[str, str]) -> None:
    keys = [{"Key": "main/a"}, {"Key": "dev/a"}, {"Key": "main/b"}]

    answer = s3.delete_objects(Bucket=lake[0], Delete={"Objects": keys})

    assert [each["Key"] for each in answer["Deleted"]] == ["dev/a"]
    assert {each["Key"]: each["Code"] for each in answer["Errors"]} == {
        "main/a": "AccessDenied",
        "main/b": "AccessDenied",
    }
