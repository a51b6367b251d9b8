"""What programs log becomes plain values, or is refused where they log it."""

from __future__ import annotations

import json
import math
import operator
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.client import InvalidRequestError
from lakebed.client.runs.loggable import (
    NAME_CHARS_MAX,
    TEXT_CHARS_MAX,
    as_line,
    as_name,
    as_number,
    as_param,
    as_step,
    clean_params,
    clean_what_can_be,
    plain_document,
    plain_text,
)
from lakebed.client.wire import decode, encode
from lakebed.client.wire.runs import MetricPoints, RunBatch
from lakebed.server.errors import InvalidValueError
from lakebed.server.provenance import adding
from lakebed.server.runs import names

from support.numbers import Scalar, Whole


class Real(float):
    pass


class Text(str):
    __slots__ = ()


class Level(IntEnum):
    HIGH = 3


class Kind(StrEnum):
    TREE = "tree"


class Mixed(str, Enum):  # noqa: UP042 - as programs have it
    TREE = "tree"


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (Whole(3), 3),
        (Real(0.5), 0.5),
        (Text("a"), "a"),
        (Level.HIGH, 3),
        (Kind.TREE, "tree"),
        (Mixed.TREE, "tree"),
        (Scalar(7), 7),
        (Scalar(0.5), 0.5),
        (Scalar(True), True),
        (Scalar("a"), "a"),
        (Scalar(None), None),
        (10**18, 10**18),
        (None, None),
        (False, False),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        ([1, 2], "[1, 2]"),
        (Decimal("0.1"), "0.1"),
        ("\udc80", "\\udc80"),
        ("é𝄞", "é𝄞"),
    ],
)
def test_a_parameter_becomes_a_plain_value(given: object, plain: object) -> None:
    found = as_param("p", given)

    assert (type(found), found) == (type(plain), plain)


def test_a_number_that_is_its_own_item_is_recorded_as_text() -> None:
    # As numpy.longdouble is: it would be asked for ever.
    own = Scalar(0)
    own.value = own

    assert as_param("p", own) == str(own)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (2**64, "64 bits"),
        (-(2**63) - 1, "64 bits"),
        (10**400, "64 bits"),
        pytest.param(10**10_000, "64 bits", id="huge"),
        ("x" * (TEXT_CHARS_MAX + 1), "keep it as a file"),
        (list(range(TEXT_CHARS_MAX)), "keep it as a file"),
    ],
)
def test_a_parameter_that_no_server_takes_is_refused(value: object, why: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"parameter 'p' .*{why}"):
        as_param("p", value)


class _Unprintable:
    def __repr__(self) -> str:
        raise ZeroDivisionError("no")


def test_what_cannot_be_a_text_is_refused() -> None:
    with pytest.raises(TypeError, match=r"parameter 'p' .*ZeroDivisionError: no"):
        as_param("p", _Unprintable())


@pytest.mark.parametrize(
    ("step", "plain"),
    [
        (None, None),
        (3, 3),
        (-1, -1),
        (Whole(3), 3),
        (Level.HIGH, 3),
        (Scalar(3), 3),
        (2**63 - 1, 2**63 - 1),
    ],
)
def test_a_step_becomes_a_plain_number(step: Any, plain: int | None) -> None:
    found = as_step(step)

    assert (type(found), found) == (type(plain), plain)


@pytest.mark.parametrize(
    "step", [0.5, 3.0, True, False, "3", Scalar(0.5), Scalar(True), [], _Unprintable]
)
def test_a_step_that_is_no_whole_number_is_refused(step: Any) -> None:
    with pytest.raises(TypeError, match="step must be a whole number"):
        as_step(step)


@pytest.mark.parametrize(
    "step", [2**63, -(2**63) - 1, pytest.param(10**10_000, id="huge")]
)
def test_a_step_of_more_than_64_bits_is_refused(step: int) -> None:
    with pytest.raises(InvalidRequestError, match="more than 64 bits"):
        as_step(step)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (1, 1.0),
        (True, 1.0),
        (Real(0.5), 0.5),
        (Scalar(0.5), 0.5),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 2), 0.5),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        (Fraction(10**400), math.inf),
    ],
)
def test_a_metric_becomes_a_plain_number(value: Any, plain: float) -> None:
    found = as_number("loss", value)

    assert (type(found), found) == (float, plain)


@pytest.mark.parametrize("value", [None, "0.5", b"1", [1], 1j, object(), Scalar("1")])
def test_what_is_no_number_is_no_metric(value: Any) -> None:
    with pytest.raises(TypeError, match="metric 'loss' must be a number"):
        as_number("loss", value)


@pytest.mark.parametrize("name", [None, 5, b"a", ("a",)])
def test_a_name_that_is_no_text_is_refused(name: object) -> None:
    with pytest.raises(TypeError, match="name of a metric must be a text"):
        as_name("metric", name)


@pytest.mark.parametrize("name", ["", "a\nb", "\0", "x" * 257, "\udc80" * 50])
def test_a_name_that_no_server_takes_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be the name of a metric"):
        as_name("metric", name)


@given(st.text(max_size=300))
def test_names_are_refused_as_the_server_does(name: str) -> None:
    try:
        names.check_name("metrics", plain_text(name))
    except InvalidValueError:
        with pytest.raises(InvalidRequestError):
            as_name("metric", name)
    else:
        assert as_name("metric", name) == plain_text(name)


def test_the_limits_are_those_of_the_server() -> None:
    assert names.NAME_CHARS_MAX == NAME_CHARS_MAX
    assert adding.TEXT_CHARS_MAX == TEXT_CHARS_MAX


half_texts = st.text(st.characters(), max_size=10)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    half_texts,
    st.lists(st.integers(), max_size=3),
    st.integers().map(Whole),
    st.floats().map(Real),
    half_texts.map(Text),
)


@given(values)
def test_what_is_taken_of_parameters_a_server_takes(value: object) -> None:
    try:
        params = clean_params({"p": value})
    except InvalidRequestError:
        assert isinstance(value, int)
        return
    batch = RunBatch(writer="w", sequence=1, params=params)
    adding.check_params(decode(encode(batch), RunBatch).params)
    assert decode(encode(batch), RunBatch) == batch


@given(st.one_of(st.integers(), st.integers().map(Whole)))
def test_what_is_taken_of_steps_a_server_takes(step: int) -> None:
    try:
        taken = as_step(step)
    except InvalidRequestError:
        assert not -(2**63) <= step < 2**63
        return
    assert taken == operator.index(step)
    points = MetricPoints(name="m", values=[1.0], steps=[taken or 0], times_ms=[1])
    adding._read_points(points)  # pyright: ignore[reportPrivateUsage]


@given(half_texts, half_texts)
def test_texts_that_differ_still_do(one: str, other: str) -> None:
    plain_text(one).encode()
    if "\\" not in one + other and one != other:
        assert plain_text(one) != plain_text(other)


def test_the_texts_in_a_document_are_mended() -> None:
    document = {"argv": ["\udc80", 1, None], "a\udc80": {"b": ("c",)}}

    mended = plain_document(document)

    assert mended == {"argv": ["\\udc80", 1, None], "a\\udc80": {"b": ["c"]}}
    json.dumps(mended, ensure_ascii=False).encode()


def test_a_line_is_what_it_prints() -> None:
    assert as_line(5) == "5"
    assert as_line(None) == "None"
    assert as_line(Kind.TREE) == "tree"


def test_what_cannot_be_recorded_is_named() -> None:
    cleaned, missing = clean_what_can_be({"a": 1, "b": 2**64, "": 3}, "params")

    assert cleaned == {"a": 1}
    assert [each.what for each in missing] == ["params", "params"]
    assert "'b'" in missing[0].reason
