"""Bodies on the wire: signed and framed in every way, slow, broken off, and lying."""

from __future__ import annotations

import base64
import os
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lakebed.server.s3.checksums import Algorithm
from lakebed.server.settings import Settings

from support.s3local import run_local
from support.s3raw import (
    SIGNED_CHUNKS,
    SIGNED_CHUNKS_TRAILER,
    UNSIGNED,
    UNSIGNED_CHUNKS_TRAILER,
    Raw,
    Signer,
    Wire,
    frame,
)
from support.s3server import ADMIN, Answer, ServerProcess

CHUNK_BYTES = 64 * 1024
SIZES = [0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 3_000_000]
CRC32 = "x-amz-checksum-crc32"


def b64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def crc32(data: bytes) -> str:
    return b64(zlib.crc32(data).to_bytes(4, "big"))


def pieces(data: bytes) -> list[bytes]:
    return [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]


def put(server: ServerProcess, path: str, mode: str, data: bytes) -> Raw:
    """Return a signed PUT of `data`, framed."""
    raw = Raw("PUT", path, headers={"host": server.address})
    signer = Signer(ADMIN)
    if mode == UNSIGNED:
        raw.sign_header(signer, mode)
        raw.body = data
        return raw
    raw.headers["x-amz-decoded-content-length"] = str(len(data))
    raw.headers["content-encoding"] = "aws-chunked"
    trailers = {}
    if mode.endswith("TRAILER"):
        trailers = {CRC32: crc32(data)}
        raw.headers["x-amz-trailer"] = CRC32
    seed = raw.sign_header(signer, mode)
    is_signed = mode != UNSIGNED_CHUNKS_TRAILER
    raw.body = b"".join(
        frame(
            pieces(data),
            signer=signer if is_signed else None,
            seed=seed,
            trailers=trailers,
            sign_trailer=mode == SIGNED_CHUNKS_TRAILER,
        )
    )
    return raw


def exchange(server: ServerProcess, raw: Raw, **headers: str) -> Answer:
    raw.headers |= headers or {"content-length": str(len(raw.body))}
    with Wire(server) as wire:
        return wire.exchange(raw)


def code_of(answer: Answer) -> str:
    return answer.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "mode", [SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER]
)
@pytest.mark.parametrize("with_length", [True, False], ids=["length", "te-chunked"])
def test_streams_are_taken(
    server: ServerProcess, repository: str, mode: str, size: int, with_length: bool
) -> None:
    data = os.urandom(size)
    raw = put(server, f"/{repository}/main/x", mode, data)
    headers = {}
    if not with_length:
        framed = b"".join(
            b"%x\r\n%b\r\n" % (len(part), part) for part in pieces(raw.body)
        )
        raw.body = framed + b"0\r\n\r\n"
        headers = {"transfer-encoding": "chunked"}

    answer = exchange(server, raw, **headers)

    assert answer.status == 200, answer
    got = server.send(
        "GET", f"/{repository}/main/x", {"x-amz-checksum-mode": "ENABLED"}
    )
    assert got.body == data
    assert "content-encoding" not in got.headers
    expected = crc32(data) if mode.endswith("TRAILER") else None
    assert answer.headers.get(CRC32) == got.headers.get(CRC32) == expected


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_plain_body_in_chunks_of_http_needs_its_length(
    server: ServerProcess, repository: str, size: int
) -> None:
    data = os.urandom(size)
    raw = Raw("PUT", f"/{repository}/main/x", headers={"host": server.address})
    raw.headers["x-amz-decoded-content-length"] = str(size)
    raw.sign_header(Signer(ADMIN), UNSIGNED)
    raw.body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, data)

    answer = exchange(server, raw, **{"transfer-encoding": "chunked"})

    assert answer.status == 200, answer
    assert server.send("GET", f"/{repository}/main/x").body == data


# --- checksums ------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("size", [10, 1_000_000])
def test_checksums_are_verified_kept_and_given_back(
    server: ServerProcess, repository: str, algorithm: Algorithm, size: int
) -> None:
    data = os.urandom(size)
    target = f"/{repository}/main/x"
    text = b64(algorithm.compute(data))
    expected = {algorithm.header: text, "x-amz-checksum-type": "FULL_OBJECT"}

    def shown(answer: Answer) -> dict[str, str]:
        names = [name for name in answer.headers if name.startswith("x-amz-checksum-")]
        return {name: answer.headers[name] for name in names}

    wrong = b64(algorithm.compute(data + b"x"))
    refused = server.send("PUT", target, {algorithm.header: wrong}, data)
    assert (refused.status, code_of(refused)) == (400, "BadDigest")
    assert server.send("GET", target).status == 404

    put = server.send("PUT", target, {algorithm.header: text}, data)
    assert (put.status, shown(put)) == (200, expected)
    enabled = {"x-amz-checksum-mode": "ENABLED"}
    for method in ("GET", "HEAD"):
        assert shown(server.send(method, target, enabled)) == expected
        assert shown(server.send(method, target)) == {}
        ranged = {**enabled, "Range": "bytes=0-4"}
        assert shown(server.send(method, target, ranged)) == {}

    server.send("PUT", target, {}, data)
    assert shown(server.send("GET", target, enabled)) == {}


def test_checksums_stay_with_the_object(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    """Through commits, merges and copies, whose entries the engine carries along."""
    s3.put_object(
        Bucket=repository, Key="main/old", Body=b"o", ChecksumAlgorithm="SHA1"
    )
    server.commit(repository)
    server.create_branch(repository, "side")
    put = s3.put_object(
        Bucket=repository, Key="side/x", Body=b"x", ChecksumAlgorithm="CRC64NVME"
    )
    server.commit(repository, "side")
    s3.put_object(Bucket=repository, Key="main/y", Body=b"y")
    server.commit(repository)

    server.rest("POST", f"/repositories/{repository}/refs/side/merge/main", {})
    server.rest(
        "POST",
        f"/repositories/{repository}/branches/main/objects/copy?dest_path=again",
        {"src_path": "x", "src_ref": "side"},
    )

    for key in ("side/x", "main/x", "main~1/y", "main/again"):
        got = s3.head_object(Bucket=repository, Key=key, ChecksumMode="ENABLED")
        name = "ChecksumCRC32" if key.endswith("y") else "ChecksumCRC64NVME"
        assert got["ChecksumType"] == "FULL_OBJECT"
        assert name in got, key
        if not key.endswith("y"):
            assert got[name] == put[name]
    old = s3.head_object(Bucket=repository, Key="side/old", ChecksumMode="ENABLED")
    assert "ChecksumSHA1" in old


# --- what is said wrongly -------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "headers", "code"),
    [
        (SIGNED_CHUNKS, {"x-amz-decoded-content-length": ""}, "InvalidArgument"),
        (SIGNED_CHUNKS, {"x-amz-decoded-content-length": "-1"}, "InvalidArgument"),
        (SIGNED_CHUNKS, {"x-amz-decoded-content-length": "1e3"}, "InvalidArgument"),
        (SIGNED_CHUNKS, {"x-amz-decoded-content-length": "9" * 17}, "InvalidArgument"),
        (SIGNED_CHUNKS, {"x-amz-decoded-content-length": "999"}, "IncompleteBody"),
        (SIGNED_CHUNKS, {"x-amz-decoded-content-length": "1001"}, "IncompleteBody"),
        (SIGNED_CHUNKS, {"x-amz-trailer": CRC32}, "InvalidRequest"),
        (UNSIGNED, {"x-amz-trailer": CRC32}, "InvalidRequest"),
        (UNSIGNED, {"x-amz-decoded-content-length": "999"}, "IncompleteBody"),
        (UNSIGNED_CHUNKS_TRAILER, {"x-amz-trailer": "x-amz-meta-a"}, "InvalidRequest"),
        (
            UNSIGNED_CHUNKS_TRAILER,
            {"x-amz-trailer": "x-amz-checksum-sha1"},
            "MalformedTrailerError",
        ),
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", {}, "InvalidRequest"),
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", {}, "InvalidRequest"),
        ("STREAMING-OTHER", {}, "InvalidArgument"),
        ("streaming-unsigned-payload-trailer", {}, "InvalidArgument"),
    ],
)
def test_headers_that_lie_about_a_body_are_refused(
    server: ServerProcess,
    repository: str,
    mode: str,
    headers: dict[str, str],
    code: str,
) -> None:
    data = b"x" * 1000
    raw = put(server, f"/{repository}/main/x", mode, data)
    raw.headers |= headers
    raw.headers.pop("authorization")
    signer = Signer(ADMIN)
    seed = raw.sign_header(signer, mode)
    if mode == SIGNED_CHUNKS:
        raw.body = b"".join(frame([data], signer=signer, seed=seed))

    answer = exchange(server, raw)

    assert (answer.status, code_of(answer)) == (400, code)
    assert server.send("GET", f"/{repository}/main/x").status == 404


def test_a_stream_needs_its_decoded_length(
    server: ServerProcess, repository: str
) -> None:
    raw = put(server, f"/{repository}/main/x", UNSIGNED_CHUNKS_TRAILER, b"x")
    del raw.headers["x-amz-decoded-content-length"]
    del raw.headers["authorization"]
    raw.sign_header(Signer(ADMIN), UNSIGNED_CHUNKS_TRAILER)

    answer = exchange(server, raw)

    assert (answer.status, code_of(answer)) == (411, "MissingContentLength")


def test_a_stream_over_the_limit_is_refused_before_it_is_sent(
    server: ServerProcess, repository: str
) -> None:
    raw = put(server, f"/{repository}/main/x", SIGNED_CHUNKS, b"")
    raw.headers["x-amz-decoded-content-length"] = str(5 * 2**30 + 1)
    raw.headers["content-length"] = str(5 * 2**30 + 10**8)
    raw.headers["expect"] = "100-continue"
    del raw.headers["authorization"]
    raw.sign_header(Signer(ADMIN), SIGNED_CHUNKS)

    with Wire(server) as wire:
        wire.send(raw.head)
        answer = wire.read()
        assert (answer.status, code_of(answer)) == (400, "EntityTooLarge")
        assert wire.is_closed()


@pytest.mark.parametrize("mode", [SIGNED_CHUNKS, UNSIGNED_CHUNKS_TRAILER])
@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_a_stream_is_asked_for_once_the_caller_is_let_in(
    server: ServerProcess, repository: str, mode: str, size: int
) -> None:
    raw = put(server, f"/{repository}/main/x", mode, os.urandom(size))
    raw.headers |= {"content-length": str(len(raw.body)), "expect": "100-continue"}

    with Wire(server) as wire:
        wire.send(raw.head)
        assert wire.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(raw.body)
        assert wire.read().status == 200


@pytest.mark.parametrize("mode", [UNSIGNED, SIGNED_CHUNKS])
def test_an_empty_body_is_asked_for_too(
    server: ServerProcess, repository: str, mode: str
) -> None:
    raw = put(server, f"/{repository}/main/x", mode, b"")
    raw.headers |= {"content-length": str(len(raw.body)), "expect": "100-continue"}

    with Wire(server) as wire:
        for _ in range(2):
            wire.send(raw.head)
            assert wire.socket.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
            wire.send(raw.body)
            assert wire.read().status == 200


def test_a_connection_ends_on_which_an_empty_body_was_refused_unasked(
    server: ServerProcess,
) -> None:
    raw = put(server, "/anything/main/x", UNSIGNED, b"")
    raw.headers |= {"content-length": "0", "expect": "100-continue"}
    raw.headers["authorization"] += "0"

    with Wire(server) as wire:
        wire.send(raw.head)
        assert wire.read().status == 403
        assert wire.is_closed()


# --- slow and broken ------------------------------------------------------------------


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that waits half a second for a body to go on."""
    directory = tmp_path_factory.mktemp("impatient") / "lake"
    settings = Settings(body_step_s_max=0.5, streams_max=1, streams_waiting_max=1)
    with run_local(directory, settings) as running:
        running.create_repository("repo")
        yield running


@pytest.mark.parametrize("mode", [UNSIGNED, SIGNED_CHUNKS, UNSIGNED_CHUNKS_TRAILER])
@pytest.mark.parametrize("size", [1000, 1_000_000])
@pytest.mark.parametrize("sent", [0, 10, 999])
def test_a_body_that_stalls_is_given_up(
    impatient: ServerProcess, mode: str, size: int, sent: int
) -> None:
    data = os.urandom(size)
    raw = put(impatient, "/repo/main/stalled", mode, data)
    raw.headers["content-length"] = str(len(raw.body))

    with Wire(impatient) as wire:
        wire.send(raw.head + raw.body[:sent])
        answer = wire.read()

    assert (answer.status, code_of(answer)) == (400, "RequestTimeout")
    # The one stream that it held is free again.
    large = impatient.send("PUT", "/repo/main/large", {}, os.urandom(1_000_000))
    assert large.status == 200
    assert impatient.send("GET", "/repo/main/stalled").status == 404


def test_a_body_that_drips_is_given_up(impatient: ServerProcess) -> None:
    """A byte now and then is no progress."""
    raw = put(impatient, "/repo/main/dripping", UNSIGNED, os.urandom(1_000_000))
    raw.headers["content-length"] = str(len(raw.body))
    done = threading.Event()

    with Wire(impatient) as wire:
        wire.send(raw.head)

        def drip() -> None:
            at = 0
            while not done.wait(0.05):
                wire.send(raw.body[at : at + 1])
                at += 1

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            answer = wire.read()
        finally:
            done.set()
            dripping.join()

    assert (answer.status, code_of(answer)) == (400, "RequestTimeout")


@pytest.mark.parametrize(
    "mode", [UNSIGNED, SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER]
)
@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_bodies_that_break_off_leave_nothing_and_no_noise(
    tmp_path: Path, mode: str, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    with run_local(tmp_path / "lake") as server:
        server.create_repository("repo")
        raw = put(server, "/repo/main/x", mode, os.urandom(size))
        raw.headers["content-length"] = str(len(raw.body))
        for sent in (0, 1, len(raw.body) // 2, len(raw.body) - 1):
            with Wire(server) as wire:
                wire.send(raw.head + raw.body[:sent])
            with Wire(server) as wire:  # half closed: the answer can be read
                wire.send(raw.head + raw.body[:sent])
                wire.socket.shutdown(1)
                wire.is_closed()

        assert server.send("GET", "/repo/main/x").status == 404
        assert server.send("PUT", "/repo/main/x", {}, b"x").status == 200

    assert [record.message for record in caplog.records] == []


@pytest.mark.parametrize(
    "framing",
    [
        b"zz\r\nhello\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello!!\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_malformed_chunks_of_http_are_refused(
    server: ServerProcess, repository: str, framing: bytes
) -> None:
    raw = Raw("PUT", f"/{repository}/main/x", headers={"host": server.address})
    raw.headers["x-amz-decoded-content-length"] = "5"
    raw.sign_header(Signer(ADMIN), UNSIGNED)
    raw.headers["transfer-encoding"] = "chunked"
    raw.body = framing

    with Wire(server) as wire:
        answer = wire.exchange(raw)
        assert answer.status == 400
        assert wire.is_closed()
    assert server.send("GET", f"/{repository}/main/x").status == 404


@pytest.mark.parametrize("sent", [0, 10])
@pytest.mark.parametrize(
    ("target", "content_type", "size"),
    [
        ("/branches/main/objects?path=a", "text/plain", 1000),
        ("/branches/main/objects?path=a", "text/plain", 1_000_000),
        ("/branches/main/objects?path=a", "multipart/form-data; boundary=b", 1_000_000),
        ("/branches/main/commits", "application/json", 1000),
    ],
)
def test_a_body_that_stalls_is_given_up_by_rest_too(
    impatient: ServerProcess, target: str, content_type: str, size: int, sent: int
) -> None:
    """It holds the same streams."""
    pair = base64.b64encode(f"{ADMIN.id}:{ADMIN.secret}".encode()).decode()
    raw = Raw("POST", f"/api/v1/repositories/repo{target}")
    raw.headers = {
        "host": impatient.address,
        "authorization": f"Basic {pair}",
        "content-type": content_type,
        "content-length": str(size),
    }
    form = b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\n'
    body = form if content_type.startswith("multipart") else b"{"

    with Wire(impatient) as wire:
        wire.send(raw.head.replace(b"%3F", b"?") + (body if sent else b""))
        answer = wire.read()

    assert answer.status == 408
    assert b"body-stalled" in answer.body
    large = impatient.send("PUT", "/repo/main/large", {}, os.urandom(1_000_000))
    assert large.status == 200


@pytest.mark.parametrize("sent", [0, 70])
def test_a_form_that_stalls_is_given_up(impatient: ServerProcess, sent: int) -> None:
    """Also before it is known who sends it."""
    raw = Raw("POST", "/repo", headers={"host": impatient.address})
    raw.headers["content-type"] = "multipart/form-data; boundary=b"
    raw.headers["content-length"] = "1000000"
    raw.body = (
        b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nmain/form\r\n--b'
    )

    with Wire(impatient) as wire:
        wire.send(raw.head + raw.body[:sent])
        answer = wire.read("POST")

    assert (answer.status, code_of(answer)) == (400, "RequestTimeout")
