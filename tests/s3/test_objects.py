"""Objects through boto3: put, get, head, delete; ranges, conditions, pinned reads."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.s3server import ServerProcess

ODD_KEYS = [
    "plain",
    "a//b",
    "//a",
    "../up",
    "a/../b",
    "./a",
    "a/.",
    "dir/",
    "with space",
    " leading and trailing ",
    "per%cent%20",
    "plus+plus",
    "q?a=b&c",
    "hash#tag",
    "ü/日本語/🐧",
    "semi;colon:at@dollar$",
    "quote\"'<>&",
    "back\\slash",
    "tab\tnewline\n",
    "x" * 1024,
]


def refusal(call: Any, **arguments: Any) -> tuple[str, int]:
    """Return code and status with which a call of boto3 is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error: Any = caught.value
    response = error.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("path", ODD_KEYS)
def test_any_key_is_a_name_like_any_other(s3: Any, repository: str, path: str) -> None:
    body = f"body of {path}".encode()
    key = f"main/{path}"

    s3.put_object(Bucket=repository, Key=key, Body=body)

    assert s3.get_object(Bucket=repository, Key=key)["Body"].read() == body
    assert s3.head_object(Bucket=repository, Key=key)["ContentLength"] == len(body)
    by_bucket = s3.get_object(Bucket=f"{repository}.main", Key=path)
    assert by_bucket["Body"].read() == body
    listed = s3.list_objects_v2(Bucket=repository, Prefix="main/")["Contents"]
    assert [item["Key"] for item in listed] == [key]

    s3.delete_object(Bucket=repository, Key=key)

    assert refusal(s3.get_object, Bucket=repository, Key=key) == ("NoSuchKey", 404)
    assert "Contents" not in s3.list_objects_v2(Bucket=repository, Prefix="main/")


@pytest.mark.parametrize("size", [0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 3_000_000])
def test_bytes_come_back_as_they_were_sent(s3: Any, repository: str, size: int) -> None:
    body = os.urandom(size)

    put = s3.put_object(Bucket=repository, Key="main/x", Body=body)
    got = s3.get_object(Bucket=repository, Key="main/x")

    assert got["Body"].read() == body
    assert got["ETag"] == put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert got["ContentLength"] == size
    assert got["ContentType"] == "binary/octet-stream"


def test_what_is_said_of_an_object_comes_back(s3: Any, repository: str) -> None:
    said = {
        "CacheControl": "max-age=5",
        "ContentDisposition": 'attachment; filename="a.csv"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de, en",
        "ContentType": "text/csv; charset=utf-8",
        "Metadata": {"one": "1", "two-b": "a b  c"},
        "WebsiteRedirectLocation": "/elsewhere",
    }
    s3.put_object(Bucket=repository, Key="main/x", Body=b"a", Tagging="k=v&l=w", **said)

    got = s3.head_object(Bucket=repository, Key="main/x")

    assert {name: got[name] for name in said} == said
    assert got["TagCount"] == 2


def test_metadata_that_is_not_ascii_comes_back_as_rfc_2047(
    server: ServerProcess, repository: str
) -> None:
    answers = [
        server.send("PUT", f"/{repository}/main/x", {"x-amz-meta-name": name}, b"x")
        for name in ["=?utf-8?b?w7x0?="]
    ]

    got = server.send("HEAD", f"/{repository}/main/x")

    assert [answer.status for answer in answers] == [200]
    assert got.headers["x-amz-meta-name"] == "=?utf-8?b?w7x0?="


def test_a_compressed_body_is_stored_as_it_is(
    server: ServerProcess, repository: str
) -> None:
    body = zlib.compress(b"a" * 1000)
    headers = {"Content-Encoding": "deflate"}

    server.send("PUT", f"/{repository}/main/x", headers, body)

    assert server.send("GET", f"/{repository}/main/x").body == body


BODY = bytes(range(256)) * 8


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-9", 206, BODY[:10]),
        ("bytes=10-", 206, BODY[10:]),
        ("bytes=-5", 206, BODY[-5:]),
        ("bytes=-5000", 206, BODY),
        ("bytes=2000-9999", 206, BODY[2000:]),
        ("bytes=0-0", 206, BODY[:1]),
        ("bytes=5-3", 200, BODY),
        ("bytes=0-1,5-6", 200, BODY),
        ("lines=0-1", 200, BODY),
        ("bytes=a-b", 200, BODY),
    ],
)
def test_ranges(
    server: ServerProcess, repository: str, asked: str, status: int, expected: bytes
) -> None:
    server.send("PUT", f"/{repository}/main/x", {}, BODY)

    got = server.send("GET", f"/{repository}/main/x", {"Range": asked})

    assert (got.status, got.body) == (status, expected)
    assert got.headers["content-length"] == str(len(expected))
    head = server.send("HEAD", f"/{repository}/main/x", {"Range": asked})
    assert (head.status, head.body) == (status, b"")
    assert head.headers["content-length"] == str(len(expected))
    assert head.headers.get("content-range") == got.headers.get("content-range")


def test_ranges_of_a_large_object(s3: Any, repository: str) -> None:
    body = os.urandom(4_000_000)
    s3.put_object(Bucket=repository, Key="main/x", Body=body)

    for start, stop in [(0, 1), (999_999, 2_000_001), (3_999_990, 4_000_000)]:
        got = s3.get_object(
            Bucket=repository, Key="main/x", Range=f"bytes={start}-{stop - 1}"
        )
        assert got["Body"].read() == body[start:stop]
        assert got["ContentRange"] == f"bytes {start}-{stop - 1}/4000000"


@pytest.mark.parametrize(("size", "asked"), [(10, "bytes=10-"), (0, "bytes=0-1")])
def test_a_range_behind_the_end_is_not_satisfiable(
    server: ServerProcess, repository: str, size: int, asked: str
) -> None:
    server.send("PUT", f"/{repository}/main/x", {}, b"x" * size)

    got = server.send("GET", f"/{repository}/main/x", {"Range": asked})

    assert got.status == 416
    assert b"<Code>InvalidRange</Code>" in got.body
    assert got.headers["content-range"] == f"bytes */{size}"


def test_conditions_of_reads(s3: Any, repository: str) -> None:
    etag = s3.put_object(Bucket=repository, Key="main/x", Body=b"x")["ETag"]
    args = {"Bucket": repository, "Key": "main/x"}
    past = datetime.now(UTC) - timedelta(days=1)
    future = datetime.now(UTC) + timedelta(days=1)

    for fine in (
        {"IfMatch": etag},
        {"IfMatch": etag.strip('"')},
        {"IfMatch": "*"},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": past},
        {"IfUnmodifiedSince": future},
        {"IfMatch": etag, "IfUnmodifiedSince": past},
        {"IfNoneMatch": '"other"', "IfModifiedSince": future},
    ):
        assert s3.get_object(**args, **fine)["Body"].read() == b"x"
    for failing in ({"IfMatch": '"other"'}, {"IfUnmodifiedSince": past}):
        assert refusal(s3.get_object, **args, **failing)[1] == 412
        assert refusal(s3.head_object, **args, **failing)[1] == 412
    for unmodified in ({"IfNoneMatch": etag}, {"IfModifiedSince": future}):
        assert refusal(s3.get_object, **args, **unmodified)[1] == 304


def test_conditions_of_writes(s3: Any, repository: str) -> None:
    args = {"Bucket": repository, "Key": "main/x"}

    assert refusal(s3.put_object, **args, Body=b"1", IfMatch='"x"')[1] == 404
    etag = s3.put_object(**args, Body=b"1", IfNoneMatch="*")["ETag"]

    failed = ("PreconditionFailed", 412)
    assert refusal(s3.put_object, **args, Body=b"2", IfNoneMatch="*") == failed
    assert refusal(s3.put_object, **args, Body=b"2", IfMatch='"x"') == failed
    s3.put_object(**args, Body=b"3", IfMatch=etag)
    assert s3.get_object(**args)["Body"].read() == b"3"
    large = b"l" * 1_000_000
    assert refusal(s3.put_object, **args, Body=large, IfNoneMatch="*") == failed


def test_reads_are_pinned_at_tags_and_commits(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    s3.put_object(Bucket=repository, Key="main/x", Body=b"one")
    first = server.commit(repository)
    server.tag(repository, "v1", "main")
    s3.put_object(Bucket=repository, Key="main/x", Body=b"two")
    second = server.commit(repository)
    staged = s3.put_object(Bucket=repository, Key="main/x", Body=b"three")

    def read(ref: str, **arguments: str) -> tuple[bytes, str]:
        got = s3.get_object(Bucket=repository, Key=f"{ref}/x", **arguments)
        return got["Body"].read(), got["VersionId"]

    assert read("v1") == read(first) == read(first[:12]) == (b"one", first)
    assert read("main~1") == read("main", VersionId=first) == (b"one", first)
    assert read("main@") == (b"two", second)
    assert read("main") == (b"three", "null") == read("main", VersionId="null")
    assert staged["VersionId"] == "null"
    pinned = s3.get_object(Bucket=f"{repository}.v1", Key="x")
    assert pinned["Body"].read() == b"one"


def test_only_branches_take_writes(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    s3.put_object(Bucket=repository, Key="main/x", Body=b"one")
    commit = server.commit(repository)
    server.tag(repository, "v1", "main")

    for ref in ("v1", commit, "main~1", "main@"):
        for size in (1, 1_000_000):
            put = refusal(
                s3.put_object, Bucket=repository, Key=f"{ref}/x", Body=b"x" * size
            )
            assert put == ("AccessDenied", 403)
        deleted = refusal(s3.delete_object, Bucket=repository, Key=f"{ref}/x")
        assert deleted == ("AccessDenied", 403)
    nowhere = ("NoSuchBucket", 404)
    put = refusal(s3.put_object, Bucket=repository, Key="mian/x", Body=b"x")
    assert put == nowhere
    assert refusal(s3.get_object, Bucket=repository, Key="mian/x") == ("NoSuchKey", 404)
    assert refusal(s3.get_object, Bucket="no-such-one", Key="main/x") == nowhere


def test_markers_of_directories_at_a_ref_have_no_effect(
    s3: Any, repository: str
) -> None:
    s3.put_object(Bucket=repository, Key="main/", Body=b"")
    s3.delete_object(Bucket=repository, Key="main/")
    s3.delete_object(Bucket=repository, Key="main")

    assert refusal(s3.get_object, Bucket=repository, Key="main/") == ("NoSuchKey", 404)
    for key, body in (("main", b""), ("main/", b"x")):
        put = refusal(s3.put_object, Bucket=repository, Key=key, Body=body)
        assert put == ("InvalidArgument", 400)


def test_deleting_what_is_not_there_is_no_error(s3: Any, repository: str) -> None:
    answer = s3.delete_object(Bucket=repository, Key="main/nothing")

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_bytes_that_do_not_sum_up_are_not_stored(
    server: ServerProcess, s3: Any, repository: str, size: int
) -> None:
    body = b"a" * size
    wrong = b"b" * size

    def claims(data: bytes) -> list[dict[str, str]]:
        def b64(digest: bytes) -> str:
            return base64.b64encode(digest).decode()

        crc = zlib.crc32(data).to_bytes(4, "big")
        return [
            {"Content-MD5": b64(hashlib.md5(data).digest())},
            {"x-amz-checksum-crc32": b64(crc)},
            {"x-amz-checksum-sha1": b64(hashlib.sha1(data).digest())},
            {"x-amz-checksum-sha256": b64(hashlib.sha256(data).digest())},
            {"x-amz-content-sha256": hashlib.sha256(data).hexdigest()},
        ]

    for claim in claims(wrong):
        got = server.send("PUT", f"/{repository}/main/x", claim, body)
        assert got.status == 400, claim
        assert b"BadDigest" in got.body or b"XAmzContentSHA256Mismatch" in got.body
        assert server.send("GET", f"/{repository}/main/x").status == 404
    for claim in claims(body):
        got = server.send("PUT", f"/{repository}/main/x", claim, body)
        assert got.status == 200, claim
        for name, value in claim.items():
            if name.startswith("x-amz-checksum"):
                assert got.headers[name] == value


def test_an_unsigned_body_is_taken(server: ServerProcess, repository: str) -> None:
    headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}

    assert server.send("PUT", f"/{repository}/main/x", headers, b"x").status == 200


def test_presigned_urls_work(server: ServerProcess, repository: str) -> None:
    s3 = server.s3(signature_version="s3v4")
    args = {"Bucket": repository, "Key": "main/a b+ü"}

    def presign(operation: str, **more: str) -> str:
        url: str = s3.generate_presigned_url(operation, Params={**args, **more})
        return url.removeprefix(server.url)

    put = server.send_as_it_is("PUT", presign("put_object"), {}, b"body")
    got = server.send_as_it_is("GET", presign("get_object"), {})
    named = server.send_as_it_is(
        "GET", presign("get_object", ResponseContentType="text/x"), {}
    )
    tampered = server.send_as_it_is("GET", presign("head_object"), {})

    assert put.status == 200
    assert got.body == named.body == b"body"
    assert named.headers["content-type"] == "text/x"
    assert tampered.status == 403
