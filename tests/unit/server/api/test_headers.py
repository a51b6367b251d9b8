"""What an upload may say in its headers."""

from __future__ import annotations

import pytest
from lakebed.server.api.headers import (
    read_condition,
    read_extra,
    read_idempotency_key,
)
from lakebed.server.errors import InvalidValueError
from lakebed.server.repository.objects import Condition
from lakebed.server.tree.extra import Extra
from multidict import CIMultiDict, CIMultiDictProxy


def headers(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


def test_no_condition_is_none() -> None:
    assert read_condition(headers()) is None


@pytest.mark.parametrize(
    ("name", "value", "condition"),
    [
        ("If-None-Match", "*", Condition(must_be_absent=True)),
        ("If-Match", '"abc"', Condition(etag="abc")),
        ("if-match", "abc", Condition(etag="abc")),
        ("If-Match", "*", Condition(etag="*")),
    ],
)
def test_a_condition_is_read(name: str, value: str, condition: Condition) -> None:
    assert read_condition(headers((name, value))) == condition


@pytest.mark.parametrize(
    "pairs",
    [
        [("If-None-Match", '"abc"')],
        [("If-None-Match", "")],
        [("If-Match", '"a", "b"')],
        [("If-Match", 'W/"a"')],
        [("If-Match", '"a"'), ("If-Match", '"b"')],
        [("If-Match", '"a"'), ("If-None-Match", "*")],
        [("If-Match", '"\udcff"')],
    ],
)
def test_a_condition_that_we_cannot_keep_is_refused(
    pairs: list[tuple[str, str]],
) -> None:
    with pytest.raises(InvalidValueError):
        read_condition(headers(*pairs))


def test_user_metadata_is_read_without_its_prefix_and_in_lower_case() -> None:
    found = read_extra(
        headers(("X-LakeFS-Meta-Colour", "grün"), ("Other", "x")), "text/csv"
    )

    assert found == Extra(content_type="text/csv", user_metadata={"colour": "grün"})


def test_an_upload_that_says_nothing_has_no_extra() -> None:
    assert read_extra(headers(("Host", "x")), None) is None


@pytest.mark.parametrize(
    "pairs",
    [
        [("x-lakefs-meta-", "x")],
        [("x-lakefs-meta-a", "1"), ("X-Lakefs-Meta-A", "2")],
        [("x-lakefs-meta-a", "\udcff")],
        [("x-lakefs-meta-a", "\x1b[31m")],
        [("x-lakefs-meta-a", "x" * 2049)],
        [("Content-Encoding", "gzip\udcff")],
    ],
)
def test_metadata_that_cannot_be_given_back_is_refused(
    pairs: list[tuple[str, str]],
) -> None:
    with pytest.raises(InvalidValueError):
        read_extra(headers(*pairs), None)


def test_a_content_type_that_cannot_be_given_back_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="Content-Type"):
        read_extra(headers(), "text/\udcff")


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "\udcff"])
def test_an_odd_idempotency_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidValueError, match="idempotency key"):
        read_idempotency_key({"Idempotency-Key": key})


def test_an_idempotency_key_is_read() -> None:
    assert read_idempotency_key({"Idempotency-Key": "k1"}) == "k1"
    assert read_idempotency_key({}) is None
