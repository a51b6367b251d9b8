"""Uploads by the form of a page: what a policy allows goes through, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from lakebed.server.auth.secrets import AccessKey

from support.s3answers import code_of
from support.s3server import ADMIN, Answer, ServerProcess

FILE = b"content of the file"


def encode_form(
    fields: dict[str, str], file: bytes | None = FILE, file_name: str = "a.csv"
) -> tuple[bytes, str]:
    """Return a body and its content type; the file goes last."""
    boundary = uuid.uuid4().hex
    lines: list[bytes] = []
    for name, value in fields.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        lines += [head.encode(), value.encode(), b"\r\n"]
    if file is not None:
        lines += [
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="{file_name}"\r\nContent-Type: text/plain\r\n\r\n'.encode(),
            file,
            b"\r\n",
        ]
    lines.append(f"--{boundary}--\r\n".encode())
    return b"".join(lines), f"multipart/form-data; boundary={boundary}"


def post(
    server: ServerProcess, bucket: str, fields: dict[str, str], **form: Any
) -> Answer:
    body, content_type = encode_form(fields, **form)
    headers = {"Content-Type": content_type}
    return server.send_as_it_is("POST", f"/{bucket}", headers, body)


def sign_policy(policy: object, access_key: AccessKey = ADMIN) -> dict[str, str]:
    """Return the fields that sign `policy`, or what should be one."""
    now = datetime.now(UTC)
    date = f"{now:%Y%m%d}"
    text = policy if isinstance(policy, bytes) else json.dumps(policy).encode()
    encoded = base64.b64encode(text).decode()
    key = b"AWS4" + access_key.secret.encode()
    for part in (date, "us-east-1", "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{access_key.id}/{date}/us-east-1/s3/aws4_request",
        "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}",
        "policy": encoded,
        "x-amz-signature": hmac.new(key, encoded.encode(), hashlib.sha256).hexdigest(),
    }


def make_policy(bucket: str, *conditions: object, minutes: int = 5) -> dict[str, Any]:
    """Return a policy with `conditions`, and those that each policy needs."""
    expires = datetime.now(UTC) + timedelta(minutes=minutes)
    return {
        "expiration": f"{expires:%Y-%m-%dT%H:%M:%S}.000Z",
        "conditions": [
            {"bucket": bucket},
            ["starts-with", "$key", "main/up/"],
            ["starts-with", "$x-amz-algorithm", ""],
            ["starts-with", "$x-amz-credential", ""],
            ["starts-with", "$x-amz-date", ""],
            *conditions,
        ],
    }


def test_a_form_of_boto3_is_taken(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    signer = server.s3(signature_version="s3v4")
    made = signer.generate_presigned_post(
        repository,
        "main/up/${filename}",
        Fields={"Content-Type": "text/csv", "x-amz-meta-one": "1", "acl": "private"},
        Conditions=[
            {"Content-Type": "text/csv"},
            {"x-amz-meta-one": "1"},
            {"acl": "private"},
            ["content-length-range", 1, 100],
        ],
    )
    assert urlsplit(str(made["url"])).path == f"/{repository}"

    got = post(server, repository, made["fields"], file_name="dir/ü b.csv")

    assert (got.status, got.body) == (204, b"")
    put = s3.get_object(Bucket=repository, Key="main/up/ü b.csv")
    assert put["Body"].read() == FILE
    assert put["ETag"] == got.headers["etag"]
    assert (put["ContentType"], put["Metadata"]) == ("text/csv", {"one": "1"})


@pytest.mark.parametrize("size", [0, 1, 65536, 3_000_000])
def test_files_of_any_size_arrive(
    server: ServerProcess, s3: Any, repository: str, size: int
) -> None:
    file = bytes(range(251)) * (size // 251 + 1)
    fields = {"key": "main/up/x", **sign_policy(make_policy(repository))}

    assert post(server, repository, fields, file=file[:size]).status == 204

    got = s3.get_object(Bucket=repository, Key="main/up/x")
    assert got["Body"].read() == file[:size]


def test_the_ref_may_stand_in_the_bucket(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    bucket = f"{repository}.main"
    policy = make_policy(bucket)
    policy["conditions"][1] = {"key": "x"}

    got = post(server, bucket, {"key": "x", **sign_policy(policy)})

    assert got.status == 204
    assert s3.get_object(Bucket=repository, Key="main/x")["Body"].read() == FILE


@pytest.mark.parametrize(
    ("asked", "status"), [("200", 200), ("201", 201), ("204", 204), ("404", 204)]
)
def test_a_page_may_choose_its_status(
    server: ServerProcess, repository: str, asked: str, status: int
) -> None:
    policy = make_policy(repository, {"success_action_status": asked})
    fields = {
        "key": "main/up/a b",
        "success_action_status": asked,
        **sign_policy(policy),
    }

    got = post(server, repository, fields)

    assert got.status == status
    assert (b"<Key>main/up/a b</Key>" in got.body) == (status == 201)
    assert got.headers["location"] == f"/{repository}/main/up/a%20b"


@pytest.mark.parametrize(
    ("url", "is_gone_to"),
    [
        ("https://example.com/done", True),
        ("http://example.com/done?a=b", True),
        ("javascript:alert(1)", False),
        ("/done", False),
        ("https://example.com/\r\nx-evil: 1", False),
    ],
)
def test_a_page_may_be_redirected(
    server: ServerProcess, repository: str, url: str, is_gone_to: bool
) -> None:
    policy = make_policy(repository, ["starts-with", "$success_action_redirect", ""])
    fields = {
        "key": "main/up/x",
        "success_action_redirect": url,
        **sign_policy(policy),
    }

    got = post(server, repository, fields)

    assert "x-evil" not in got.headers
    if not is_gone_to:
        assert got.status == 204
        return
    assert got.status == 303
    assert got.headers["location"].startswith(url)
    facts = parse_qs(urlsplit(got.headers["location"]).query)
    assert facts["bucket"] == [repository]
    assert facts["key"] == ["main/up/x"]
    assert facts["etag"] == [got.headers["etag"]]


ALLOWED: dict[str, tuple[tuple[object, ...], dict[str, str]]] = {
    "eq": ((["eq", "$x-amz-meta-a", "1"],), {"x-amz-meta-a": "1"}),
    "no case": ((["StArTs-WiTh", "$X-AMZ-meta-A", "1"],), {"x-amz-META-a": "12"}),
    "ignored": ((), {"x-ignore-me": "1"}),
    "size": ((["content-length-range", len(FILE), len(FILE)],), {}),
    "tags": (
        (["starts-with", "$tagging", ""],),
        {
            "tagging": "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag>"
            "</TagSet></Tagging>"
        },
    ),
    "class": (
        ({"x-amz-storage-class": "STANDARD"},),
        {"x-amz-storage-class": "STANDARD"},
    ),
    "bucket": ((), {"bucket": "BUCKET"}),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_the_policy_allows_is_stored(
    server: ServerProcess, repository: str, case: str
) -> None:
    conditions, fields = ALLOWED[case]
    fields = {
        name: value.replace("BUCKET", repository) for name, value in fields.items()
    }
    signed = sign_policy(make_policy(repository, *conditions))

    got = post(server, repository, {"key": "main/up/x", **fields, **signed})

    assert got.status == 204
    assert server.send("HEAD", f"/{repository}/main/up/x").status == 200


REFUSED: dict[str, tuple[tuple[object, ...], dict[str, str], int, str]] = {
    "other key": ((), {"key": "main/other"}, 403, "AccessDenied"),
    "key by case": ((), {"key": "main/UP/x"}, 403, "AccessDenied"),
    "field of which nothing is said": (
        (),
        {"x-amz-meta-a": "1"},
        403,
        "AccessDenied",
    ),
    "content type of which nothing is said": (
        (),
        {"Content-Type": "text/html"},
        403,
        "AccessDenied",
    ),
    "other value": (
        ({"x-amz-meta-a": "1"},),
        {"x-amz-meta-a": "2"},
        403,
        "AccessDenied",
    ),
    "field that is missing": (({"x-amz-meta-a": "1"},), {}, 403, "AccessDenied"),
    "other bucket in a field": ((), {"bucket": "elsewhere"}, 403, "AccessDenied"),
    "too large": ((["content-length-range", 0, 5],), {}, 400, "EntityTooLarge"),
    "too small": ((["content-length-range", 50, 100],), {}, 400, "EntityTooSmall"),
    "no key": ((), {"key": ""}, 400, "InvalidArgument"),
    "ref alone": (
        (["starts-with", "$key", "main"],),
        {"key": "main/up/", "x-ignore": ""},
        403,
        "AccessDenied",
    ),
    "public": (
        ({"acl": "public-read"},),
        {"acl": "public-read"},
        400,
        "AccessControlListNotSupported",
    ),
    "encryption": (
        ({"x-amz-server-side-encryption": "aws:kms"},),
        {"x-amz-server-side-encryption": "aws:kms"},
        501,
        "NotImplemented",
    ),
    "copy source": (
        ({"x-amz-copy-source": "/a/b"},),
        {"x-amz-copy-source": "/a/b"},
        501,
        "NotImplemented",
    ),
    "token": (
        ({"x-amz-security-token": "a"},),
        {"x-amz-security-token": "a"},
        400,
        "InvalidToken",
    ),
    "checksum": (
        ({"x-amz-checksum-crc32": "AAAAAA=="},),
        {"x-amz-checksum-crc32": "AAAAAA=="},
        400,
        "BadDigest",
    ),
    "tags": (({"tagging": "<a/>"},), {"tagging": "<a/>"}, 400, "MalformedXML"),
    "long fields": (
        (["starts-with", "$x-amz-meta-a", ""],),
        {"x-amz-meta-a": "x" * 21_000},
        400,
        "MaxPostPreDataLengthExceeded",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_policy_does_not_allow_is_not_stored(
    server: ServerProcess, s3: Any, repository: str, case: str
) -> None:
    conditions, fields, status, code = REFUSED[case]
    signed = sign_policy(make_policy(repository, *conditions))

    got = post(server, repository, {"key": "main/up/x", **fields, **signed})

    assert (got.status, code_of(got)) == (status, code)
    assert s3.list_objects_v2(Bucket=repository, Prefix="main/")["KeyCount"] == 0


NO_POLICIES: list[object] = [
    b"",
    b"no json",
    b"[]",
    b"{}",
    b"[" * 5000,
    {"expiration": "2100-01-01T00:00:00Z"},
    {"conditions": []},
    {"EXPIRATION": "2100-01-01T00:00:00Z", "conditions": []},
    {"expiration": "2100-01-01T00:00:00Z", "CONDITIONS": []},
    {"expiration": "tomorrow", "conditions": []},
    {"expiration": "2100-01-01T00:00:00", "conditions": []},
    {"expiration": 1, "conditions": []},
    {"expiration": "2100-01-01T00:00:00Z", "conditions": [{}]},
    {"expiration": "2100-01-01T00:00:00Z", "conditions": [["eq", "key", "a"]]},
    {"expiration": "2100-01-01T00:00:00Z", "conditions": [["like", "$key", "a"]]},
    {"expiration": "2100-01-01T00:00:00Z", "conditions": [{"key": 1}]},
    {
        "expiration": "2100-01-01T00:00:00Z",
        "conditions": [["content-length-range", -1, 5]],
    },
    {
        "expiration": "2100-01-01T00:00:00Z",
        "conditions": [["content-length-range", 5]],
    },
]


@pytest.mark.parametrize("policy", NO_POLICIES)
def test_a_policy_that_is_none_is_refused(
    server: ServerProcess, repository: str, policy: object
) -> None:
    got = post(server, repository, {"key": "main/up/x", **sign_policy(policy)})

    assert (got.status, code_of(got)) == (400, "InvalidPolicyDocument")
    assert server.send("HEAD", f"/{repository}/main/up/x").status == 404


def test_a_policy_ends(server: ServerProcess, repository: str) -> None:
    signed = sign_policy(make_policy(repository, minutes=-1))

    got = post(server, repository, {"key": "main/up/x", **signed})

    assert (got.status, code_of(got)) == (403, "AccessDenied")


def test_a_policy_of_one_bucket_is_no_good_for_another(
    server: ServerProcess, repository: str
) -> None:
    other = server.create_repository(f"{repository}-other")
    bound = sign_policy(make_policy(repository))
    policy = make_policy(repository)
    del policy["conditions"][0]
    unbound = sign_policy(policy)

    for signed in (bound, unbound):
        for field in ({}, {"bucket": repository}, {"bucket": other}):
            got = post(server, other, {"key": "main/up/x", **field, **signed})

            assert (got.status, code_of(got)) == (403, "AccessDenied")
    assert server.send("HEAD", f"/{other}/main/up/x").status == 404


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"x-amz-signature": "0" * 64}, 403, "SignatureDoesNotMatch"),
        ({"x-amz-signature": ""}, 400, "InvalidArgument"),
        ({"x-amz-signature": "ü"}, 403, "SignatureDoesNotMatch"),
        ({"policy": base64.b64encode(b"{}").decode()}, 403, "SignatureDoesNotMatch"),
        ({"x-amz-algorithm": "AWS4-HMAC-SHA512"}, 400, "InvalidRequest"),
        ({"x-amz-date": "20200101T000000Z"}, 400, "AuthorizationQueryParametersError"),
        ({"x-amz-date": "now"}, 403, "AccessDenied"),
        ({"x-amz-credential": "a/b"}, 400, "AuthorizationQueryParametersError"),
    ],
)
def test_a_form_must_be_signed_rightly(
    server: ServerProcess,
    repository: str,
    changed: dict[str, str],
    status: int,
    code: str,
) -> None:
    signed = sign_policy(make_policy(repository)) | changed

    got = post(server, repository, {"key": "main/up/x", **signed})

    assert (got.status, code_of(got)) == (status, code)
    assert server.send("HEAD", f"/{repository}/main/up/x").status == 404


def test_an_unknown_key_or_none_signs_nothing(
    server: ServerProcess, repository: str
) -> None:
    signed = sign_policy(make_policy(repository))
    unknown = signed["x-amz-credential"].replace(ADMIN.id, "NOBODY")

    got = post(
        server,
        repository,
        {"key": "main/up/x", **signed, "x-amz-credential": unknown},
    )
    unsigned = post(server, repository, {"key": "main/up/x"})
    version_2 = post(
        server,
        repository,
        {
            "key": "main/up/x",
            "AWSAccessKeyId": ADMIN.id,
            "signature": "a",
            "policy": signed["policy"],
        },
    )

    assert (got.status, code_of(got)) == (403, "InvalidAccessKeyId")
    assert (unsigned.status, code_of(unsigned)) == (403, "AccessDenied")
    assert (version_2.status, code_of(version_2)) == (400, "InvalidRequest")


def test_a_form_is_sent_to_a_bucket(server: ServerProcess, repository: str) -> None:
    fields = {"key": "main/up/x", **sign_policy(make_policy(repository))}

    for target in (f"{repository}/main/up/x", "", f"{repository}?delete"):
        got = post(server, target, fields)
        assert (got.status, code_of(got)) == (405, "MethodNotAllowed")
    got = post(server, "no-such-bucket", fields)
    assert (got.status, code_of(got)) == (403, "AccessDenied")
    policy = make_policy("no-such-bucket")
    got = post(server, "no-such-bucket", {"key": "main/up/x", **sign_policy(policy)})
    assert (got.status, code_of(got)) == (404, "NoSuchBucket")


def test_a_form_without_file_or_end_stores_nothing(
    server: ServerProcess, repository: str
) -> None:
    fields = {"key": "main/up/x", **sign_policy(make_policy(repository))}
    body, content_type = encode_form(fields)
    headers = {"Content-Type": content_type}

    no_file = post(server, repository, fields, file=None)
    assert (no_file.status, code_of(no_file)) == (400, "InvalidArgument")
    for cut in (*range(len(body) - 60, len(body) - 3, 7), len(body) // 2, 10, 0):
        got = server.send_as_it_is("POST", f"/{repository}", headers, body[:cut])
        assert got.status == 400
    no_boundary = {"Content-Type": "multipart/form-data"}
    got = server.send_as_it_is("POST", f"/{repository}", no_boundary, body)
    assert (got.status, code_of(got)) == (400, "MalformedPOSTRequest")
    assert server.send("HEAD", f"/{repository}/main/up/x").status == 404


def test_a_form_whose_connection_breaks_stores_nothing(
    server: ServerProcess, repository: str
) -> None:
    fields = {"key": "main/up/x", **sign_policy(make_policy(repository))}
    body, content_type = encode_form(fields, file=bytes(200_000))

    connection = http.client.HTTPConnection(server.address, timeout=30)
    connection.putrequest("POST", f"/{repository}")
    connection.putheader("Content-Type", content_type)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[:-10_000])
    connection.close()

    assert server.send("HEAD", f"/{repository}/main/up/x").status == 404


def send_form(server: ServerProcess, bucket: str, body: bytes) -> Answer:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    return server.send_as_it_is("POST", f"/{bucket}", headers, body)


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\n" * 50_000,
        b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 2000,
        b"x" * 16_000 + b"\r\n" + (b"y" * 8000 + b"\r\n") * 40,
    ],
)
def test_what_stands_before_a_file_is_given_up_where_it_goes_on_and_on(
    server: ServerProcess, repository: str, body: bytes
) -> None:
    # Nobody has proven yet who they are, and lines do not make the event loop wait.
    got = send_form(server, repository, body)

    assert got.status == 400
    assert code_of(got) in ("MalformedPOSTRequest", "InvalidArgument")
    assert b"boundary" not in got.body  # it was not looked for to the end


def test_what_stands_behind_a_file_is_given_up_where_it_goes_on_and_on(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    fields = {"key": "main/up/x", **sign_policy(make_policy(repository))}
    body, content_type = encode_form(fields, file=b"line\n" * 100_000)
    _, _, boundary = content_type.partition("boundary=")
    part = (
        f"--{boundary}\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n".encode()
    )
    end = f"--{boundary}--\r\n".encode()
    bodies = [body.removesuffix(end) + part * count + end for count in (100, 2000)]

    def send(body: bytes) -> Answer:
        headers = {"Content-Type": content_type}
        return server.send_as_it_is("POST", f"/{repository}", headers, body)

    refused = send(bodies[1])
    assert (refused.status, code_of(refused)) == (400, "MalformedPOSTRequest")
    assert "Contents" not in s3.list_objects_v2(Bucket=repository, Prefix="main/")
    assert send(bodies[0]).status == 204


def test_malformed_names_are_not_kept_and_not_told(
    server: ServerProcess, repository: str
) -> None:
    # Python keeps each different warning for ever.
    body = b"--b\r\nContent-Disposition: form-data; name*=foo'en'%ff\r\n\r\n\r\n--b--"

    assert send_form(server, repository, body).status == 400
    assert server.stderr is not None
    assert "%ff" not in server.stderr.so_far()


def test_a_field_that_comes_twice_is_refused(
    server: ServerProcess, repository: str
) -> None:
    fields = {"key": "main/up/x", **sign_policy(make_policy(repository))}

    got = post(server, repository, {**fields, "KEY": "main/elsewhere"})

    assert (got.status, code_of(got)) == (400, "InvalidArgument")


def test_a_signer_gives_no_more_than_they_may_do_themselves(
    server: ServerProcess, repository: str
) -> None:
    user = f"signer-of-{repository}"
    server.rest("POST", "/auth/users", {"id": user})
    grant = {"repository": repository, "ref": "main", "level": "read"}
    server.rest("POST", f"/auth/users/{user}/grants", grant)
    made = server.rest("POST", f"/auth/users/{user}/credentials")
    key = AccessKey(made["access_key_id"], made["secret_access_key"])
    fields = {"key": "main/up/x", **sign_policy(make_policy(repository), key)}

    denied = post(server, repository, fields)
    server.rest("POST", f"/auth/users/{user}/grants", {**grant, "level": "write"})
    allowed = post(server, repository, fields)

    assert (denied.status, code_of(denied)) == (403, "AccessDenied")
    assert allowed.status == 204
