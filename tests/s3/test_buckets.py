"""Buckets as a whole: listed, created, removed if nothing was ever done in them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from support.s3answers import code_of, refusal
from support.s3server import ServerProcess

_numbers = itertools.count(1)


def names_of(s3: Any, **asked: Any) -> list[str]:
    return [bucket["Name"] for bucket in s3.list_buckets(**asked)["Buckets"]]


# --- listed ---------------------------------------------------------------------------


def test_buckets_come_in_pages(server: ServerProcess, s3: Any) -> None:
    names = [server.create_repository(f"paged-{number}") for number in range(5)]

    pages: list[list[str]] = []
    token: dict[str, str] = {}
    while True:
        page = s3.list_buckets(Prefix="paged-", MaxBuckets=2, **token)
        assert page["Prefix"] == "paged-"
        pages.append([bucket["Name"] for bucket in page["Buckets"]])
        if "ContinuationToken" not in page:
            break
        token = {"ContinuationToken": page["ContinuationToken"]}

    assert pages == [names[:2], names[2:4], names[4:]]
    assert set(names) <= set(names_of(s3))


def test_buckets_of_another_region_are_none(s3: Any, repository: str) -> None:
    here = s3.list_buckets(BucketRegion="us-east-1", Prefix=repository)["Buckets"]

    assert [bucket["BucketRegion"] for bucket in here] == ["us-east-1"]
    assert names_of(s3, BucketRegion="eu-west-1") == []


@pytest.mark.parametrize(
    "query",
    ["max-buckets=0", "max-buckets=-1", "max-buckets=x", "continuation-token=x"],
)
def test_pages_of_buckets_that_are_none_are_refused(
    server: ServerProcess, query: str
) -> None:
    got = server.send("GET", f"/?{query}")

    assert (got.status, code_of(got)) == (400, "InvalidArgument")


# --- created --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "configuration",
    [{}, {"LocationConstraint": "us-east-1"}, {"LocationConstraint": ""}],
)
def test_a_bucket_is_a_repository_with_main(
    server: ServerProcess, s3: Any, configuration: dict[str, str]
) -> None:
    name = f"created-{next(_numbers)}"

    done = s3.create_bucket(Bucket=name, CreateBucketConfiguration=configuration)

    assert done["Location"] == f"/{name}"
    assert server.rest("GET", f"/repositories/{name}")["default_branch"] == "main"
    s3.put_object(Bucket=name, Key="main/x", Body=b"x")
    assert s3.get_object(Bucket=f"{name}.main", Key="x")["Body"].read() == b"x"


def test_a_bucket_that_is_there_is_not_created_again(s3: Any, repository: str) -> None:
    s3.put_object(Bucket=repository, Key="main/x", Body=b"x")

    again = refusal(s3.create_bucket, Bucket=repository)

    assert again == ("BucketAlreadyOwnedByYou", 409)
    assert s3.get_object(Bucket=repository, Key="main/x")["Body"].read() == b"x"


@pytest.mark.parametrize(
    "name",
    ["ab", "UPPER", "under_score", "with.dot", "a" * 64, "models", "-a-b", "%C3%BC-a"],
)
def test_names_that_no_repository_may_have_are_refused(
    server: ServerProcess, name: str
) -> None:
    got = server.send("PUT", f"/{name}")

    assert (got.status, code_of(got)) == (400, "InvalidBucketName")


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({}, b"<CreateBucketConfiguration>", 400, "MalformedXML"),
        ({}, b"<Bucket/>", 400, "MalformedXML"),
        (
            {},
            (
                b"<CreateBucketConfiguration><LocationConstraint>eu-west-1"
                b"</LocationConstraint></CreateBucketConfiguration>"
            ),
            400,
            "IllegalLocationConstraintException",
        ),
        (
            {},
            (
                b"<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag>"
                b"</Tags></CreateBucketConfiguration>"
            ),
            501,
            "NotImplemented",
        ),
        ({"x-amz-bucket-object-lock-enabled": "true"}, b"", 501, "NotImplemented"),
        ({"x-amz-object-ownership": "ObjectWriter"}, b"", 501, "NotImplemented"),
        ({"x-amz-acl": "public-read"}, b"", 501, "NotImplemented"),
    ],
)
def test_what_a_bucket_cannot_be_is_refused(
    server: ServerProcess,
    headers: dict[str, str],
    body: bytes,
    status: int,
    code: str,
) -> None:
    got = server.send("PUT", "/never-created", headers, body)

    assert (got.status, code_of(got)) == (status, code)
    assert server.send("HEAD", "/never-created").status == 404


# --- removed --------------------------------------------------------------------------


def test_a_bucket_without_history_and_objects_is_deleted(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    server.create_branch(repository, "dev")
    for key in ("main/x", "dev/x"):
        s3.put_object(Bucket=repository, Key=key, Body=b"x")
    s3.delete_object(Bucket=repository, Key="main/x")
    server.rest("PUT", f"/repositories/{repository}/branches/dev", {"type": "reset"})

    s3.delete_bucket(Bucket=repository)

    assert refusal(s3.head_bucket, Bucket=repository) == ("404", 404)
    assert refusal(s3.delete_bucket, Bucket=repository) == ("NoSuchBucket", 404)
    s3.create_bucket(Bucket=repository)
    assert s3.list_objects_v2(Bucket=repository, Prefix="main/")["KeyCount"] == 0


def stage(server: ServerProcess, s3: Any, name: str) -> None:
    server.create_branch(name, "dev")
    s3.put_object(Bucket=name, Key="dev/x", Body=b"x")


def commit(server: ServerProcess, s3: Any, name: str) -> None:
    s3.put_object(Bucket=name, Key="main/x", Body=b"x")
    server.commit(name)


def commit_elsewhere(server: ServerProcess, s3: Any, name: str) -> None:
    """Leave a commit that no branch has any more."""
    server.create_branch(name, "gone")
    s3.put_object(Bucket=name, Key="gone/x", Body=b"x")
    server.commit(name, "gone")
    server.rest("DELETE", f"/repositories/{name}/branches/gone")


def tag(server: ServerProcess, s3: Any, name: str) -> None:
    server.tag(name, "v1", "main")


@pytest.mark.parametrize("use", [stage, commit, commit_elsewhere, tag])
def test_a_bucket_in_which_something_was_done_stays(
    server: ServerProcess,
    s3: Any,
    repository: str,
    use: Callable[[ServerProcess, Any, str], None],
) -> None:
    use(server, s3, repository)

    got = server.send("DELETE", f"/{repository}")

    assert (got.status, code_of(got)) == (409, "BucketNotEmpty")
    assert b"history goes only with" in got.body
    s3.head_bucket(Bucket=repository)


def test_a_bucket_of_one_ref_is_not_deleted(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    got = server.send("DELETE", f"/{repository}.main")

    assert (got.status, code_of(got)) == (405, "MethodNotAllowed")
    s3.head_bucket(Bucket=repository)
