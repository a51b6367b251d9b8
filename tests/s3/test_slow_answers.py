"""What takes long keeps its connection alive, and says at the end how it came out."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError
from lakebed.server.chunks import joining
from lakebed.server.chunks.joining import JoinedBlob
from lakebed.server.errors import StorageFailedError
from lakebed.server.repository import completing
from lakebed.server.settings import Settings

from support.edges import connect, read_all, write_head
from support.s3local import run_local
from support.s3server import ServerProcess

S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("slow") / "lake"
    with run_local(directory, Settings(silence_s_max=0.02)) as running:
        yield running


class Gate:
    """Holds completions back until it is opened, and lets them fail if that is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Event()
        self.failure: Exception | None = None
        join: Any = joining.join_blob

        def wait_and_join(*arguments: Any, **named: Any) -> JoinedBlob:
            assert self.opened.wait(30)
            if self.failure is not None:
                raise self.failure
            joined: JoinedBlob = join(*arguments, **named)
            return joined

        monkeypatch.setattr(completing, "join_blob", wait_and_join)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


class Slow:
    """An upload of one part, and its completion over a bare connection."""

    def __init__(self, server: ServerProcess, repository: str) -> None:
        self.server = server
        self.s3 = server.s3()
        self.where = {"Bucket": repository, "Key": "main/slow"}
        self.id = self.s3.create_multipart_upload(**self.where)["UploadId"]
        self.etag = self.s3.upload_part(
            **self.where, UploadId=self.id, PartNumber=1, Body=b"x"
        )["ETag"]

    def send(self) -> socket.socket:
        document = (
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            f"<ETag>{self.etag}</ETag></Part></CompleteMultipartUpload>"
        ).encode()
        target = f"/{self.where['Bucket']}/main/slow?uploadId={self.id}"
        headers = self.server.sign("POST", target, {}, body=document)
        headers |= {"Content-Length": str(len(document)), "Connection": "close"}
        headers.setdefault("Host", self.server.address)
        connection = connect(self.server)
        lines = [
            f"POST {target} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        connection.sendall(write_head(lines) + document)
        return connection

    def complete(self) -> dict[str, Any]:
        listed = [{"PartNumber": 1, "ETag": self.etag}]
        answer: dict[str, Any] = self.s3.complete_multipart_upload(
            **self.where, UploadId=self.id, MultipartUpload={"Parts": listed}
        )
        return answer


def read_until_it_waits(connection: socket.socket) -> bytes:
    """Read the head and a few signs of life."""
    got = b""
    while got.count(b" \r\n") < 3:
        got += connection.recv(65536)
    return got


def document_in(raw: bytes) -> bytes:
    """Return the body of a response in chunks."""
    head, _, rest = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return body


def test_white_space_comes_until_the_result_does(
    server: ServerProcess, repository: str, gate: Gate
) -> None:
    slow = Slow(server, repository)
    with slow.send() as connection:
        got = read_until_it_waits(connection)
        gate.opened.set()
        body = document_in(got + read_all(connection))

    assert body.startswith(b"<?xml ")
    assert b"  <CompleteMultipartUploadResult" in body
    root = ElementTree.fromstring(body)
    assert root.findtext(f"{S3}Key") == "main/slow"
    assert root.findtext(f"{S3}ETag") == slow.complete()["ETag"]


def test_an_error_that_comes_late_is_one_all_the_same(
    server: ServerProcess, repository: str, gate: Gate
) -> None:
    slow = Slow(server, repository)
    gate.failure = StorageFailedError("the disk refused")
    with slow.send() as connection:
        got = read_until_it_waits(connection)
        gate.opened.set()
        body = document_in(got + read_all(connection))

    root = ElementTree.fromstring(body)
    assert (root.tag, root.findtext("Code")) == ("Error", "InternalError")
    gate.failure = None
    slow.complete()


def test_a_late_defect_is_logged_without_the_query_of_its_request(
    server: ServerProcess,
    repository: str,
    gate: Gate,
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow = Slow(server, repository)
    gate.failure = RuntimeError("a defect")
    with slow.send() as connection:
        got = read_until_it_waits(connection)
        gate.opened.set()
        body = document_in(got + read_all(connection))

    assert b"InternalError" in body
    (record,) = [one for one in caplog.records if "defect" in one.getMessage()]
    assert vars(record)["path"] == f"/{repository}/main/slow"


def test_sdks_take_a_late_error_for_one(
    server: ServerProcess, repository: str, gate: Gate
) -> None:
    slow = Slow(server, repository)
    gate.failure = StorageFailedError("the disk refused")
    timer = threading.Timer(0.2, gate.opened.set)
    timer.start()

    with pytest.raises(ClientError, match="InternalError"):
        slow.complete()
    timer.join()


def test_what_was_begun_goes_on_when_the_client_goes(
    server: ServerProcess, repository: str, gate: Gate
) -> None:
    slow = Slow(server, repository)
    with slow.send() as connection:
        read_until_it_waits(connection)
    gate.opened.set()

    done = slow.complete()

    got = slow.s3.get_object(**slow.where)["Body"].read()
    assert (got, done["ETag"]) == (b"x", slow.s3.head_object(**slow.where)["ETag"])


def test_an_error_that_comes_soon_has_its_status(
    server: ServerProcess, repository: str
) -> None:
    slow = Slow(server, repository)
    slow.etag = '"wrong"'

    with pytest.raises(ClientError, match="InvalidPart") as caught:
        slow.complete()
    error: Any = caught.value
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
