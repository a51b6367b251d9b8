"""boto3: with its own managed transfers, as programs use it."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from support.client_contract import CopyingContract
from support.client_page import Section
from support.lakes import Lake, noise

MIB = 1024 * 1024


class Boto3:
    def __init__(self, s3: Any, bucket: str) -> None:
        self.s3 = s3
        self.bucket = bucket

    def write(self, key: str, data: bytes) -> None:
        self.s3.upload_fileobj(io.BytesIO(data), self.bucket, key)

    def read(self, key: str) -> bytes:
        target = io.BytesIO()
        self.s3.download_fileobj(self.bucket, key, target)
        return target.getvalue()

    def list(self, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for page in found for each in page.get("Contents", [])]

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def copy(self, source: str, destination: str) -> None:
        self.s3.copy({"Bucket": self.bucket, "Key": source}, self.bucket, destination)


@pytest.fixture
def client(documented: Callable[[str], Section], lake: Lake) -> Boto3:
    return Boto3(documented("boto3").run_python().s3, lake.repository)


class TestBoto3(CopyingContract):
    large_bytes = 17 * MIB  # parts of 8 MiB


class TestBoto3OverHttps(TestBoto3):
    """It does not sign bodies over https, and sums them up behind them."""

    @pytest.fixture
    def client(self, documented_https: Callable[[str], Section], lake: Lake) -> Boto3:
        return Boto3(documented_https("boto3").run_python().s3, lake.repository)


def refused(error: pytest.ExceptionInfo[Any]) -> tuple[int, str]:
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_a_range_is_what_was_asked_for(lake: Lake, client: Boto3) -> None:
    data = noise(3 * MIB)
    lake.write("main/path", data)

    def read(text: str) -> bytes:
        key = {"Bucket": lake.repository, "Key": "main/path"}
        answer = client.s3.get_object(**key, Range=f"bytes={text}")
        return bytes(answer["Body"].read())

    assert read("0-0") == data[:1]
    assert read("1000000-2000000") == data[1_000_000:2_000_001]
    assert read("-7") == data[-7:]
    assert read(f"{len(data) - 1}-{len(data) + 100}") == data[-1:]


def test_one_of_two_creators_wins(lake: Lake, client: Boto3) -> None:
    key = {"Bucket": lake.repository, "Key": "main/path"}
    client.s3.put_object(**key, Body=b"first", IfNoneMatch="*")

    with pytest.raises(Exception, match="PreconditionFailed") as error:
        client.s3.put_object(**key, Body=b"second", IfNoneMatch="*")

    assert refused(error) == (412, "PreconditionFailed")
    assert lake.read("main/path") == b"first"


def test_one_of_two_creators_in_parts_wins(lake: Lake, client: Boto3) -> None:
    key = {"Bucket": lake.repository, "Key": "main/path"}

    def start(data: bytes) -> dict[str, Any]:
        upload = {
            **key,
            "UploadId": client.s3.create_multipart_upload(**key)["UploadId"],
        }
        part = client.s3.upload_part(**upload, PartNumber=1, Body=data)
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        return {**upload, "MultipartUpload": {"Parts": parts}, "IfNoneMatch": "*"}

    first, second = start(b"first"), start(b"second")
    client.s3.complete_multipart_upload(**first)
    with pytest.raises(Exception, match="PreconditionFailed"):
        client.s3.complete_multipart_upload(**second)

    assert lake.read("main/path") == b"first"


def test_an_update_needs_the_etag_that_is_there(lake: Lake, client: Boto3) -> None:
    key = {"Bucket": lake.repository, "Key": "main/path"}
    etag = client.s3.put_object(**key, Body=b"first")["ETag"]
    client.s3.put_object(**key, Body=b"second", IfMatch=etag)

    with pytest.raises(Exception, match="PreconditionFailed"):
        client.s3.put_object(**key, Body=b"third", IfMatch=etag)

    assert lake.read("main/path") == b"second"


def test_many_keys_go_at_once(lake: Lake, client: Boto3) -> None:
    keys = [f"main/{number} +%ü" for number in range(20)]
    for key in keys:
        lake.write(key, b"x")

    answer = client.s3.delete_objects(
        Bucket=lake.repository,
        Delete={"Objects": [{"Key": key} for key in keys[1:]]},
    )

    assert sorted(each["Key"] for each in answer["Deleted"]) == sorted(keys[1:])
    assert lake.list_keys() == keys[:1]


def test_metadata_and_content_type_come_back(lake: Lake, client: Boto3) -> None:
    key = {"Bucket": lake.repository, "Key": "main/path"}
    client.s3.put_object(
        **key, Body=b"x", ContentType="text/csv", Metadata={"source": "a b"}
    )

    found = client.s3.head_object(**key)

    assert (found["ContentType"], found["Metadata"]) == ("text/csv", {"source": "a b"})


def test_the_checksum_that_was_sent_comes_back(lake: Lake, client: Boto3) -> None:
    key = {"Bucket": lake.repository, "Key": "main/path"}
    for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
        sent = client.s3.put_object(**key, Body=b"x" * 999, ChecksumAlgorithm=algorithm)
        found = client.s3.head_object(**key, ChecksumMode="ENABLED")

        name = f"Checksum{algorithm}"
        assert found[name] == sent[name]


def test_a_version_id_reads_the_object_of_that_commit(
    lake: Lake, client: Boto3
) -> None:
    key = {"Bucket": lake.repository, "Key": "main/path"}
    lake.write("main/path", b"old")
    commit_id = lake.commit()
    lake.write("main/path", b"new")

    now = client.s3.get_object(**key)
    then = client.s3.get_object(**key, VersionId=commit_id)

    assert (now["Body"].read(), now["VersionId"]) == (b"new", "null")
    assert (then["Body"].read(), then["VersionId"]) == (b"old", commit_id)


def test_a_presigned_address_needs_no_key(lake: Lake, client: Boto3) -> None:
    lake.write("main/a path+", b"data")
    key = {"Bucket": lake.repository, "Key": "main/a path+"}
    address = client.s3.generate_presigned_url("get_object", key, ExpiresIn=60)

    with urllib.request.urlopen(address) as answer:
        assert answer.read() == b"data"


def test_the_root_of_a_repository_lists_its_refs(lake: Lake, client: Boto3) -> None:
    lake.branch("dev")
    lake.tag("v1")

    page = client.s3.list_objects_v2(Bucket=lake.repository, Delimiter="/")

    refs = [each["Prefix"] for each in page["CommonPrefixes"]]
    assert refs == ["dev/", "main/", "v1/"]


def test_buckets_are_repositories(lake: Lake, client: Boto3) -> None:
    name = f"{lake.repository}-made"

    client.s3.create_bucket(Bucket=name)
    names = [each["Name"] for each in client.s3.list_buckets()["Buckets"]]
    client.s3.delete_bucket(Bucket=name)

    assert {lake.repository, name} <= set(names)
    with pytest.raises(Exception, match="404"):
        client.s3.head_bucket(Bucket=name)


def test_the_ref_may_stand_in_the_bucket(lake: Lake, client: Boto3) -> None:
    client.s3.put_object(Bucket=f"{lake.repository}.main", Key="path", Body=b"data")

    assert lake.read("main/path") == b"data"
