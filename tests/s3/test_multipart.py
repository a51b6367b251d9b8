"""Multipart uploads through boto3 and by hand: what comes out is what went in, once."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError
from lakebed.server.settings import Settings

from support.s3local import run_local
from support.s3server import ServerProcess

KIB, MIB = 1024, 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One that takes small parts: the rules are the same, the tests quicker."""
    directory = tmp_path_factory.mktemp("multipart") / "lake"
    with run_local(directory, Settings(part_bytes_min=100 * KIB)) as running:
        yield running


@pytest.fixture(scope="module")
def s3(server: ServerProcess) -> Any:
    return server.s3()


def random_bytes(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def etag_of(parts: list[bytes]) -> str:
    md5s = b"".join(hashlib.md5(part).digest() for part in parts)
    return f'"{hashlib.md5(md5s).hexdigest()}-{len(parts)}"'


class Upload:
    """An upload and what of it was put."""

    def __init__(self, s3: Any, bucket: str, key: str, **asked: Any) -> None:
        self.s3 = s3
        self.where = {"Bucket": bucket, "Key": key}
        self.id = s3.create_multipart_upload(**self.where, **asked)["UploadId"]
        self.parts: dict[int, dict[str, Any]] = {}

    @property
    def target(self) -> dict[str, str]:
        return {**self.where, "UploadId": self.id}

    def put(self, number: int, body: bytes, **given: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.s3.upload_part(
            **self.target, PartNumber=number, Body=body, **given
        )
        self._note(number, answer)
        return answer

    def copy(self, number: int, source: str, **given: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.s3.upload_part_copy(
            **self.target, PartNumber=number, CopySource=source, **given
        )["CopyPartResult"]
        self._note(number, answer)
        return answer

    def _note(self, number: int, answer: dict[str, Any]) -> None:
        sums = {key: answer[key] for key in answer if key.startswith("Checksum")}
        self.parts[number] = {"PartNumber": number, "ETag": answer["ETag"], **sums}

    def complete(self, *numbers: int, **given: Any) -> dict[str, Any]:
        listed = [self.parts[number] for number in numbers or sorted(self.parts)]
        done: dict[str, Any] = self.s3.complete_multipart_upload(
            **self.target, MultipartUpload={"Parts": listed}, **given
        )
        return done


def refused(call: Any, *arguments: Any, **named: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    error: Any = caught.value
    response = error.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def read(s3: Any, bucket: str, key: str, **given: Any) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=key, **given)["Body"].read()
    return body


def blob_id(server: ServerProcess, repository: str, path: str) -> str:
    stat = server.rest(
        "GET", f"/repositories/{repository}/refs/main/objects/stat?path={path}"
    )
    return str(stat["physical_address"])


def test_parts_out_of_order_and_sent_again_become_the_object(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    bodies = [random_bytes(2 * MIB, 1), random_bytes(3 * MIB, 2), b"the end"]
    upload = Upload(
        s3, repository, "main/a/big.bin", Metadata={"k": "v"}, ContentType="x/y"
    )
    upload.put(3, bodies[2])
    upload.put(1, b"not this")
    upload.put(2, bodies[1])
    upload.put(1, bodies[0])

    done = upload.complete()

    whole = b"".join(bodies)
    assert done["ETag"] == etag_of(bodies)
    assert (done["Bucket"], done["Key"]) == (repository, "main/a/big.bin")
    head = s3.head_object(Bucket=repository, Key="main/a/big.bin")
    assert (head["ContentLength"], head["ETag"]) == (len(whole), done["ETag"])
    assert (head["Metadata"], head["ContentType"]) == ({"k": "v"}, "x/y")
    assert read(s3, repository, "main/a/big.bin") == whole
    s3.put_object(Bucket=repository, Key="main/single.bin", Body=whole)
    assert blob_id(server, repository, "a/big.bin") == blob_id(
        server, repository, "single.bin"
    )


@pytest.mark.parametrize("bucket", ["{}", "{}.main"], ids=["ref in key", "in bucket"])
def test_an_upload_of_one_part_is_the_object_in_both_addressings(
    server: ServerProcess, s3: Any, repository: str, bucket: str
) -> None:
    """Arrow does this for every file, however small."""
    bucket = bucket.format(repository)
    key = "one" if "." in bucket else "main/one"
    upload = Upload(s3, bucket, key)
    upload.put(1, b"small")

    done = upload.complete()

    assert (done["Bucket"], done["Key"]) == (bucket, key)
    assert done["Location"] == f"{server.url}/{bucket}/{key}"
    assert read(s3, bucket, key) == b"small"
    s3.put_object(Bucket=bucket, Key=f"{key}-single", Body=b"small")
    assert blob_id(server, repository, "one") == blob_id(
        server, repository, "one-single"
    )


def test_parts_that_are_not_listed_are_dropped_and_gaps_are_none(
    s3: Any, repository: str
) -> None:
    upload = Upload(s3, repository, "main/gaps")
    upload.put(7, b"a" * 100 * KIB)
    upload.put(8, b"not listed")
    upload.put(10_000, b"z")

    upload.complete(7, 10_000)

    assert read(s3, repository, "main/gaps") == b"a" * 100 * KIB + b"z"


def test_a_part_of_no_bytes_is_one(s3: Any, repository: str) -> None:
    upload = Upload(s3, repository, "main/empty")
    upload.put(1, b"")

    done = upload.complete()

    assert done["ETag"] == etag_of([b""])
    assert read(s3, repository, "main/empty") == b""


def test_a_list_out_of_order_is_refused(s3: Any, repository: str) -> None:
    upload = Upload(s3, repository, "main/order")
    for number in (1, 2):
        upload.put(number, bytes(100 * KIB))

    assert refused(upload.complete, 2, 1) == ("InvalidPartOrder", 400)
    assert refused(upload.complete, 1, 1) == ("InvalidPartOrder", 400)
    upload.complete(1, 2)


def test_a_small_part_before_the_last_is_refused_and_the_upload_stays(
    s3: Any, repository: str
) -> None:
    upload = Upload(s3, repository, "main/small")
    upload.put(1, bytes(100 * KIB - 1))
    upload.put(2, b"x")

    assert refused(upload.complete) == ("EntityTooSmall", 400)
    upload.put(1, bytes(100 * KIB))
    upload.complete()


def test_a_part_that_is_not_there_or_another_one_is_refused(
    s3: Any, repository: str
) -> None:
    upload = Upload(s3, repository, "main/wrong")
    upload.put(1, b"one")

    upload.parts[2] = {"PartNumber": 2, "ETag": upload.parts[1]["ETag"]}
    assert refused(upload.complete) == ("InvalidPart", 400)
    del upload.parts[2]
    etag = upload.parts[1]["ETag"]
    upload.parts[1]["ETag"] = '"' + "0" * 32 + '"'
    assert refused(upload.complete) == ("InvalidPart", 400)
    upload.parts[1]["ETag"] = etag
    upload.parts[1]["ChecksumCRC32"] = "AAAAAA=="
    assert refused(upload.complete) == ("InvalidPart", 400)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("", "MalformedXML"),
        ("<CompleteMultipartUpload/>", "MalformedXML"),
        ("<Other><Part/></Other>", "MalformedXML"),
        (
            (
                "<CompleteMultipartUpload><Part><ETag>x</ETag></Part>"
                "</CompleteMultipartUpload>"
            ),
            "MalformedXML",
        ),
        (
            (
                "<CompleteMultipartUpload><Part><PartNumber>one</PartNumber>"
                "<ETag>x</ETag></Part></CompleteMultipartUpload>"
            ),
            "MalformedXML",
        ),
        (
            (
                "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                "<PartNumber>2</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>"
            ),
            "MalformedXML",
        ),
        (
            (
                "<CompleteMultipartUpload><Part><PartNumber>10001</PartNumber>"
                "<ETag>x</ETag></Part></CompleteMultipartUpload>"
            ),
            "InvalidArgument",
        ),
        (
            (
                "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag>"
                "<ChecksumCRC32>short</ChecksumCRC32></Part></CompleteMultipartUpload>"
            ),
            "InvalidRequest",
        ),
    ],
)
def test_a_list_that_is_none_is_refused(
    server: ServerProcess, s3: Any, repository: str, document: str, code: str
) -> None:
    upload = Upload(s3, repository, "main/malformed")

    answer = server.send(
        "POST",
        f"/{repository}/main/malformed?uploadId={upload.id}",
        {},
        document.encode(),
    )

    assert answer.status == 400
    assert f"<Code>{code}</Code>".encode() in answer.body


@pytest.mark.parametrize("number", ["0", "10001", "-1", "x", ""])
def test_a_part_number_out_of_bounds_is_refused(
    server: ServerProcess, s3: Any, repository: str, number: str
) -> None:
    upload = Upload(s3, repository, "main/number")

    answer = server.send(
        "PUT",
        f"/{repository}/main/number?partNumber={number}&uploadId={upload.id}",
        {},
        b"x",
    )

    assert answer.status == 400
    assert b"<Code>InvalidArgument</Code>" in answer.body


def test_an_upload_works_with_its_own_bucket_ref_and_key_only(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    server.create_branch(repository, "other")
    upload = Upload(s3, repository, "main/mine")
    upload.put(1, b"x")
    for bucket, key in [
        (repository, "main/other"),
        (repository, "other/mine"),
        (server.create_repository(f"{repository}-b"), "main/mine"),
    ]:
        target = {"Bucket": bucket, "Key": key, "UploadId": upload.id}
        parts = {"Parts": [upload.parts[1]]}
        nothing = ("NoSuchUpload", 404)
        assert refused(s3.list_parts, **target) == nothing
        assert refused(s3.upload_part, **target, PartNumber=1, Body=b"y") == nothing
        assert refused(s3.abort_multipart_upload, **target) == nothing
        assert (
            refused(s3.complete_multipart_upload, **target, MultipartUpload=parts)
            == nothing
        )
    assert (
        refused(s3.list_parts, Bucket=repository, Key="main/mine", UploadId="../x")
        == nothing
    )
    upload.complete()


def test_the_same_completion_succeeds_again_whatever_happened_since(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    upload = Upload(s3, repository, "main/again", ChecksumAlgorithm="CRC32")
    upload.put(1, bytes(100 * KIB))
    upload.put(2, b"x")
    first = upload.complete(IfNoneMatch="*")
    again = upload.complete(IfNoneMatch="*")
    s3.put_object(Bucket=repository, Key="main/again", Body=b"newer")
    server.commit(repository)

    later = upload.complete(IfNoneMatch="*")

    for key in ("ETag", "ChecksumCRC32", "ChecksumType"):
        assert first[key] == again[key] == later[key]
    assert read(s3, repository, "main/again") == b"newer"
    assert refused(upload.complete, 1) == ("NoSuchUpload", 404)
    assert refused(s3.abort_multipart_upload, **upload.target) == ("NoSuchUpload", 404)
    assert refused(s3.list_parts, **upload.target) == ("NoSuchUpload", 404)
    assert refused(upload.put, 3, b"late") == ("NoSuchUpload", 404)


def test_an_aborted_upload_is_gone(s3: Any, repository: str) -> None:
    upload = Upload(s3, repository, "main/aborted")
    upload.put(1, b"x")

    s3.abort_multipart_upload(**upload.target)

    for call in (s3.abort_multipart_upload, s3.list_parts):
        assert refused(call, **upload.target) == ("NoSuchUpload", 404)
    assert refused(upload.complete) == ("NoSuchUpload", 404)
    assert refused(s3.head_object, **upload.where)[1] == 404


def test_a_branch_that_is_deleted_takes_its_uploads_along(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    server.create_branch(repository, "short")
    upload = Upload(s3, repository, "short/x")
    upload.put(1, b"x")
    server.rest("DELETE", f"/repositories/{repository}/branches/short")

    assert refused(upload.complete) == ("NoSuchBucket", 404)
    assert refused(upload.put, 2, b"y") == ("NoSuchBucket", 404)
    assert refused(s3.list_parts, **upload.target) == ("NoSuchUpload", 404)
    server.create_branch(repository, "short")
    assert refused(upload.complete) == ("NoSuchUpload", 404)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=repository)


def test_uploads_to_what_takes_no_writes_are_refused(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    s3.put_object(Bucket=repository, Key="main/x", Body=b"x")
    commit_id = server.commit(repository)
    server.tag(repository, "v1", commit_id)

    create = s3.create_multipart_upload
    assert refused(create, Bucket=repository, Key="v1/x") == ("AccessDenied", 403)
    assert refused(create, Bucket=repository, Key=f"{commit_id}/x") == (
        "AccessDenied",
        403,
    )
    assert refused(create, Bucket=repository, Key="nowhere/x") == ("NoSuchBucket", 404)
    assert refused(create, Bucket=repository, Key="main/") == ("InvalidArgument", 400)


def test_conditions_are_those_of_the_moment_of_completion(
    s3: Any, repository: str
) -> None:
    upload = Upload(s3, repository, "main/condition")
    upload.put(1, b"mine")
    s3.put_object(Bucket=repository, Key="main/condition", Body=b"first")

    assert refused(upload.complete, IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert refused(upload.complete, IfMatch='"0"') == ("PreconditionFailed", 412)
    etag = s3.head_object(Bucket=repository, Key="main/condition")["ETag"]
    upload.complete(IfMatch=etag)
    assert read(s3, repository, "main/condition") == b"mine"


def test_a_match_with_nothing_is_a_missing_key(s3: Any, repository: str) -> None:
    upload = Upload(s3, repository, "main/absent")
    upload.put(1, b"mine")

    assert refused(upload.complete, IfMatch='"0"') == ("NoSuchKey", 404)


def test_the_size_of_the_whole_is_checked(s3: Any, repository: str) -> None:
    upload = Upload(s3, repository, "main/size")
    upload.put(1, b"four")

    assert refused(upload.complete, MpuObjectSize=5) == ("InvalidRequest", 400)
    upload.complete(MpuObjectSize=4)


# --- checksums ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("CRC32", "COMPOSITE"),
        ("CRC32", "FULL_OBJECT"),
        ("CRC32C", "COMPOSITE"),
        ("CRC32C", "FULL_OBJECT"),
        ("CRC64NVME", "FULL_OBJECT"),
        ("SHA1", "COMPOSITE"),
        ("SHA256", "COMPOSITE"),
    ],
)
def test_checksums_of_parts_become_that_of_the_whole(
    s3: Any, repository: str, algorithm: str, kind: str
) -> None:
    bodies = [random_bytes(300 * KIB, 1), random_bytes(101 * KIB, 2), b"end"]
    upload = Upload(
        s3, repository, "main/sums", ChecksumAlgorithm=algorithm, ChecksumType=kind
    )
    for number, body in enumerate(bodies, 1):
        upload.put(number, body, ChecksumAlgorithm=algorithm)

    done = upload.complete()

    field = f"Checksum{algorithm}"
    assert done["ChecksumType"] == kind
    whole = b"".join(bodies)
    if kind == "FULL_OBJECT":
        s3.put_object(
            Bucket=repository, Key="main/sum", Body=whole, ChecksumAlgorithm=algorithm
        )
        single = s3.head_object(
            Bucket=repository, Key="main/sum", ChecksumMode="ENABLED"
        )
        assert done[field] == single[field]
    else:
        assert done[field].endswith("-3")
    head = s3.head_object(Bucket=repository, Key="main/sums", ChecksumMode="ENABLED")
    assert (head[field], head["ChecksumType"]) == (done[field], kind)
    assert read(s3, repository, "main/sums", ChecksumMode="ENABLED") == whole


def test_the_checksum_of_the_whole_is_checked(s3: Any, repository: str) -> None:
    upload = Upload(
        s3,
        repository,
        "main/checked",
        ChecksumAlgorithm="CRC32",
        ChecksumType="FULL_OBJECT",
    )
    upload.put(1, b"123456789", ChecksumAlgorithm="CRC32")

    assert refused(upload.complete, ChecksumCRC32="AAAAAA==") == ("BadDigest", 400)
    assert refused(upload.complete, ChecksumCRC32="AAAA") == ("InvalidRequest", 400)
    assert refused(upload.complete, ChecksumType="COMPOSITE") == ("InvalidRequest", 400)
    done = upload.complete(ChecksumCRC32="y/Q5Jg==", ChecksumType="FULL_OBJECT")
    assert done["ChecksumCRC32"] == "y/Q5Jg=="


def test_a_part_with_another_kind_of_checksum_is_refused(
    s3: Any, repository: str
) -> None:
    upload = Upload(s3, repository, "main/kinds", ChecksumAlgorithm="SHA256")

    assert refused(upload.put, 1, b"x", ChecksumAlgorithm="CRC32") == (
        "InvalidRequest",
        400,
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "FULL_OBJECT"},
        {"x-amz-checksum-algorithm": "CRC64NVME", "x-amz-checksum-type": "COMPOSITE"},
        {"x-amz-checksum-type": "COMPOSITE"},
        {"x-amz-checksum-algorithm": "CRC99"},
    ],
)
def test_checksums_that_s3_has_not_are_refused(
    server: ServerProcess, repository: str, headers: dict[str, str]
) -> None:
    answer = server.send("POST", f"/{repository}/main/x?uploads", headers)

    assert answer.status == 400
    assert b"<Code>InvalidRequest</Code>" in answer.body


def test_parts_without_a_checksum_get_that_of_the_upload(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    """A copied part cannot bring one, so the server sums it up; others as well."""
    upload = Upload(
        s3, repository, "main/own", ChecksumAlgorithm="SHA1", ChecksumType="COMPOSITE"
    )
    body = random_bytes(300 * KIB)
    target = f"/{repository}/main/own?partNumber=1&uploadId={upload.id}"
    answer = server.send("PUT", target, {}, body)

    assert answer.status == 200
    assert answer.headers["x-amz-checksum-sha1"]
    (part,) = s3.list_parts(**upload.target)["Parts"]
    assert part["ChecksumSHA1"] == answer.headers["x-amz-checksum-sha1"]


def test_a_composite_checksum_takes_that_of_each_part(s3: Any, repository: str) -> None:
    upload = Upload(s3, repository, "main/missing", ChecksumAlgorithm="CRC32")
    upload.put(1, b"x", ChecksumAlgorithm="CRC32")
    checksum = upload.parts[1].pop("ChecksumCRC32")

    assert refused(upload.complete) == ("InvalidRequest", 400)
    upload.parts[1]["ChecksumCRC32"] = checksum
    upload.complete()


# --- reading by part ------------------------------------------------------------------


def test_parts_can_be_read_by_number(s3: Any, repository: str) -> None:
    bodies = [random_bytes(2 * MIB, 1), random_bytes(2 * MIB, 2), b"end"]
    upload = Upload(s3, repository, "main/parts")
    for number, body in enumerate(bodies, 1):
        upload.put(number * 10, body)
    upload.complete()
    s3.copy_object(
        Bucket=repository, Key="main/copy", CopySource=f"{repository}/main/parts"
    )

    for key in ("main/parts", "main/copy"):
        for number, body in enumerate(bodies, 1):
            got = s3.get_object(Bucket=repository, Key=key, PartNumber=number)
            assert got["Body"].read() == body
            assert got["PartsCount"] == 3
            assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        head = s3.head_object(Bucket=repository, Key=key, PartNumber=2)
        assert head["ContentLength"] == 2 * MIB
    get = s3.get_object
    where = {"Bucket": repository, "Key": "main/parts"}
    assert refused(get, **where, PartNumber=4) == ("InvalidPartNumber", 416)
    assert refused(get, **where, PartNumber=1, Range="bytes=0-1") == (
        "InvalidRequest",
        400,
    )
    assert refused(get, **where, PartNumber=0) == ("InvalidArgument", 400)


def test_an_object_of_one_piece_has_one_part(s3: Any, repository: str) -> None:
    where = {"Bucket": repository, "Key": "main/piece"}
    s3.put_object(**where, Body=b"piece")

    got = s3.get_object(**where, PartNumber=1)

    assert got["Body"].read() == b"piece"
    assert got["ContentRange"] == "bytes 0-4/5"
    assert "PartsCount" not in got
    assert refused(s3.get_object, **where, PartNumber=2) == ("InvalidPartNumber", 416)


# --- copies ---------------------------------------------------------------------------


def test_ranges_of_other_objects_become_parts(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    source = random_bytes(5 * MIB, 3)
    s3.put_object(Bucket=repository, Key="main/source", Body=source)
    server.commit(repository)
    server.create_branch(repository, "copies")
    upload = Upload(s3, repository, "copies/joined")
    whole = f"{repository}/main/source"
    upload.copy(1, whole, CopySourceRange="bytes=1000-3000000")
    upload.put(2, bodies := random_bytes(200 * KIB, 4))
    upload.copy(3, whole)
    upload.copy(4, whole, CopySourceRange="bytes=5-5")

    done = upload.complete()

    parts = [source[1000:3_000_001], bodies, source, source[5:6]]
    assert done["ETag"] == etag_of(parts)
    assert read(s3, repository, "copies/joined") == b"".join(parts)
    s3.put_object(Bucket=repository, Key="main/joined", Body=b"".join(parts))
    stat = server.rest(
        "GET", f"/repositories/{repository}/refs/copies/objects/stat?path=joined"
    )
    assert stat["physical_address"] == blob_id(server, repository, "joined")


def test_a_small_source_can_be_a_part(s3: Any, repository: str) -> None:
    s3.put_object(Bucket=repository, Key="main/small", Body=b"0123456789")
    upload = Upload(s3, repository, "main/slice")
    upload.copy(1, f"/{repository}/main/small", CopySourceRange="bytes=3-5")

    upload.complete()

    assert read(s3, repository, "main/slice") == b"345"


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("bytes=0-10", "InvalidRange", 416),
        ("bytes=10-11", "InvalidRange", 416),
        ("bytes=5-4", "InvalidArgument", 400),
        ("bytes=0-", "InvalidArgument", 400),
        ("bytes=-5", "InvalidArgument", 400),
        ("0-5", "InvalidArgument", 400),
        ("bytes=0-1,3-4", "InvalidArgument", 400),
    ],
)
def test_a_range_of_a_source_that_is_none_is_refused(
    s3: Any, repository: str, text: str, code: str, status: int
) -> None:
    s3.put_object(Bucket=repository, Key="main/ten", Body=b"0123456789")
    upload = Upload(s3, repository, "main/slice")

    source = f"{repository}/main/ten"
    assert refused(upload.copy, 1, source, CopySourceRange=text) == (code, status)


def test_conditions_on_a_source_are_kept(s3: Any, repository: str) -> None:
    etag = s3.put_object(Bucket=repository, Key="main/s", Body=b"x")["ETag"]
    upload = Upload(s3, repository, "main/d")
    source = f"{repository}/main/s"

    assert refused(upload.copy, 1, source, CopySourceIfNoneMatch=etag) == (
        "PreconditionFailed",
        412,
    )
    assert refused(upload.copy, 1, f"{repository}/main/none") == ("NoSuchKey", 404)
    upload.copy(1, source, CopySourceIfMatch=etag)


def test_parts_of_many_sizes_leave_room_for_all_that_can_be_said_of_the_object(
    tmp_path: Path,
) -> None:
    with run_local(tmp_path / "lake", Settings(part_bytes_min=1)) as small:
        small.create_repository("sizes")
        s3 = small.s3()
        upload = Upload(s3, "sizes", "main/of-many-sizes")
        for number in range(1, 501):
            upload.put(number, b"x" * (1000 + number))
        upload.complete()
        tags = [{"Key": f"{n}".zfill(128), "Value": "v" * 256} for n in range(10)]

        s3.copy_object(
            Bucket="sizes",
            Key="main/copy",
            CopySource="sizes/main/of-many-sizes",
            MetadataDirective="REPLACE",
            Metadata={"a": "x" * 2000},
        )
        s3.put_object_tagging(Bucket="sizes", Key="main/copy", Tagging={"TagSet": tags})

        assert s3.head_object(Bucket="sizes", Key="main/copy")["Metadata"]


# --- listings -------------------------------------------------------------------------


def test_parts_are_listed_in_pages(s3: Any, repository: str) -> None:
    upload = Upload(s3, repository, "main/listed", ChecksumAlgorithm="CRC32")
    for number in (1, 3, 5, 9):
        upload.put(number, b"x" * number)

    first = s3.list_parts(**upload.target, MaxParts=3)
    second = s3.list_parts(
        **upload.target, PartNumberMarker=first["NextPartNumberMarker"]
    )

    assert [part["PartNumber"] for part in first["Parts"]] == [1, 3, 5]
    assert (first["IsTruncated"], first["NextPartNumberMarker"]) == (True, 5)
    assert [part["Size"] for part in second["Parts"]] == [9]
    assert second["IsTruncated"] is False
    assert first["ChecksumAlgorithm"] == "CRC32"
    assert first["Parts"][0]["ETag"] == upload.parts[1]["ETag"]
    assert first["Parts"][0]["ChecksumCRC32"] == upload.parts[1]["ChecksumCRC32"]
    assert first["Initiator"]["DisplayName"] == "admin"


def test_an_empty_part_marker_is_one_that_is_not_there(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    upload = Upload(s3, repository, "main/listed")
    upload.put(1, b"x")
    target = f"/{repository}/main/listed?uploadId={upload.id}&part-number-marker="

    assert server.send("GET", target).body.count(b"<PartNumber>1<") == 1


def walk_uploads(s3: Any, **asked: Any) -> tuple[list[tuple[str, str]], list[str]]:
    """Return all uploads and common prefixes of a listing, page by page."""
    uploads: list[tuple[str, str]] = []
    prefixes: list[str] = []
    for page in s3.get_paginator("list_multipart_uploads").paginate(**asked):
        uploads += [(each["Key"], each["UploadId"]) for each in page.get("Uploads", [])]
        prefixes += [each["Prefix"] for each in page.get("CommonPrefixes", [])]
    return uploads, prefixes


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_uploads_are_listed_in_the_order_of_keys_and_times(
    server: ServerProcess, s3: Any, repository: str, page_size: int
) -> None:
    server.create_branch(repository, "main-2")
    keys = ["main/b/1", "main/a", "main/b/2", "main/ü &", "main-2/z", "main/a"]
    made = [(key, Upload(s3, repository, key).id) for key in keys]
    pages = {"PaginationConfig": {"PageSize": page_size}}

    assert walk_uploads(s3, Bucket=repository, **pages) == (sorted(made), [])
    in_main = sorted((key, id_) for key, id_ in made if key.startswith("main/"))
    listed = walk_uploads(s3, Bucket=repository, Prefix="main/", **pages)
    assert listed == (in_main, [])
    paths = [(key.removeprefix("main/"), id_) for key, id_ in in_main]
    assert walk_uploads(s3, Bucket=f"{repository}.main", **pages) == (paths, [])
    assert walk_uploads(s3, Bucket=repository, Delimiter="/", **pages) == (
        [],
        ["main-2/", "main/"],
    )
    rolled = walk_uploads(
        s3, Bucket=f"{repository}.main", Delimiter="/", EncodingType="url", **pages
    )
    encoded = [(quote(key), id_) for key, id_ in paths if "/" not in key]
    assert rolled == (encoded, ["b/"])
    assert walk_uploads(s3, Bucket=repository, Prefix="main/b", **pages) == (
        [each for each in in_main if each[0].startswith("main/b")],
        [],
    )


def test_a_listing_goes_on_behind_an_id(s3: Any, repository: str) -> None:
    first, second = (Upload(s3, repository, "main/twice").id for _ in range(2))

    def listed(**asked: str) -> list[str]:
        page = s3.list_multipart_uploads(Bucket=repository, **asked)
        return [each["UploadId"] for each in page.get("Uploads", [])]

    assert listed(KeyMarker="main/twice", UploadIdMarker=first) == [second]
    assert listed(KeyMarker="main/twice") == []
    assert listed(UploadIdMarker=second) == [first, second]


# --- bodies that are not what they say ------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "BadDigest"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
        ({"x-amz-content-sha256": "0" * 64}, "XAmzContentSHA256Mismatch"),
        ({"x-amz-checksum-sha1": "AAAA"}, "InvalidRequest"),
    ],
)
@pytest.mark.parametrize("size", [10, 1024 * 1024])
def test_a_part_that_is_not_what_it_says_is_not_kept(
    server: ServerProcess,
    s3: Any,
    repository: str,
    headers: dict[str, str],
    code: str,
    size: int,
) -> None:
    upload = Upload(s3, repository, "main/body")
    target = f"/{repository}/main/body?partNumber=1&uploadId={upload.id}"

    answer = server.send("PUT", target, headers, b"x" * size)

    assert answer.status == 400
    assert f"<Code>{code}</Code>".encode() in answer.body
    assert "Parts" not in s3.list_parts(**upload.target)


def test_a_part_over_the_limit_is_refused_unread(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    upload = Upload(s3, repository, "main/over")
    target = f"/{repository}/main/over?partNumber=1&uploadId={upload.id}"
    headers = server.sign(
        "PUT", target, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, body=b""
    )
    headers |= {"Content-Length": str(5 * 1024**3 + 1), "Expect": "100-continue"}

    answer = server.send_as_it_is("PUT", target, headers)

    assert answer.status == 400
    assert b"<Code>EntityTooLarge</Code>" in answer.body


def test_a_list_of_ten_thousand_parts_is_read_quickly(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    """As long as documents of parts get; it ends with a part that nobody put."""
    upload = Upload(s3, repository, "main/list", ChecksumAlgorithm="SHA256")
    digest = "A" * 43 + "="
    document = "".join(
        f"<Part><ChecksumSHA256>{digest}</ChecksumSHA256><ETag>&quot;{'0' * 32}&quot;"
        f"</ETag><PartNumber>{number}</PartNumber></Part>"
        for number in range(1, 10_001)
    )
    target = f"/{repository}/main/list?uploadId={upload.id}"

    answer = server.send(
        "POST",
        target,
        {},
        f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>".encode(),
    )

    assert b"<Code>InvalidPart</Code>" in answer.body
    more = "<Part><ETag>x</ETag><PartNumber>1</PartNumber></Part>"
    answer = server.send(
        "POST",
        target,
        {},
        f"<CompleteMultipartUpload>{document}{more}</CompleteMultipartUpload>".encode(),
    )
    assert b"<Code>MalformedXML</Code>" in answer.body
