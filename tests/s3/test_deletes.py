"""DeleteObject with versions and conditions, and DeleteObjects."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest

from support.s3answers import code_of, refusal
from support.s3server import ADMIN, Answer, ServerProcess


def put(s3: Any, repository: str, *keys: str) -> None:
    for key in keys:
        s3.put_object(Bucket=repository, Key=key, Body=key.encode())


def keys_of(s3: Any, repository: str, ref: str = "main") -> list[str]:
    listed = s3.list_objects_v2(Bucket=repository, Prefix=f"{ref}/")
    return [item["Key"] for item in listed.get("Contents", [])]


def named(*keys: str) -> dict[str, Any]:
    return {"Objects": [{"Key": key} for key in keys]}


def send_delete(
    server: ServerProcess, repository: str, body: bytes, **headers: str
) -> Answer:
    """Send a document with the MD5 that it needs."""
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    sent = {"Content-MD5": digest, **headers}
    return server.send("POST", f"/{repository}?delete", sent, body)


# --- one object -----------------------------------------------------------------------


def test_a_committed_version_cannot_be_deleted_and_the_answer_says_why(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    put(s3, repository, "main/x")
    commit_id = server.commit(repository)

    got = server.send("DELETE", f"/{repository}/main/x?versionId={commit_id}")

    assert (got.status, code_of(got)) == (403, "AccessDenied")
    assert b"a commit keeps what it has" in got.body
    assert keys_of(s3, repository) == ["main/x"]


def test_deleting_the_version_null_takes_back_what_is_staged(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    s3.put_object(**key, Body=b"committed")
    server.commit(repository)
    s3.put_object(**key, Body=b"staged")

    done = s3.delete_object(**key, VersionId="null")

    assert done["VersionId"] == "null"
    assert s3.get_object(**key)["Body"].read() == b"committed"
    s3.delete_object(**key, VersionId="null")  # there is none any more
    assert s3.get_object(**key)["Body"].read() == b"committed"


def test_deleting_the_version_null_does_not_bring_a_deleted_object_back(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    s3.put_object(**key, Body=b"committed")
    server.commit(repository)
    s3.delete_object(**key)

    s3.delete_object(**key, VersionId="null")

    assert refusal(s3.get_object, **key) == ("NoSuchKey", 404)


@pytest.mark.parametrize("version", ["", "1", "main", "NULL", "z" * 64, "A" * 64])
def test_a_version_that_is_none_is_refused(
    server: ServerProcess, s3: Any, repository: str, version: str
) -> None:
    put(s3, repository, "main/x")

    got = server.send("DELETE", f"/{repository}/main/x?versionId={version}")

    assert (got.status, code_of(got)) == (400, "InvalidArgument")
    assert keys_of(s3, repository) == ["main/x"]


def test_a_delete_on_condition(s3: Any, repository: str) -> None:
    put(s3, repository, "main/x")
    key = {"Bucket": repository, "Key": "main/x"}
    etag = s3.head_object(**key)["ETag"]

    wrong = refusal(s3.delete_object, **key, IfMatch='"other"')
    assert wrong == ("PreconditionFailed", 412)
    s3.delete_object(**key, IfMatch=etag)
    assert refusal(s3.delete_object, **key, IfMatch=etag) == ("NoSuchKey", 404)


# --- many -----------------------------------------------------------------------------


def test_many_are_deleted_and_named_in_the_order_of_the_request(
    s3: Any, repository: str
) -> None:
    put(s3, repository, "main/a", "main/b/ü +%", "main/c")

    done = s3.delete_objects(
        Bucket=repository,
        Delete=named("main/c", "main/b/ü +%", "main/none", "main/c"),
    )

    deleted = [item["Key"] for item in done["Deleted"]]
    assert deleted == ["main/c", "main/b/ü +%", "main/none", "main/c"]
    assert "Errors" not in done
    assert keys_of(s3, repository) == ["main/a"]


def test_quiet_leaves_out_what_went_well(s3: Any, repository: str) -> None:
    put(s3, repository, "main/a")
    asked = {**named("main/a", "v1/a"), "Quiet": True}

    done = s3.delete_objects(Bucket=repository, Delete=asked)

    assert "Deleted" not in done
    assert [error["Key"] for error in done["Errors"]] == ["v1/a"]


def test_keys_of_one_request_may_lie_on_several_refs(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    put(s3, repository, "main/a", "main/b")
    server.commit(repository)
    server.create_branch(repository, "dev")
    server.tag(repository, "v1", "main")

    done = s3.delete_objects(
        Bucket=repository,
        Delete=named("main/a", "v1/a", "dev/b", "none/a", "main~0/b", "main", "main/"),
    )

    errors = {error["Key"]: error["Code"] for error in done["Errors"]}
    assert errors == {
        "v1/a": "AccessDenied",
        "none/a": "NoSuchBucket",
        "main~0/b": "AccessDenied",
    }
    assert [item["Key"] for item in done["Deleted"]] == [
        "main/a",
        "dev/b",
        "main",
        "main/",
    ]
    assert keys_of(s3, repository) == ["main/b"]
    assert keys_of(s3, repository, "dev") == ["dev/a"]


def test_a_bucket_with_a_ref_has_keys_without(s3: Any, repository: str) -> None:
    put(s3, repository, "main/main/a", "main/a")

    s3.delete_objects(Bucket=f"{repository}.main", Delete=named("main/a"))

    assert keys_of(s3, repository) == ["main/a"]


def test_versions_and_etags_of_keys_are_heeded(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    put(s3, repository, "main/a", "main/b", "main/c")
    commit_id = server.commit(repository)
    s3.put_object(Bucket=repository, Key="main/a", Body=b"staged")
    etag = s3.head_object(Bucket=repository, Key="main/b")["ETag"]

    done = s3.delete_objects(
        Bucket=repository,
        Delete={
            "Objects": [
                {"Key": "main/a", "VersionId": "null"},
                {"Key": "main/a", "VersionId": commit_id},
                {"Key": "main/a", "VersionId": "nonsense"},
                {"Key": "main/b", "ETag": etag},
                {"Key": "main/b", "ETag": etag},
                {"Key": "main/c", "ETag": '"other"'},
                {"Key": "main/c", "Size": 1},
            ]
        },
    )

    assert done["Deleted"] == [
        {"Key": "main/a", "VersionId": "null"},
        {"Key": "main/b"},
    ]
    assert [error["Code"] for error in done["Errors"]] == [
        "AccessDenied",
        "InvalidArgument",
        "NoSuchKey",
        "PreconditionFailed",
        "NotImplemented",
    ]
    assert keys_of(s3, repository) == ["main/a", "main/c"]
    got = s3.get_object(Bucket=repository, Key="main/a")
    assert got["Body"].read() == b"main/a"


def test_a_thousand_keys_go_at_once_and_more_do_not(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    put(s3, repository, "main/7", "main/x")
    keys = [f"main/{number}" for number in range(1001)]

    more = refusal(s3.delete_objects, Bucket=repository, Delete=named(*keys))
    assert more == ("MalformedXML", 400)
    assert keys_of(s3, repository) == ["main/7", "main/x"]

    done = s3.delete_objects(Bucket=repository, Delete=named(*keys[:1000]))
    assert len(done["Deleted"]) == 1000
    assert keys_of(s3, repository) == ["main/x"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Delete/>",
        b"<Delete><Object><Key>main/a</Key></Object>",
        b"<Delete><Object></Object></Delete>",
        b"<Delete><Object><Key/></Object></Delete>",
        b"<Delete><Object><Key>main/a</Key><Key>main/a</Key></Object></Delete>",
        b"<Remove><Object><Key>main/a</Key></Object></Remove>",
        b"<!DOCTYPE a><Delete><Object><Key>main/a</Key></Object></Delete>",
        (
            b'<!DOCTYPE a [<!ENTITY x "main/a">]>'
            b"<Delete><Object><Key>&x;</Key></Object></Delete>"
        ),
        b"<Delete><Object><Key>main/a<b/>c</Key></Object></Delete>",
        b"main/a",
        b"\xff\xfe",
    ],
)
def test_a_document_that_is_none_deletes_nothing(
    server: ServerProcess, s3: Any, repository: str, body: bytes
) -> None:
    put(s3, repository, "main/a")

    got = send_delete(server, repository, body)

    assert (got.status, code_of(got)) == (400, "MalformedXML")
    assert keys_of(s3, repository) == ["main/a"]


def test_a_document_must_be_protected_by_a_digest(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    put(s3, repository, "main/a")
    body = b"<Delete><Object><Key>main/a</Key></Object></Delete>"
    target = f"/{repository}?delete"

    bare = server.send("POST", target, {}, body)
    wrong = server.send("POST", target, {"Content-MD5": 22 * "A" + "=="}, body)
    broken = server.send("POST", target, {"x-amz-checksum-crc32": "AAAAAA=="}, body)

    assert (bare.status, code_of(bare)) == (400, "InvalidRequest")
    assert (wrong.status, code_of(wrong)) == (400, "BadDigest")
    assert (broken.status, code_of(broken)) == (400, "BadDigest")
    assert keys_of(s3, repository) == ["main/a"]


def test_keys_that_are_none_are_refused_one_by_one(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    put(s3, repository, "main/a")
    keys = ["main/" + "x" * 1025, "main/a"]
    objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)

    got = send_delete(server, repository, f"<Delete>{objects}</Delete>".encode())

    root = ElementTree.fromstring(got.body)
    space = "{http://s3.amazonaws.com/doc/2006-03-01/}"
    assert [child.tag.removeprefix(space) for child in root] == ["Error", "Deleted"]
    assert root.findtext(f"{space}Error/{space}Code") == "KeyTooLongError"
    assert keys_of(s3, repository) == []


def test_a_bucket_that_is_not_there_is_named(server: ServerProcess) -> None:
    got = send_delete(
        server, "no-such-bucket", b"<Delete><Object><Key>a/b</Key></Object></Delete>"
    )

    assert (got.status, code_of(got)) == (404, "NoSuchBucket")


def test_an_unsigned_delete_reads_no_body(server: ServerProcess, s3: Any) -> None:
    body = b"<Delete><Object><Key>a/b</Key></Object></Delete>"

    got = server.send("POST", "/any?delete", {}, body, key=None)

    assert (got.status, code_of(got)) == (403, "AccessDenied")
    assert ADMIN.secret.encode() not in got.body
