"""All three listings, page by page, against a model that sorts keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.s3answers import refusal
from support.s3server import ServerProcess

Line = tuple[str, str]
"""`key` or `prefix`, and its text."""

# Few signs, so that keys share beginnings; each is one that some encoding mistakes.
pieces = st.sampled_from(
    ["a", "b", "/", "//", "-", " ", "+", "%", "%2F", "ü", "🐧", "&<"]
)
texts = st.lists(pieces, min_size=1, max_size=4).map("".join)
key_sets = st.sets(texts, min_size=1, max_size=10)
_numbers = itertools.count(1)


def expect(keys: set[str], prefix: str, delimiter: str) -> list[Line]:
    """Return what a listing shows, in order."""
    shown: list[Line] = []
    for key in sorted(keys, key=str.encode):
        if not key.startswith(prefix):
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        line = ("key", key) if cut < 0 else ("prefix", key[: cut + len(delimiter)])
        if line not in shown:
            shown.append(line)
    return shown


def lines_of(page: dict[str, Any], contents: str) -> list[Line]:
    """Return the lines of a page in the order of their bytes."""
    lines = [("key", item["Key"]) for item in page.get(contents, [])]
    lines += [("prefix", item["Prefix"]) for item in page.get("CommonPrefixes", [])]
    return sorted(lines, key=lambda line: line[1].encode())


def pages_v1(s3: Any, **asked: Any) -> Iterator[list[Line]]:
    marker = ""
    while True:
        page = s3.list_objects(**asked, Marker=marker)
        assert page["Marker"] == marker
        assert all(item["Owner"]["ID"] for item in page.get("Contents", []))
        yield lines_of(page, "Contents")
        if not page["IsTruncated"]:
            return
        assert ("NextMarker" in page) == bool(asked["Delimiter"])
        marker = page.get("NextMarker") or page["Contents"][-1]["Key"]


def pages_v2(s3: Any, **asked: Any) -> Iterator[list[Line]]:
    token: dict[str, str] = {}
    while True:
        page = s3.list_objects_v2(**asked, **token)
        yield lines_of(page, "Contents")
        if not page["IsTruncated"]:
            return
        token = {"ContinuationToken": page["NextContinuationToken"]}


def pages_of_versions(s3: Any, **asked: Any) -> Iterator[list[Line]]:
    markers: dict[str, str] = {}
    while True:
        page = s3.list_object_versions(**asked, **markers)
        assert all(item["IsLatest"] for item in page.get("Versions", []))
        yield lines_of(page, "Versions")
        if not page["IsTruncated"]:
            return
        markers = {"KeyMarker": page["NextKeyMarker"]}
        if "NextVersionIdMarker" in page:
            markers["VersionIdMarker"] = page["NextVersionIdMarker"]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    committed=key_sets,
    staged=key_sets,
    deleted=key_sets,
    asked=st.lists(
        st.tuples(st.just("") | texts, st.just("") | texts, st.integers(1, 4)),
        min_size=3,
        max_size=6,
    ),
)
def test_all_listings_show_what_sorting_shows(
    server: ServerProcess,
    s3: Any,
    committed: set[str],
    staged: set[str],
    deleted: set[str],
    asked: list[tuple[str, str, int]],
) -> None:
    name = server.create_repository(f"model-{next(_numbers)}")
    for key in committed:
        s3.put_object(Bucket=name, Key=f"main/{key}", Body=b"")
    server.commit(name)
    for key in staged:
        s3.put_object(Bucket=name, Key=f"main/{key}", Body=b"x")
    for key in deleted:
        s3.delete_object(Bucket=name, Key=f"main/{key}")
    keys = (committed | staged) - deleted

    for number, (prefix, delimiter, limit) in enumerate(asked):
        bucket, head = (f"{name}.main", "") if number % 2 else (name, "main/")
        expected = [(kind, head + key) for kind, key in expect(keys, prefix, delimiter)]
        arguments = {
            "Bucket": bucket,
            "Prefix": head + prefix,
            "Delimiter": delimiter,
            "MaxKeys": limit,
        }
        for read_pages in (pages_v1, pages_v2, pages_of_versions):
            pages = list(read_pages(s3, **arguments))
            assert [line for page in pages for line in page] == expected
            assert all(len(page) == limit for page in pages[:-1])


def test_versions_are_commits_or_null_and_can_be_read(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    for key in ("a", "b", "d"):
        s3.put_object(Bucket=repository, Key=f"main/{key}", Body=b"old")
    commit_id = server.commit(repository)
    for key in ("b", "c"):
        s3.put_object(Bucket=repository, Key=f"main/{key}", Body=b"new")
    s3.delete_object(Bucket=repository, Key="main/d")

    page = s3.list_object_versions(Bucket=repository, Prefix="main/")
    at_commit = s3.list_object_versions(Bucket=repository, Prefix=f"{commit_id}/")

    versions = {item["Key"]: item["VersionId"] for item in page["Versions"]}
    assert versions == {"main/a": commit_id, "main/b": "null", "main/c": "null"}
    assert {item["VersionId"] for item in at_commit["Versions"]} == {commit_id}
    assert "DeleteMarkers" not in page
    for item in page["Versions"]:
        got = s3.get_object(
            Bucket=repository, Key=item["Key"], VersionId=item["VersionId"]
        )
        assert (got["ETag"], got["VersionId"]) == (item["ETag"], item["VersionId"])


@pytest.mark.parametrize(
    ("markers", "expected"),
    [
        ({"KeyMarker": "main/a"}, ["main/b", "main/c"]),
        ({"KeyMarker": "main/aa"}, ["main/b", "main/c"]),
        ({"KeyMarker": "main/b", "VersionIdMarker": "null"}, ["main/c"]),
        ({"KeyMarker": "main/b", "VersionIdMarker": "f" * 64}, ["main/c"]),
        ({"KeyMarker": "z"}, []),
        ({"KeyMarker": "a"}, ["main/a", "main/b", "main/c"]),
    ],
)
def test_versions_go_on_behind_a_key(
    s3: Any, repository: str, markers: dict[str, str], expected: list[str]
) -> None:
    for key in ("a", "b", "c"):
        s3.put_object(Bucket=repository, Key=f"main/{key}", Body=b"")

    page = s3.list_object_versions(Bucket=repository, Prefix="main/", **markers)

    assert [item["Key"] for item in page.get("Versions", [])] == expected


def test_a_version_marker_needs_a_key(s3: Any, repository: str) -> None:
    arguments = {"Bucket": repository, "Prefix": "main/"}

    alone = refusal(s3.list_object_versions, **arguments, VersionIdMarker="null")
    wrong = refusal(
        s3.list_object_versions, **arguments, KeyMarker="main/a", VersionIdMarker="1"
    )

    assert alone == wrong == ("InvalidArgument", 400)


@pytest.mark.parametrize("sub_resource", ["", "list-type=2&", "versions&"])
@pytest.mark.parametrize(
    "query",
    [
        "max-keys=x",
        "max-keys=-1",
        "max-keys=1.5",
        "encoding-type=hex",
        "prefix=main%2F%00",
    ],
)
def test_parameters_that_make_no_sense_are_refused_everywhere(
    server: ServerProcess, repository: str, sub_resource: str, query: str
) -> None:
    got = server.send("GET", f"/{repository}?{sub_resource}{query}")

    assert (got.status, b"InvalidArgument" in got.body) == (400, True)


@pytest.mark.parametrize("sub_resource", ["", "list-type=2&", "versions&"])
def test_empty_parameters_are_absent_ones_everywhere(
    server: ServerProcess, repository: str, sub_resource: str
) -> None:
    server.send("PUT", f"/{repository}/main/a/b", {}, b"")
    empty = "prefix=&delimiter=&max-keys=&encoding-type="
    markers = {
        "": "&marker=",
        "list-type=2&": "&continuation-token=&start-after=&fetch-owner=",
        "versions&": "&key-marker=&version-id-marker=",
    }[sub_resource]

    got = server.send("GET", f"/{repository}.main?{sub_resource}{empty}{markers}")

    assert got.status == 200
    assert b"<Key>a/b</Key>" in got.body
    assert b"<MaxKeys>1000</MaxKeys>" in got.body


def test_refs_are_listed_page_by_page_in_the_first_version_too(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    for name in ("a", "a-b", "z"):
        server.create_branch(repository, name)

    paginator = s3.get_paginator("list_objects")
    pages = paginator.paginate(Bucket=repository, PaginationConfig={"PageSize": 1})

    prefixes = [item["Prefix"] for page in pages for item in page["CommonPrefixes"]]
    assert prefixes == ["a-b/", "a/", "main/", "z/"]


def test_a_storage_class_is_a_label_that_comes_back(s3: Any, repository: str) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    s3.put_object(**key, Body=b"x", StorageClass="STANDARD_IA")
    s3.put_object(Bucket=repository, Key="main/y", Body=b"x", StorageClass="STANDARD")

    listed = s3.list_objects_v2(Bucket=repository, Prefix="main/")["Contents"]

    assert [item["StorageClass"] for item in listed] == ["STANDARD_IA", "STANDARD"]
    assert s3.head_object(**key)["StorageClass"] == "STANDARD_IA"
    assert "StorageClass" not in s3.head_object(Bucket=repository, Key="main/y")
    named = s3.get_object_attributes(**key, ObjectAttributes=["StorageClass"])
    assert named["StorageClass"] == "STANDARD_IA"
    glacier = refusal(s3.put_object, **key, Body=b"x", StorageClass="GLACIER")
    assert glacier == ("InvalidStorageClass", 400)
    s3.copy_object(**key, CopySource=key, StorageClass="STANDARD")
    assert "StorageClass" not in s3.head_object(**key)
