"""A key opens what its user may do now: in every process, also when it was signed before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lakebed.server.auth.secrets import AccessKey

from support.s3server import ServerProcess, run_server


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Return two servers of one lake, with the object `lake/main/a`."""
    lake: Path = tmp_path_factory.mktemp("pair") / "lake"
    with run_server(lake) as first, run_server(lake) as second:
        first.create_repository("lake")
        first.send("PUT", "/lake/main/a", body=b"a")
        yield first, second


def add_user(server: ServerProcess, name: str) -> AccessKey:
    server.rest("POST", "/auth/users", {"id": name})
    grant = {"repository": "lake", "ref": "main", "level": "read"}
    server.rest("POST", f"/auth/users/{name}/grants", grant)
    return add_key(server, name)


def add_key(server: ServerProcess, name: str) -> AccessKey:
    made = server.rest("POST", f"/auth/users/{name}/credentials")
    return AccessKey(made["access_key_id"], made["secret_access_key"])


def get(server: ServerProcess, key: AccessKey) -> int:
    return server.send("GET", "/lake/main/a", key=key).status


def presign(server: ServerProcess, key: AccessKey) -> str:
    s3: Any = server.s3(key, signature_version="s3v4")
    url: str = s3.generate_presigned_url(
        "get_object", Params={"Bucket": "lake", "Key": "main/a"}
    )
    return url.removeprefix(server.url)


def test_a_key_revoked_in_one_process_stops_working_in_the_other(
    pair: tuple[ServerProcess, ServerProcess],
) -> None:
    first, second = pair
    key = add_user(first, "ann")
    other = add_key(first, "ann")
    assert get(second, key) == 200

    first.rest("DELETE", f"/auth/users/ann/credentials/{key.id}")

    denied = second.send("GET", "/lake/main/a", key=key)
    assert (denied.status, b"InvalidAccessKeyId" in denied.body) == (403, True)
    assert get(second, other) == 200


def test_a_grant_taken_in_one_process_stops_counting_in_the_other(
    pair: tuple[ServerProcess, ServerProcess],
) -> None:
    first, second = pair
    key = add_user(first, "bob")
    assert get(second, key) == 200

    first.rest("DELETE", "/auth/users/bob/grants?repository=lake&ref=main")

    denied = second.send("GET", "/lake/main/a", key=key)
    assert (denied.status, b"AccessDenied" in denied.body) == (403, True)


def test_what_a_revoked_key_presigned_is_void(
    pair: tuple[ServerProcess, ServerProcess],
) -> None:
    first, second = pair
    key = add_user(first, "cid")
    target = presign(second, key)
    assert second.send_as_it_is("GET", target, {}).body == b"a"

    first.rest("DELETE", f"/auth/users/cid/credentials/{key.id}")

    assert second.send_as_it_is("GET", target, {}).status == 403


def test_a_presigned_url_opens_no_more_than_its_user_may_read(
    pair: tuple[ServerProcess, ServerProcess],
) -> None:
    first, second = pair
    key = add_user(first, "dee")
    target = presign(second, key)

    first.rest("DELETE", "/auth/users/dee/grants?repository=lake&ref=main")

    assert second.send_as_it_is("GET", target, {}).status == 403


def test_a_user_of_an_old_name_inherits_nothing(
    pair: tuple[ServerProcess, ServerProcess],
) -> None:
    first, second = pair
    old = add_user(first, "eve")
    target = presign(second, old)
    assert get(second, old) == 200

    first.rest("DELETE", "/auth/users/eve")
    first.rest("POST", "/auth/users", {"id": "eve"})
    new = add_key(first, "eve")

    assert second.send_as_it_is("GET", target, {}).status == 403
    assert b"InvalidAccessKeyId" in second.send("GET", "/lake/main/a", key=old).body
    assert b"AccessDenied" in second.send("GET", "/lake/main/a", key=new).body


def test_an_upload_stays_with_the_user_who_began_it(
    pair: tuple[ServerProcess, ServerProcess],
) -> None:
    first, second = pair
    everything = {"repository": "lake", "ref": "*", "level": "admin"}
    old: Any = second.s3(add_user(first, "fay"))
    first.rest("POST", "/auth/users/fay/grants", everything)
    upload = old.create_multipart_upload(Bucket="lake", Key="main/up")["UploadId"]
    listed = old.list_multipart_uploads(Bucket="lake")["Uploads"]
    assert [item["Initiator"]["DisplayName"] for item in listed] == ["fay"]

    first.rest("DELETE", "/auth/users/fay")
    new: Any = second.s3(add_user(first, "fay"))
    first.rest("POST", "/auth/users/fay/grants", everything)

    with pytest.raises(new.exceptions.NoSuchUpload):
        new.list_parts(Bucket="lake", Key="main/up", UploadId=upload)
    with pytest.raises(new.exceptions.NoSuchUpload):
        new.abort_multipart_upload(Bucket="lake", Key="main/up", UploadId=upload)
