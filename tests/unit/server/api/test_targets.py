"""Request targets are read in one way only, and refused where they are not clean."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.api.call import NoQuery
from lakebed.server.api.parameters import (
    DiffQuery,
    LogQuery,
    PageQuery,
    PathQuery,
    StatQuery,
)
from lakebed.server.api.targets import QueryReader, decode_component, split_target
from lakebed.server.errors import InvalidValueError

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(text=texts)
def test_a_quoted_component_comes_back(text: str) -> None:
    assert decode_component(quote(text, safe=""), "name") == text


@given(noise=st.text(alphabet="%0123456789abcdefABCDEFgG+/.é", max_size=30))
def test_noise_decodes_or_is_refused(noise: str) -> None:
    with suppress(InvalidValueError):
        decode_component(noise, "name").encode()


@pytest.mark.parametrize(
    "text", ["%", "a%2", "%zz", "%2", "%%41", "%ff", "%c3", "%ed%a0%80"]
)
def test_broken_escapes_are_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidValueError, match="'path'") as caught:
        decode_component(text, "path")

    assert caught.value.field == "path"


@pytest.mark.parametrize("target", ["/a/é", "/a/\udcff?x=1", "/a?x=\udcff"])
def test_a_target_that_is_not_ascii_is_refused(target: str) -> None:
    with pytest.raises(InvalidValueError):
        split_target(target)


def test_an_escaped_separator_stays_inside_its_name() -> None:
    assert split_target("/a%3Fb?c=%26#d") == ("/a%3Fb", "c=%26")


@given(path=texts, metadata=st.booleans())
def test_parameters_come_back_from_either_encoding(path: str, metadata: bool) -> None:
    values = {"path": path, "user_metadata": str(metadata)}
    reader = QueryReader(StatQuery)

    for quoted in (urlencode(values), urlencode(values, quote_via=quote)):
        assert reader.read(quoted) == StatQuery(path=path, user_metadata=metadata)


@pytest.mark.parametrize("text", ["True", "true", "TRUE", "1"])
def test_booleans_are_true_in_any_case(text: str) -> None:
    assert QueryReader(StatQuery).read(f"path=a&presign={text}").presign


@pytest.mark.parametrize("text", ["yes", "", "2", "tru"])
def test_other_words_are_no_booleans(text: str) -> None:
    with pytest.raises(InvalidValueError, match="'presign'"):
        QueryReader(StatQuery).read(f"path=a&presign={text}")


@pytest.mark.parametrize(
    "amount", ["1001", "-2", "9" * 400, "1.5", "", "ten", "0x10", "1e4", "nan", "1 "]
)
def test_an_amount_out_of_bounds_is_refused_by_name(amount: str) -> None:
    with pytest.raises(InvalidValueError, match="'amount'") as caught:
        QueryReader(PageQuery).read(f"amount={amount}")

    assert caught.value.field == "amount"


@pytest.mark.parametrize(
    ("query", "limit"),
    [("", 100), ("amount=0", 100), ("amount=-1", 100), ("amount=7", 7)],
)
def test_an_amount_that_is_not_said_is_the_default(query: str, limit: int) -> None:
    assert QueryReader(PageQuery).read(query).limit == limit


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(
        InvalidValueError, match="parameter 'path' is missing"
    ) as caught:
        QueryReader(PathQuery).read("prefix=a")

    assert caught.value.field == "path"


def test_a_doubled_parameter_is_refused_unless_it_is_a_list() -> None:
    with pytest.raises(InvalidValueError, match="'path' is given twice"):
        QueryReader(PathQuery).read("path=a&path=a")

    assert QueryReader(LogQuery).read("objects=a&objects=b").objects == ("a", "b")


def test_a_parameter_is_known_by_its_decoded_name() -> None:
    with pytest.raises(InvalidValueError, match="given twice"):
        QueryReader(PathQuery).read("path=a&p%61th=b")


def test_unknown_parameters_are_passed_over() -> None:
    assert QueryReader(NoQuery).read("storageClass=x&storageClass=y&a") == NoQuery()


def test_a_word_that_is_not_listed_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="'type'"):
        QueryReader(DiffQuery).read("type=four_dot")


def test_a_parameter_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="'prefix'"):
        QueryReader(PageQuery).read("prefix=" + "a" * 1025)


@given(noise=st.text(alphabet="%&=+;?#azAZ019é\x00\n", max_size=60))
def test_any_query_is_read_or_refused(noise: str) -> None:
    with suppress(InvalidValueError):
        _, query = split_target("/?" + noise)
        QueryReader(LogQuery).read(query)
