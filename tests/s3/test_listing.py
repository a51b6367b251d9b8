"""Listings through boto3, against what sorting all keys says."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.s3server import ServerProcess

KEYS = [
    "a",
    "a/",
    "a/b",
    "a/b/c",
    "a//b",
    "a-b",
    "a.b",
    "b c/d",
    "b+c/d",
    "ü/x",
    "日本/1",
    "日本/2",
    "z%2F",
    "z/\x01",
    "🐧",
]


@pytest.fixture(scope="module")
def listed(server: ServerProcess) -> str:
    """A repository with all keys, some committed and some staged."""
    name = server.create_repository("listed")
    s3 = server.s3()
    for key in KEYS[::2]:
        s3.put_object(Bucket=name, Key=f"main/{key}", Body=key.encode())
    s3.put_object(Bucket=name, Key="main/a/gone", Body=b"")
    server.commit(name)
    s3.delete_object(Bucket=name, Key="main/a/gone")
    for key in KEYS[1::2]:
        s3.put_object(Bucket=name, Key=f"main/{key}", Body=key.encode())
    return name


def expect(
    keys: list[str], prefix: str, delimiter: str, after: str
) -> list[tuple[str, str]]:
    """Return what a listing shows, in order: (`key` or `prefix`, text)."""
    shown: list[tuple[str, str]] = []
    for key in sorted(keys, key=str.encode):
        if not key.startswith(prefix) or key.encode() <= after.encode():
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            shown.append(("key", key))
        elif ("prefix", key[: cut + len(delimiter)]) not in shown:
            shown.append(("prefix", key[: cut + len(delimiter)]))
    return shown


def read_pages(s3: Any, **arguments: Any) -> list[tuple[str, str]]:
    """Return all lines of all pages, in order."""
    shown: list[tuple[str, str]] = []
    token: dict[str, str] = {}
    while True:
        page = s3.list_objects_v2(**arguments, **token)
        lines = [("key", each["Key"]) for each in page.get("Contents", [])]
        lines += [("prefix", each["Prefix"]) for each in page.get("CommonPrefixes", [])]
        assert page["KeyCount"] == len(lines) <= page["MaxKeys"]
        shown += sorted(lines, key=lambda line: line[1].encode())
        if not page["IsTruncated"]:
            return shown
        token = {"ContinuationToken": page["NextContinuationToken"]}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prefix=st.sampled_from(["", "a", "a/", "a/b", "b", "ü", "日本/", "none"]),
    delimiter=st.sampled_from(["", "/", "b", "/b", "本"]),
    after=st.sampled_from(["", "a", "a/b", "b c/d", "zz", "ü"]),
    limit=st.integers(1, 6),
    by_bucket=st.booleans(),
)
def test_pages_are_what_sorting_says(
    s3: Any,
    listed: str,
    prefix: str,
    delimiter: str,
    after: str,
    limit: int,
    by_bucket: bool,
) -> None:
    head = "" if by_bucket else "main/"
    bucket = f"{listed}.main" if by_bucket else listed
    arguments: dict[str, Any] = {"Bucket": bucket, "MaxKeys": limit}
    arguments |= {"Prefix": head + prefix, "Delimiter": delimiter}
    if after:
        arguments["StartAfter"] = head + after

    shown = read_pages(s3, **arguments)

    expected = expect(KEYS, prefix, delimiter, after)
    # A common prefix that `after` stands at is behind us, however much is below it.
    if ("prefix", after) in expected:
        expected.remove(("prefix", after))
    assert shown == [(kind, head + text) for kind, text in expected]


def test_entries_say_what_heads_say(s3: Any, listed: str) -> None:
    page = s3.list_objects_v2(Bucket=listed, Prefix="main/", FetchOwner=True)

    for item in page["Contents"]:
        head = s3.head_object(Bucket=listed, Key=item["Key"])
        assert (item["ETag"], item["Size"]) == (head["ETag"], head["ContentLength"])
        assert item["LastModified"].replace(microsecond=0) == head["LastModified"]
        assert item["Owner"]["ID"] == "admin"


def test_without_encoding_keys_are_text(server: ServerProcess, listed: str) -> None:
    body = server.send("GET", f"/{listed}?list-type=2&prefix=main%2F").body.decode()

    assert "<Key>main/b+c/d</Key>" in body
    assert "<Key>main/z/\ufffd</Key>" in body  # XML cannot hold what is there
    assert "<EncodingType>" not in body


def test_empty_parameters_are_absent_ones(server: ServerProcess, listed: str) -> None:
    target = f"/{listed}.main?list-type=2&prefix=&delimiter=&encoding-type=url"

    body = server.send("GET", target).body.decode()

    assert f"<Key>{quote('b c/d')}</Key>" in body
    assert "CommonPrefixes" not in body


@pytest.mark.parametrize(
    "query",
    ["max-keys=x", "max-keys=-1", "continuation-token=%21", "encoding-type=hex"],
)
def test_parameters_that_make_no_sense_are_refused(
    server: ServerProcess, listed: str, query: str
) -> None:
    got = server.send("GET", f"/{listed}?list-type=2&{query}")

    assert (got.status, b"InvalidArgument" in got.body) == (400, True)


def test_limits(s3: Any, listed: str) -> None:
    none = s3.list_objects_v2(Bucket=listed, Prefix="main/", MaxKeys=0)
    many = s3.list_objects_v2(Bucket=listed, Prefix="main/", MaxKeys=2**31 - 1)

    assert (none["KeyCount"], none["IsTruncated"]) == (0, False)
    assert (many["KeyCount"], many["MaxKeys"]) == (len(KEYS), 1000)


def test_a_ref_that_is_not_there_has_no_keys(s3: Any, listed: str) -> None:
    for prefix in ("mian/", "main~99/", "ma in/", "main/none/"):
        assert s3.list_objects_v2(Bucket=listed, Prefix=prefix)["KeyCount"] == 0


REFS = ["a", "a-b", "a-b-c", "a.b", "a.b-c", "ab", "b", "b_c", "main", "z-1"]


@pytest.fixture(scope="module")
def with_refs(server: ServerProcess) -> str:
    name = server.create_repository("with-refs")
    server.s3().put_object(Bucket=name, Key="main/x", Body=b"")
    server.commit(name)
    for number, ref in enumerate(ref for ref in REFS if ref != "main"):
        if number % 2:
            server.create_branch(name, ref)
        else:
            server.tag(name, ref, "main")
    return name


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prefix=st.sampled_from(["", "a", "a-", "a.b", "b", "none"]),
    after=st.sampled_from(["", *REFS, *(f"{ref}/" for ref in REFS), "a-b/x", "aa"]),
    delimiter=st.sampled_from(["", "/", "b"]),
    limit=st.integers(1, 12),
)
def test_the_root_lists_refs_in_key_order(
    s3: Any, with_refs: str, prefix: str, after: str, delimiter: str, limit: int
) -> None:
    arguments = {"Bucket": with_refs, "MaxKeys": limit, "Delimiter": delimiter}

    shown = read_pages(s3, **arguments, Prefix=prefix, StartAfter=after)

    keys = sorted(f"{ref}/" for ref in REFS if ref.startswith(prefix))
    assert shown == [
        ("prefix", key)
        for key in keys
        if key > after or (after.startswith(key) and after != key)
    ]


def test_pages_of_an_expression_are_of_one_commit(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    for number in range(4):
        s3.put_object(Bucket=repository, Key=f"main/{number}", Body=b"")
    server.commit(repository)
    first = s3.list_objects_v2(Bucket=repository, Prefix="main@/", MaxKeys=2)
    for number in range(4):
        s3.delete_object(Bucket=repository, Key=f"main/{number}")
    server.commit(repository)

    token = first["NextContinuationToken"]
    second = s3.list_objects_v2(
        Bucket=repository, Prefix="main@/", ContinuationToken=token
    )

    keys = [item["Key"] for page in (first, second) for item in page["Contents"]]
    assert keys == [f"main@/{number}" for number in range(4)]


def test_buckets_are_repositories(s3: Any, listed: str) -> None:
    names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]

    assert listed in names
    assert names == sorted(names)
    assert s3.head_bucket(Bucket=listed)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=listed)["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket=f"{listed}.main")
