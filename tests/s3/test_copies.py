"""CopyObject: another name for the same bytes, wherever the source is."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.s3answers import code_of, refusal
from support.s3server import ServerProcess


@pytest.fixture
def source(s3: Any, repository: str) -> str:
    """A repository with `main/a b+c/ü` committed, described and tagged."""
    s3.put_object(
        Bucket=repository,
        Key="main/a b+c/ü",
        Body=b"content",
        ContentType="text/csv",
        CacheControl="max-age=5",
        Metadata={"one": "1"},
        Tagging="k=v",
        WebsiteRedirectLocation="/elsewhere",
    )
    return repository


def test_a_copy_has_the_bytes_etag_and_metadata_of_its_source(
    s3: Any, source: str
) -> None:
    key = {"Bucket": source, "Key": "main/a b+c/ü"}
    before = s3.head_object(**key)

    done = s3.copy_object(Bucket=source, Key="main/copy", CopySource=key)

    got = s3.get_object(Bucket=source, Key="main/copy")
    assert got["Body"].read() == b"content"
    assert done["CopyObjectResult"]["ETag"] == got["ETag"] == before["ETag"]
    assert (got["ContentType"], got["CacheControl"]) == ("text/csv", "max-age=5")
    assert (got["Metadata"], got["TagCount"]) == ({"one": "1"}, 1)
    assert "WebsiteRedirectLocation" not in got
    assert done["VersionId"] == done["CopySourceVersionId"] == "null"
    modified = done["CopyObjectResult"]["LastModified"].replace(microsecond=0)
    assert modified == got["LastModified"]


def test_a_copy_takes_new_metadata_if_told_to(s3: Any, source: str) -> None:
    s3.copy_object(
        Bucket=source,
        Key="main/copy",
        CopySource={"Bucket": source, "Key": "main/a b+c/ü"},
        MetadataDirective="REPLACE",
        Metadata={"two": "2"},
    )

    got = s3.get_object(Bucket=source, Key="main/copy")
    assert (got["Metadata"], got["TagCount"]) == ({"two": "2"}, 1)
    assert got["ContentType"] == "binary/octet-stream"
    assert "CacheControl" not in got


def test_a_copy_takes_new_tags_if_told_to(s3: Any, source: str) -> None:
    s3.copy_object(
        Bucket=source,
        Key="main/copy",
        CopySource={"Bucket": source, "Key": "main/a b+c/ü"},
        TaggingDirective="REPLACE",
        Tagging="x=1&y=2",
        Metadata={"passed": "over"},
    )

    got = s3.get_object(Bucket=source, Key="main/copy")
    assert (got["Metadata"], got["TagCount"]) == ({"one": "1"}, 2)


def test_copies_go_across_branches_commits_and_repositories(
    server: ServerProcess, s3: Any, source: str
) -> None:
    other = server.create_repository(f"{source}-other")
    commit_id = server.commit(source)
    server.create_branch(source, "dev")
    s3.delete_object(Bucket=source, Key="main/a b+c/ü")

    for number, where in enumerate(
        [
            {"Bucket": source, "Key": "dev/a b+c/ü"},
            {"Bucket": source, "Key": f"{commit_id}/a b+c/ü"},
            {"Bucket": source, "Key": "main@/a b+c/ü"},
            {"Bucket": f"{source}.dev", "Key": "a b+c/ü"},
            {"Bucket": source, "Key": "main/a b+c/ü", "VersionId": commit_id},
        ]
    ):
        done = s3.copy_object(Bucket=other, Key=f"main/{number}", CopySource=where)
        assert done["CopySourceVersionId"] == commit_id
        got = s3.get_object(Bucket=other, Key=f"main/{number}")
        assert got["Body"].read() == b"content"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "//",
        "REPO",
        "/REPO",
        "REPO/",
        "REPO/main",
        "REPO/main/",
        "/REPO/main/x?versionId=",
        "/REPO/main/x?versionId=1",
        "/REPO/main/x?version=null",
        "/REPO/main/%zz",
        "/REPO/main/%ff",
        "/REPO/main/%00",
        "http://127.0.0.1/REPO/main/x",
        "?versionId=null",
    ],
)
def test_a_source_that_names_nothing_is_refused(
    server: ServerProcess, repository: str, text: str
) -> None:
    server.send("PUT", f"/{repository}/main/x", {}, b"x")
    headers = {"x-amz-copy-source": text.replace("REPO", repository)}

    got = server.send("PUT", f"/{repository}/main/copy", headers)

    if text.startswith("http"):  # a bucket of a strange name
        assert (got.status, code_of(got)) == (404, "NoSuchBucket")
    else:
        assert (got.status, code_of(got)) == (400, "InvalidArgument")
    assert server.send("GET", f"/{repository}/main/copy").status == 404


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("REPO/main/none", "NoSuchKey"),
        ("REPO/none/x", "NoSuchKey"),
        ("REPO/main/../x", "NoSuchKey"),
        ("REPO/main/%2e%2e/REPO/main/x", "NoSuchKey"),
        ("REPO/main//x", "NoSuchKey"),
        ("none/main/x", "NoSuchBucket"),
        ("none/main/%2e%2e/%2e%2e/REPO/main/x", "NoSuchBucket"),
        ("REPO/main/x?versionId=" + 64 * "0", "NoSuchKey"),
    ],
)
def test_a_source_that_is_not_there_is_refused(
    server: ServerProcess, repository: str, text: str, code: str
) -> None:
    server.send("PUT", f"/{repository}/main/x", {}, b"x")
    headers = {"x-amz-copy-source": text.replace("REPO", repository)}

    got = server.send("PUT", f"/{repository}/main/copy", headers)

    assert (got.status, code_of(got)) == (404, code)
    assert server.send("GET", f"/{repository}/main/copy").status == 404


@pytest.mark.parametrize(
    "text", ["/REPO/main/a%2Fb", "REPO/main/a/b", "%2FREPO%2Fmain%2Fa%2Fb"]
)
def test_a_source_is_decoded_once(
    server: ServerProcess, repository: str, text: str
) -> None:
    server.send("PUT", f"/{repository}/main/a/b", {}, b"x")
    server.send("PUT", f"/{repository}/main/a%252Fb", {}, b"not this")
    headers = {"x-amz-copy-source": text.replace("REPO", repository)}

    assert server.send("PUT", f"/{repository}/main/copy", headers).status == 200

    assert server.send("GET", f"/{repository}/main/copy").body == b"x"


def test_a_plus_in_a_source_is_a_space(server: ServerProcess, repository: str) -> None:
    """As s5cmd writes it, and as AWS reads it."""
    server.send("PUT", f"/{repository}/main/a%20b%2Bc", {}, b"x")
    headers = {"x-amz-copy-source": f"{repository}/main/a+b%2Bc"}

    assert server.send("PUT", f"/{repository}/main/copy", headers).status == 200


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("conditions", "is_copied"),
    [
        ({"CopySourceIfMatch": "ETAG"}, True),
        ({"CopySourceIfMatch": '"00000000000000000000000000000000"'}, False),
        ({"CopySourceIfNoneMatch": "ETAG"}, False),
        ({"CopySourceIfNoneMatch": '"other"'}, True),
        ({"CopySourceIfModifiedSince": -HOUR}, True),
        ({"CopySourceIfModifiedSince": HOUR}, False),
        ({"CopySourceIfUnmodifiedSince": HOUR}, True),
        ({"CopySourceIfUnmodifiedSince": -HOUR}, False),
        ({"CopySourceIfMatch": "ETAG", "CopySourceIfUnmodifiedSince": -HOUR}, True),
        ({"CopySourceIfNoneMatch": "ETAG", "CopySourceIfModifiedSince": -HOUR}, False),
    ],
)
def test_conditions_on_the_source(
    s3: Any, source: str, conditions: dict[str, Any], is_copied: bool
) -> None:
    key = {"Bucket": source, "Key": "main/a b+c/ü"}
    etag = s3.head_object(**key)["ETag"]
    given = {
        name: etag
        if value == "ETAG"
        else datetime.now(UTC) + value
        if isinstance(value, timedelta)
        else value
        for name, value in conditions.items()
    }
    arguments = {"Bucket": source, "Key": "main/copy", "CopySource": key, **given}

    if is_copied:
        s3.copy_object(**arguments)
    else:
        assert refusal(s3.copy_object, **arguments) == ("PreconditionFailed", 412)
        listed = s3.list_objects_v2(Bucket=source, Prefix="main/copy")
        assert listed["KeyCount"] == 0


def test_conditions_on_the_destination(s3: Any, source: str) -> None:
    key = {"Bucket": source, "Key": "main/a b+c/ü"}
    to = {"Bucket": source, "Key": "main/copy", "CopySource": key}

    assert refusal(s3.copy_object, **to, IfMatch='"a"') == ("NoSuchKey", 404)
    s3.copy_object(**to, IfNoneMatch="*")
    taken = refusal(s3.copy_object, **to, IfNoneMatch="*")
    assert taken == ("PreconditionFailed", 412)
    assert refusal(s3.copy_object, **to, IfMatch='"a"') == ("PreconditionFailed", 412)
    s3.copy_object(**to, IfMatch=s3.head_object(**key)["ETag"])


def test_a_copy_onto_itself_must_change_something(
    server: ServerProcess, s3: Any, source: str
) -> None:
    key = {"Bucket": source, "Key": "main/a b+c/ü"}

    assert refusal(s3.copy_object, **key, CopySource=key) == ("InvalidRequest", 400)
    by_ref = {"Bucket": f"{source}.main", "Key": "a b+c/ü"}
    assert refusal(s3.copy_object, **key, CopySource=by_ref) == ("InvalidRequest", 400)
    s3.copy_object(
        **key, CopySource=key, MetadataDirective="REPLACE", ContentType="a/b"
    )

    got = s3.get_object(**key)
    assert (got["Body"].read(), got["ContentType"]) == (b"content", "a/b")


def test_an_old_version_is_restored_by_copying_it_onto_its_key(
    server: ServerProcess, s3: Any, source: str
) -> None:
    key = {"Bucket": source, "Key": "main/a b+c/ü"}
    commit_id = server.commit(source)
    s3.put_object(**key, Body=b"newer")

    s3.copy_object(**key, CopySource={**key, "VersionId": commit_id})

    assert s3.get_object(**key)["Body"].read() == b"content"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-amz-metadata-directive": "KEEP"}, (400, "InvalidArgument")),
        ({"x-amz-tagging-directive": "copy"}, (400, "InvalidArgument")),
        ({"x-amz-storage-class": "GLACIERS"}, (400, "InvalidStorageClass")),
        ({"x-amz-server-side-encryption": "aws:kms"}, (501, "NotImplemented")),
        (
            {"x-amz-copy-source-server-side-encryption-customer-key": "a"},
            (501, "NotImplemented"),
        ),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, (501, "NotImplemented")),
        ({"If-None-Match": '"etag"'}, (501, "NotImplemented")),
    ],
)
def test_headers_of_a_copy_that_cannot_be_kept_are_refused(
    server: ServerProcess, repository: str, headers: dict[str, str], expected: Any
) -> None:
    server.send("PUT", f"/{repository}/main/x", {}, b"x")
    sent = {"x-amz-copy-source": f"{repository}/main/x", **headers}

    got = server.send("PUT", f"/{repository}/main/copy", sent)

    assert (got.status, code_of(got)) == expected
    assert server.send("GET", f"/{repository}/main/copy").status == 404


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("REPO/v1/copy", (403, "AccessDenied")),
        ("REPO/main~0/copy", (403, "AccessDenied")),
        ("REPO/none/copy", (404, "NoSuchBucket")),
        ("none/main/copy", (404, "NoSuchBucket")),
        ("REPO/main/", (400, "InvalidArgument")),
        ("REPO/main", (400, "InvalidArgument")),
    ],
)
def test_a_copy_lands_on_branches_only(
    server: ServerProcess, repository: str, target: str, expected: Any
) -> None:
    server.send("PUT", f"/{repository}/main/x", {}, b"x")
    server.tag(repository, "v1", "main")
    headers = {"x-amz-copy-source": f"{repository}/main/x"}

    got = server.send("PUT", f"/{target.replace('REPO', repository)}", headers)

    assert (got.status, code_of(got)) == expected


def test_the_checksum_of_the_source_comes_along(s3: Any, repository: str) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    put = s3.put_object(**key, Body=b"content", ChecksumAlgorithm="CRC64NVME")

    done = s3.copy_object(Bucket=repository, Key="main/copy", CopySource=key)

    expected = put["ChecksumCRC64NVME"]
    assert done["CopyObjectResult"]["ChecksumCRC64NVME"] == expected
    got = s3.head_object(Bucket=repository, Key="main/copy", ChecksumMode="ENABLED")
    assert got["ChecksumCRC64NVME"] == expected


def test_a_copy_is_summed_up_in_another_way_if_told_to(
    s3: Any, repository: str
) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    body = bytes(3_000_000)
    s3.put_object(**key, Body=body, ChecksumAlgorithm="CRC32")

    s3.copy_object(
        Bucket=repository, Key="main/copy", CopySource=key, ChecksumAlgorithm="SHA256"
    )

    got = s3.head_object(Bucket=repository, Key="main/copy", ChecksumMode="ENABLED")
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert got["ChecksumSHA256"] == digest
    assert "ChecksumCRC32" not in got
