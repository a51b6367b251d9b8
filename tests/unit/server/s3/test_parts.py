"""The parts of the gateway that need no server."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.auth.authorize import Permission
from lakebed.server.errors import LakeError
from lakebed.server.ids import CommitId
from lakebed.server.s3.address import PATH_STYLE, Level, name_object
from lakebed.server.s3.dispatch import Dispatcher
from lakebed.server.s3.errors import S3Error
from lakebed.server.s3.page_token import PageToken
from lakebed.server.s3.problems import CODES
from lakebed.server.s3.table import TABLE
from lakebed.server.s3.xml import write_document

from support.error_classes import list_error_classes


def test_every_error_has_its_words() -> None:
    assert set(list_error_classes()) - {LakeError} == set(CODES)


def test_every_operation_that_names_a_bucket_declares_a_permission() -> None:
    for operation in TABLE:
        if operation.level is Level.ROOT:
            continue
        assert operation.requirement is not None, operation.name
        writes = operation.method in ("PUT", "POST", "DELETE")
        assert (operation.requirement is not Permission.READ) == writes


def test_an_operation_without_a_permission_stops_the_start() -> None:
    missing: Any = None
    unmarked = replace(TABLE[0], requirement=missing)

    with pytest.raises(TypeError, match="ListBuckets declares no permission"):
        Dispatcher([unmarked, *TABLE[1:]])


def test_two_operations_in_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="two operations"):
        Dispatcher([*TABLE, TABLE[0]])


@pytest.mark.parametrize(
    ("path", "level", "bucket", "key"),
    [
        ("/", Level.ROOT, None, ""),
        ("/b", Level.BUCKET, "b", ""),
        ("/b/", Level.BUCKET, "b", ""),
        ("/b/k", Level.OBJECT, "b", "k"),
        ("/b//k", Level.OBJECT, "b", "/k"),
        ("/b/../k/", Level.OBJECT, "b", "../k/"),
    ],
)
def test_paths_are_buckets_and_keys(
    path: str, level: Level, bucket: str | None, key: str
) -> None:
    address = PATH_STYLE.locate(path, "127.0.0.1")

    assert (address.level, address.key) == (level, key)
    assert (address.bucket.name if address.bucket else None) == bucket


def test_a_path_without_a_bucket_is_refused() -> None:
    with pytest.raises(S3Error, match="empty bucket"):
        PATH_STYLE.locate("//key", "127.0.0.1")


@pytest.mark.parametrize(
    ("bucket", "key", "ref", "path"),
    [
        ("repo", "main/a/b", "main", b"a/b"),
        ("repo", "main//a", "main", b"/a"),
        ("repo", "main/", "main", b""),
        ("repo", "main", "main", b""),
        ("repo", "main~2/a", "main~2", b"a"),
        ("repo.main", "a/b", "main", b"a/b"),
        ("repo.v1.0", "a", "v1.0", b"a"),
    ],
)
def test_keys_are_refs_and_paths(bucket: str, key: str, ref: str, path: bytes) -> None:
    name = name_object(PATH_STYLE.parse_bucket(bucket), key)

    assert (name.repository, name.ref, name.path) == ("repo", ref, path)


@given(
    after=st.text(max_size=50),
    commit_id=st.none() | st.binary(min_size=32, max_size=32).map(CommitId),
)
def test_page_tokens_round_trip(after: str, commit_id: CommitId | None) -> None:
    token = PageToken(after, commit_id)

    assert PageToken.decode(token.encode()) == token


@given(text=st.text(max_size=100))
def test_noise_is_a_page_token_or_refused(text: str) -> None:
    with suppress(S3Error):
        PageToken.decode(text)


@given(
    text=st.text(
        st.characters(
            exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"
        )
    ),
    signs=st.text("<>&\"'\t\n\r"),
)
def test_any_text_comes_back_from_xml(text: str, signs: str) -> None:
    document = write_document("A", [("B", signs + text), ("C", [])], namespace="")

    root = ElementTree.fromstring(document)

    assert (root.findtext("B") or "") == signs + text


@given(text=st.text(st.characters(codec="utf-8")))
def test_no_text_breaks_the_document(text: str) -> None:
    ElementTree.fromstring(write_document("A", text))
