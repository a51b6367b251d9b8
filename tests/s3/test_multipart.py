"""Multipart uploads through boto3 and by hand: what comes out is what went in, once."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any

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
        answer = self.s3.upload_part(
            **self.target, PartNumber=number, Body=body, **given
        )
        self._note(number, answer)
        return answer

    def copy(self, number: int, source: str, **given: Any) -> dict[str, Any]:
        answer = self.s3.upload_part_copy(
            **self.target, PartNumber=number, CopySource=source, **given
        )["CopyPartResult"]
        self._note(number, answer)
        return answer

    def _note(self, number: int, answer: dict[str, Any]) -> None:
        sums = {key: answer[key] for key in answer if key.startswith("Checksum")}
        self.parts[number] = {"PartNumber": number, "ETag": answer["ETag"], **sums}

    def complete(self, *numbers: int, **given: Any) -> dict[str, Any]:
        listed = [self.parts[number] for number in numbers or sorted(self.parts)]
        return self.s3.complete_multipart_upload(
            **self.target, MultipartUpload={"Parts": listed}, **given
        )


def refused(call: Any, *arguments: Any, **named: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    response: Any = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def read(s3: Any, bucket: str, key: str, **given: Any) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key, **given)["Body"].read()


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
