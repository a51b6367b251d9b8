"""The key of a run over S3: reads are pinned and recorded, writes are published at the end."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from lakebed.server.auth.secrets import AccessKey
from lakebed.server.provenance.views import Use
from lakebed.server.s3.dispatch import use_of
from lakebed.server.s3.table import TABLE

from support.s3server import ADMIN, ServerProcess

Begin = Callable[..., tuple[str, Any]]


@pytest.fixture
def lake(server: ServerProcess, s3: Any, repository: str) -> str:
    """A repository with two committed objects, and a third that is not committed."""
    s3.put_object(Bucket=repository, Key="main/data/a", Body=b"first a")
    s3.put_object(Bucket=repository, Key="main/data/b", Body=b"first b")
    commit(server, repository)
    s3.put_object(Bucket=repository, Key="main/loose", Body=b"not committed")
    return repository


@pytest.fixture
def begin(server: ServerProcess, lake: str) -> Begin:
    """Begin a run; return its id and a client with its key."""

    def begin_run(signature_version: str | None = None, **wish: Any) -> tuple[str, Any]:
        config = {"signature_version": signature_version} if signature_version else {}
        body = server.rest("POST", f"/repositories/{lake}/runs", wish)
        key = AccessKey(body["access_key_id"], body["secret_access_key"])
        return body["run"]["id"], server.s3(key, **config)

    return begin_run


def commit(server: ServerProcess, repository: str, branch: str = "main") -> str:
    route = f"/repositories/{repository}/branches/{branch}/commits"
    return str(server.rest("POST", route, {"message": "m"})["id"])


def make_branch(server: ServerProcess, repository: str, name: str) -> None:
    route = f"/api/v1/repositories/{repository}/branches"
    body = json.dumps({"name": name, "source": "main"}).encode()
    pair = base64.b64encode(f"{ADMIN.id}:{ADMIN.secret}".encode()).decode()
    headers = {
        "Authorization": f"Basic {pair}",
        "Content-Type": "application/json",
    }
    assert server.send_as_it_is("POST", route, headers, body).status == 201


def end(
    server: ServerProcess, repository: str, run: str, status: str = "succeeded"
) -> Any:
    route = f"/repositories/{repository}/runs/{run}/end"
    return server.rest("POST", route, {"status": status})


def read(client: Any, bucket: str, key: str, **more: Any) -> bytes:
    data: bytes = client.get_object(Bucket=bucket, Key=key, **more)["Body"].read()
    return data


def keys(client: Any, bucket: str, prefix: str) -> list[str]:
    page = client.list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [each["Key"] for each in page.get("Contents", [])]


def head_of(server: ServerProcess, repository: str, branch: str = "main") -> str:
    route = f"/repositories/{repository}/branches/{branch}"
    return str(server.rest("GET", route)["commit_id"])


def test_a_moving_branch_is_read_where_it_was_when_the_run_began(
    server: ServerProcess, s3: Any, lake: str, begin: Begin
) -> None:
    before = head_of(server, lake)
    run, client = begin()
    s3.put_object(Bucket=lake, Key="main/data/a", Body=b"second a")
    s3.put_object(Bucket=lake, Key="main/data/new", Body=b"new")
    commit(server, lake)

    assert read(client, lake, "main/data/a") == b"first a"
    assert read(client, f"{lake}.main", "data/a") == b"first a"
    assert read(client, lake, "main@/data/a") == b"first a"
    assert keys(client, lake, "main/") == ["main/data/a", "main/data/b"]
    for key in ("main/data/new", "main/loose"):
        with pytest.raises(ClientError, match="NoSuchKey"):
            read(client, lake, key)
        with pytest.raises(ClientError):
            client.head_object(Bucket=lake, Key=key)

    sealed = end(server, lake, run)
    assert [
        (each["path"], each["ref"], each["commit"], each["how"])
        for each in sealed["inputs"]
    ] == [
        ("data/a", "main", before, "observed"),
        ("data/a", "main@", before, "observed"),
    ]


def test_an_input_that_changes_between_two_reads_is_one_input(
    server: ServerProcess, s3: Any, lake: str, begin: Begin
) -> None:
    run, client = begin()
    first = read(client, lake, "main/data/a", Range="bytes=0-2")
    s3.put_object(Bucket=lake, Key="main/data/a", Body=b"another content")
    commit(server, lake)
    rest = read(client, lake, "main/data/a", Range="bytes=3-")

    assert first + rest == b"first a"
    assert len(end(server, lake, run)["inputs"]) == 1


def test_only_bytes_that_were_answered_are_recorded(
    server: ServerProcess, lake: str, begin: Begin
) -> None:
    run, client = begin()
    etag = client.head_object(Bucket=lake, Key="main/data/a")["ETag"]
    keys(client, lake, "main/")
    with pytest.raises(ClientError, match="304"):
        read(client, lake, "main/data/a", IfNoneMatch=etag)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        read(client, lake, "main/data/a", IfMatch='"0"')
    with pytest.raises(ClientError, match="InvalidRange"):
        read(client, lake, "main/data/a", Range="bytes=100-")

    sealed = end(server, lake, run)

    assert sealed["inputs"] == []


def test_other_keys_and_other_runs_are_not_recorded(
    server: ServerProcess, s3: Any, lake: str, begin: Begin
) -> None:
    one, first = begin(experiment="same")
    two, second = begin(experiment="same")
    read(s3, lake, "main/data/a")
    read(first, lake, "main/data/a")
    read(second, lake, "main/data/b")

    inputs = {
        run: [each["path"] for each in end(server, lake, run)["inputs"]]
        for run in (one, two)
    }

    assert inputs == {one: ["data/a"], two: ["data/b"]}


def test_writes_are_seen_by_the_run_alone_until_they_are_one_commit(
    server: ServerProcess, s3: Any, lake: str, begin: Begin
) -> None:
    before = head_of(server, lake)
    run, client = begin(
        outputs=[{"repository": lake, "branch": "main", "path": "out/"}]
    )
    client.put_object(Bucket=lake, Key="main/out/model", Body=b"weights")
    client.put_object(Bucket=lake, Key="main/out/more", Body=b"more")
    client.delete_object(Bucket=lake, Key="main/data/b")

    assert read(client, lake, "main/out/model") == b"weights"
    assert keys(client, lake, "main/") == [
        "main/data/a",
        "main/out/model",
        "main/out/more",
    ]
    assert keys(s3, lake, "main/out/") == []
    assert read(s3, lake, "main/data/b") == b"first b"
    assert head_of(server, lake) == before

    sealed = end(server, lake, run)

    assert sealed["status"] == "succeeded"
    head = server.rest("GET", f"/repositories/{lake}/commits/main")
    assert head["parents"] == [before]
    assert head["metadata"] == {"run": run}
    assert read(s3, lake, "main/out/model") == b"weights"
    assert keys(s3, lake, "main@/data/") == ["main@/data/a"]
    assert read(s3, lake, "main/loose") == b"not committed"
    outputs = {each["path"]: each for each in sealed["outputs"]}
    assert {path: each.get("how", "declared") for path, each in outputs.items()} == {
        "out/": "declared",
        "out/model": "observed",
        "out/more": "observed",
    }
    assert {each["commit"] for each in outputs.values()} == {head["id"]}
    assert outputs["out/"]["size_bytes"] == 11
    assert sealed["inputs"] == []  # its own writes are no inputs
    assert sealed["work_branches"] == []
    branches = server.rest("GET", f"/repositories/{lake}/branches?show_hidden=true")
    assert [each["id"] for each in branches["results"]] == ["main"]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_run_that_did_not_succeed_publishes_nothing(
    server: ServerProcess, lake: str, begin: Begin, status: str
) -> None:
    before = head_of(server, lake)
    run, client = begin()
    read(client, lake, "main/data/a")
    client.put_object(Bucket=lake, Key="main/out", Body=b"x")

    sealed = end(server, lake, run, status)

    assert (sealed["status"], sealed["outputs"]) == (status, [])
    assert [each["path"] for each in sealed["inputs"]] == ["data/a"]
    assert head_of(server, lake) == before
    branches = server.rest("GET", f"/repositories/{lake}/branches?show_hidden=true")
    assert [each["id"] for each in branches["results"]] == ["main"]


def test_what_others_changed_elsewhere_stays_and_in_one_place_is_a_conflict(
    server: ServerProcess, s3: Any, lake: str, begin: Begin
) -> None:
    one, first = begin()
    two, second = begin()
    first.put_object(Bucket=lake, Key="main/out/one", Body=b"1")
    second.put_object(Bucket=lake, Key="main/data/a", Body=b"mine")
    s3.put_object(Bucket=lake, Key="main/data/a", Body=b"theirs")
    commit(server, lake)

    published, refused = end(server, lake, one), end(server, lake, two)

    assert published["status"] == "succeeded"
    assert read(s3, lake, "main/out/one") == b"1"
    assert read(s3, lake, "main/data/a") == b"theirs"
    assert refused["status"] == "failed"
    assert [each["what"] for each in refused["missing"]] == ["outputs"]
    assert "data/a" in refused["missing"][0]["reason"]
    (kept,) = refused["work_branches"]
    assert read(s3, lake, f"{kept['work_branch']}/data/a") == b"mine"
    assert kept["work_branch"].startswith(f"run-{two[:12]}-")
    assert end(server, lake, two) == refused


def test_a_file_that_comes_out_as_it_was_is_an_output_too(
    server: ServerProcess, lake: str, begin: Begin
) -> None:
    before = head_of(server, lake)
    run, client = begin(
        outputs=[
            {"repository": lake, "branch": "main", "path": "data/a"},
            {"repository": lake, "branch": "main", "path": "never"},
        ]
    )
    client.put_object(Bucket=lake, Key="main/data/a", Body=b"first a")

    sealed = end(server, lake, run)

    (output,) = sealed["outputs"]
    assert (output["path"], output.get("how", "declared"), output["commit"]) == (
        "data/a",
        "declared",
        before,
    )
    assert head_of(server, lake) == before
    assert "'lakebed://" in sealed["missing"][0]["reason"]
    assert "never" in sealed["missing"][0]["reason"]


def test_large_uploads_in_parts_are_published_too(
    server: ServerProcess, s3: Any, lake: str, begin: Begin
) -> None:
    run, client = begin()
    place = {"Bucket": lake, "Key": "main/big"}
    upload = client.create_multipart_upload(**place)["UploadId"]
    parts: list[dict[str, Any]] = []
    for number, body in ((1, b"x" * 5 * 1024 * 1024), (2, b"y")):
        done = client.upload_part(
            **place, UploadId=upload, PartNumber=number, Body=body
        )
        parts.append({"PartNumber": number, "ETag": done["ETag"]})
    listed = client.list_parts(**place, UploadId=upload)
    assert [each["PartNumber"] for each in listed["Parts"]] == [1, 2]
    done = client.complete_multipart_upload(
        **place, UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert done["Key"] == "main/big"

    end(server, lake, run)

    assert s3.head_object(**place)["ContentLength"] == 5 * 1024 * 1024 + 1


def test_the_source_of_a_copy_is_an_input_and_is_pinned(
    server: ServerProcess, s3: Any, lake: str, begin: Begin
) -> None:
    before = head_of(server, lake)
    run, client = begin()
    s3.put_object(Bucket=lake, Key="main/data/a", Body=b"second a")
    commit(server, lake)
    source = {"Bucket": lake, "Key": "main/data/a"}

    client.copy_object(Bucket=lake, Key="main/copy", CopySource=source)
    place = {"Bucket": lake, "Key": "main/in-parts"}
    upload = client.create_multipart_upload(**place)["UploadId"]
    client.upload_part_copy(
        **place,
        UploadId=upload,
        PartNumber=1,
        CopySource={"Bucket": lake, "Key": "main/data/b"},
    )

    assert read(client, lake, "main/copy") == b"first a"
    sealed = end(server, lake, run)
    assert [(each["path"], each["commit"]) for each in sealed["inputs"]] == [
        ("data/a", before),
        ("data/b", before),
    ]
    assert read(s3, lake, "main/copy") == b"first a"


def test_tags_commits_and_versions_mean_what_they_mean(
    server: ServerProcess, s3: Any, lake: str, begin: Begin
) -> None:
    before = head_of(server, lake)
    run, client = begin()
    s3.put_object(Bucket=lake, Key="main/data/a", Body=b"second a")
    after = commit(server, lake)
    server.rest("POST", f"/repositories/{lake}/tags", {"id": "v2", "ref": "main"})

    assert read(client, lake, "v2/data/a") == b"second a"
    assert read(client, lake, f"{after[:12]}/data/a") == b"second a"
    assert read(client, lake, "main/data/a", VersionId=after) == b"second a"
    assert read(client, lake, "main~0/data/a") == b"first a"

    inputs = end(server, lake, run)["inputs"]
    assert {(each["ref"], each["commit"]) for each in inputs} == {
        ("v2", after),
        (after[:12], after),
        (after, after),
        ("main~0", before),
    }


def test_a_branch_that_came_later_is_read_as_it_is_committed(
    server: ServerProcess, s3: Any, lake: str, begin: Begin
) -> None:
    run, client = begin()
    make_branch(server, lake, "late")
    s3.put_object(Bucket=lake, Key="late/data/a", Body=b"late a")
    head = commit(server, lake, "late")
    s3.put_object(Bucket=lake, Key="late/data/a", Body=b"not committed")

    assert read(client, lake, "late/data/a") == b"late a"

    (found,) = end(server, lake, run)["inputs"]
    assert (found["ref"], found["commit"]) == ("late", head)


def test_many_are_deleted_on_the_work_branch(
    server: ServerProcess, s3: Any, lake: str, begin: Begin
) -> None:
    run, client = begin()
    objects = [{"Key": "main/data/a"}, {"Key": "main/data/b"}]
    client.delete_objects(Bucket=lake, Delete={"Objects": objects})
    assert keys(client, lake, "main/data/") == []
    assert len(keys(s3, lake, "main/data/")) == 2

    end(server, lake, run)

    assert keys(s3, lake, "main/data/") == []


def test_a_key_that_is_used_after_the_end_is_refused_and_told_why(
    server: ServerProcess, lake: str, begin: Begin
) -> None:
    run, client = begin()
    end(server, lake, run)

    with pytest.raises(ClientError) as caught:
        read(client, lake, "main/data/a")

    refused: Any = caught.value
    assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert refused.response["Error"]["Code"] == "AccessDenied"
    assert run in str(refused)
    assert "has ended" in str(refused)


def test_protected_branches_take_what_a_run_publishes(
    server: ServerProcess, s3: Any, lake: str, begin: Begin
) -> None:
    route = f"/repositories/{lake}/settings/branch_protection"
    server.rest("PUT", route, [{"pattern": "main"}])
    run, client = begin()
    client.put_object(Bucket=lake, Key="main/out", Body=b"x")

    assert end(server, lake, run)["status"] == "succeeded"

    assert read(s3, lake, "main/out") == b"x"


def test_forms_and_presigned_addresses_of_a_run_are_the_runs(
    server: ServerProcess, s3: Any, lake: str, begin: Begin
) -> None:
    before = head_of(server, lake)
    run, client = begin(signature_version="s3v4")
    s3.put_object(Bucket=lake, Key="main/data/a", Body=b"second a")
    commit(server, lake)
    address = client.generate_presigned_url(
        "get_object", Params={"Bucket": lake, "Key": "main/data/a"}
    )
    form = client.generate_presigned_post(lake, "main/by-form")
    body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {**form["fields"], "file": "sent"}.items()
    )

    with urllib.request.urlopen(address, timeout=30) as response:
        assert response.read() == b"first a"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    sent = server.send_as_it_is(
        "POST", f"/{lake}", headers, f"{body}--x--\r\n".encode()
    )
    assert sent.status == 204, sent.body
    assert keys(s3, lake, "main/by-form") == []

    sealed = end(server, lake, run)
    assert [(each["path"], each["commit"]) for each in sealed["inputs"]] == [
        ("data/a", before)
    ]
    assert read(s3, lake, "main/by-form") == b"sent"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(address, timeout=30)


USES = {
    Use.READ: [
        "GetObject",
        "HeadObject",
        "GetObjectAttributes",
        "GetObjectTagging",
        "GetObjectAcl",
        "ListParts",
        "GetObjectRetention",
        "GetObjectLegalHold",
        "GetObjectTorrent",
    ],
    Use.WRITE: [
        "PutObject",
        "CopyObject",
        "PutObjectTagging",
        "DeleteObjectTagging",
        "PutObjectAcl",
        "DeleteObject",
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
        "CompleteMultipartUpload",
        "AbortMultipartUpload",
    ],
}
LISTINGS = {"ListObjects", "ListObjectsV2", "ListObjectVersions"}
"""They see the ref of their prefix: `test_a_moving_branch_...`."""
OF_KEYS = {"DeleteObjects", "ListMultipartUploads"}
"""They see the refs in their keys, or the bucket's."""


def test_every_operation_on_an_object_says_what_it_does_with_its_ref() -> None:
    """An operation that is added without a decision here fails."""
    decided = {name: use for use, names in USES.items() for name in names}

    for operation in TABLE:
        if operation.level.value == "object":
            assert use_of(operation) is decided[operation.name], operation.name
        elif operation.level.value == "bucket":
            takes_keys = operation.name in LISTINGS | OF_KEYS
            assert (
                takes_keys
                or "Bucket" in operation.name
                or (operation.method == "GET" and operation.handler is not None)
            ), operation.name
