"""What the gateway refuses, and how it says so."""

from __future__ import annotations

import socket
from typing import Any
from xml.etree import ElementTree

import pytest
from lakebed.server.auth.secrets import AccessKey

from support.s3server import ADMIN, Answer, ServerProcess


def error_of(answer: Answer) -> dict[str, str]:
    """Return the elements of an error document."""
    root = ElementTree.fromstring(answer.body)
    assert root.tag == "Error"
    return {child.tag: child.text or "" for child in root}


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("PUT", "/B", "?policy"),
        ("DELETE", "/B", "?lifecycle"),
        ("DELETE", "/B", "?policy"),
        ("PUT", "/B", "?nonsense"),
        ("PUT", "/B/main/x", "?nonsense=1"),
        ("POST", "/", ""),
        ("OPTIONS", "/B", ""),
    ],
)
def test_what_is_not_in_the_table_is_not_implemented(
    server: ServerProcess, repository: str, method: str, path: str, query: str
) -> None:
    """Least of all is it the plain operation: the object is still there, unchanged."""
    server.send("PUT", f"/{repository}/main/x", {}, b"before")

    got = server.send(method, path.replace("B", repository) + query, {}, b"")

    assert (got.status, error_of(got)["Code"]) == (501, "NotImplemented")
    assert server.send("GET", f"/{repository}/main/x").body == b"before"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-server-side-encryption": "AES256"},
        {"x-amz-server-side-encryption-customer-algorithm": "AES256"},
        {"x-amz-acl": "public-read"},
        {"x-amz-object-lock-mode": "GOVERNANCE"},
        {"If-None-Match": '"etag"'},
    ],
)
def test_headers_that_ask_for_what_we_do_not_do_are_refused(
    server: ServerProcess, repository: str, headers: dict[str, str]
) -> None:
    got = server.send("PUT", f"/{repository}/main/x", headers, b"x")

    assert (got.status, error_of(got)["Code"]) == (501, "NotImplemented")
    assert server.send("GET", f"/{repository}/main/x").status == 404


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-MD5": "AAAA"}, "InvalidDigest"),
        ({"Content-MD5": "not base64"}, "InvalidDigest"),
        ({"x-amz-checksum-crc32": "AAAA"}, "InvalidRequest"),
        ({"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}, "BadDigest"),
        ({"x-amz-checksum-crc32c": "AAAAAA=="}, "BadDigest"),
        (
            {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-sha1": "AA=="},
            "InvalidRequest",
        ),
        ({"x-amz-sdk-checksum-algorithm": "CRC32"}, "InvalidRequest"),
        ({"x-amz-content-sha256": "UNSIGNED"}, "InvalidArgument"),
        ({"x-amz-content-sha256": "abc"}, "InvalidArgument"),
        ({"x-amz-storage-class": "GLACIER"}, "InvalidStorageClass"),
        ({"x-amz-tagging": "a=1&a=2"}, "InvalidTag"),
        ({"x-amz-tagging": "&".join(f"k{n}=v" for n in range(11))}, "InvalidTag"),
        ({"x-amz-meta-a": "x" * 2100}, "MetadataTooLarge"),
        ({"Cache-Control": "x" * 2100}, "InvalidArgument"),
        ({"x-amz-meta-a": "x" * 1500, "x-amz-meta-b": "x" * 600}, "MetadataTooLarge"),
        ({"x-amz-security-token": "token"}, "InvalidToken"),
    ],
)
def test_headers_that_cannot_be_right_are_refused(
    server: ServerProcess, repository: str, headers: dict[str, str], code: str
) -> None:
    got = server.send("PUT", f"/{repository}/main/x", headers, b"x")

    assert (got.status, error_of(got)["Code"]) == (400, code)
    assert server.send("GET", f"/{repository}/main/x").status == 404


def test_errors_name_the_request(server: ServerProcess, repository: str) -> None:
    got = server.send("GET", f"/{repository}/main/a%20b")

    error = error_of(got)
    assert got.status == 404
    assert got.headers["content-type"] == "application/xml"
    assert error["RequestId"] == got.headers["x-amz-request-id"]
    assert error["Resource"] == f"/{repository}/main/a%20b"
    assert error["Message"] == f"object not found: 'a b' in '{repository}/main'"


def test_errors_of_heads_have_no_body(server: ServerProcess, repository: str) -> None:
    for target in (f"/{repository}/main/none", "/no-such-repository"):
        got = server.send("HEAD", target)
        assert (got.status, got.body) == (404, b"")
        assert "x-amz-request-id" in got.headers


def test_a_key_that_is_too_long_is_refused(
    server: ServerProcess, repository: str
) -> None:
    got = server.send("PUT", f"/{repository}/main/{'x' * 1025}", {}, b"")
    fits = server.send("PUT", f"/{repository}/main/{'x' * 1024}", {}, b"")

    assert (got.status, error_of(got)["Code"]) == (400, "KeyTooLongError")
    assert fits.status == 200


@pytest.mark.parametrize("path", ["main/%00", "main/%zz", "main/%ff", "main/a%00b"])
def test_keys_that_are_no_text_are_refused(
    server: ServerProcess, repository: str, path: str
) -> None:
    got = server.send("PUT", f"/{repository}/{path}", {}, b"x")

    assert (got.status, error_of(got)["Code"]) == (400, "InvalidArgument")


def test_parameters_given_twice_are_refused(
    server: ServerProcess, repository: str
) -> None:
    got = server.send("GET", f"/{repository}?list-type=2&prefix=a&prefix=b")

    assert (got.status, error_of(got)["Code"]) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/B"), ("GET", "/B/main/x"), ("PUT", "/B/main/x")],
)
def test_without_a_right_signature_nothing_is_told(
    server: ServerProcess, repository: str, method: str, path: str
) -> None:
    """Neither whether a bucket or key is there, nor whether a condition holds."""
    server.send("PUT", f"/{repository}/main/x", {}, b"secret")
    wrong = AccessKey(ADMIN.id, "not-the-secret")
    unknown = AccessKey("NOBODY", "not-the-secret")
    conditions = {"If-None-Match": "*"}

    for target in (path.replace("B", repository), path.replace("B", "nowhere")):
        got = server.send(method, target, conditions, key=wrong)
        assert error_of(got)["Code"] == "SignatureDoesNotMatch"
        assert got.status == 403
        got = server.send(method, target, conditions, key=unknown)
        assert error_of(got)["Code"] == "InvalidAccessKeyId"
        if target != "/":
            got = server.send(method, target, conditions, key=None)
            assert error_of(got)["Code"] == "AccessDenied"
            assert got.status == 403


def test_presigning_with_version_2_is_told_what_to_use(
    server: ServerProcess, repository: str
) -> None:
    url = server.s3().generate_presigned_url(
        "get_object", Params={"Bucket": repository, "Key": "main/x"}
    )

    got = server.send_as_it_is("GET", url.removeprefix(server.url), {})

    assert got.status == 400
    assert "AWS4-HMAC-SHA256" in error_of(got)["Message"]


def test_boto_raises_its_own_classes(s3: Any, repository: str) -> None:
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=repository, Key="main/none")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="no-such-repository")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket=f"{repository}.none")


# --- on the wire ----------------------------------------------------------------------


def send_head(
    server: ServerProcess, target: str, size: int, key: AccessKey
) -> socket.socket:
    """Send the head of a PUT that waits for `100 Continue`; return the connection."""
    request = server.sign(
        "PUT", target, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, key
    )
    lines = [f"PUT {target} HTTP/1.1", f"Host: {server.address}"]
    lines += [f"{name}: {value}" for name, value in request.items()]
    lines += [f"Content-Length: {size}", "Expect: 100-continue", "", ""]
    host, port = server.address.split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    connection.sendall("\r\n".join(lines).encode())
    return connection


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_the_body_is_asked_for_once_the_caller_is_let_in(
    server: ServerProcess, repository: str, size: int
) -> None:
    with send_head(server, f"/{repository}/main/x", size, ADMIN) as connection:
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"x" * size)
        answer = connection.recv(1000)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert server.send("HEAD", f"/{repository}/main/x").headers["content-length"] == (
        str(size)
    )


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_the_body_of_a_refused_request_is_not_asked_for(
    server: ServerProcess, repository: str, size: int
) -> None:
    wrong = AccessKey(ADMIN.id, "not-the-secret")
    with send_head(server, f"/{repository}/main/x", size, wrong) as connection:
        answer = connection.recv(4000)

    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"Connection: close" in answer


@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_a_body_that_breaks_off_leaves_nothing(
    server: ServerProcess, repository: str, size: int
) -> None:
    with send_head(server, f"/{repository}/main/x", size, ADMIN) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"x" * (size - 1))

    assert server.send("GET", f"/{repository}/main/x").status == 404


def test_a_body_without_a_length_is_refused(
    server: ServerProcess, repository: str
) -> None:
    target = f"/{repository}/main/x"
    signed = server.sign("PUT", target, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})

    got = server.send_as_it_is(
        "PUT", target, {**signed, "Transfer-Encoding": "chunked"}, b"0\r\n\r\n"
    )

    assert (got.status, error_of(got)["Code"]) == (411, "MissingContentLength")


def test_long_lines_are_taken_up_to_the_limit(
    server: ServerProcess, repository: str
) -> None:
    value = "x" * 12_000

    assert server.send("GET", f"/{repository}/main/x", {"X-Long": value}).status == 404
    assert (
        server.send("GET", f"/{repository}/main/x", {"X-Long": value * 2}).status == 400
    )


def test_a_page_of_another_origin_may_nothing(
    server: ServerProcess, repository: str
) -> None:
    asked = {"Origin": "https://example.com", "Access-Control-Request-Method": "PUT"}

    for target in (f"/{repository}", f"/{repository}/main/x", "/no-such-bucket"):
        got = server.send("OPTIONS", target, asked, key=None)

        assert (got.status, error_of(got)["Code"]) == (403, "AccessForbidden")
        assert not any(name.startswith("access-control") for name in got.headers)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_an_empty_version_id_is_none(
    server: ServerProcess, repository: str, method: str
) -> None:
    server.send("PUT", f"/{repository}/main/x", {}, b"before")

    got = server.send(method, f"/{repository}/main/x?versionId=")

    assert got.status == 400
    assert server.send("GET", f"/{repository}/main/x").body == b"before"
