"""Ranges and preconditions, as RFC 9110 has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.errors import RangeNotSatisfiableError
from lakebed.server.httprules.preconditions import Verdict, evaluate, show_date
from lakebed.server.httprules.ranges import ByteRange, parse_range
from multidict import CIMultiDict

SIZES = st.integers(0, 50)


@given(size=SIZES, first=st.integers(0, 60), last=st.none() | st.integers(0, 60))
def test_a_range_is_what_slicing_says(size: int, first: int, last: int | None) -> None:
    data = bytes(range(size))
    header = f"bytes={first}-{'' if last is None else last}"

    if last is not None and last < first:
        assert parse_range(header, size) is None
    elif first >= size:
        with pytest.raises(RangeNotSatisfiableError):
            parse_range(header, size)
    else:
        found = parse_range(header, size)
        assert found is not None
        stop = size if last is None else last + 1
        assert data[found.start : found.stop] == data[first:stop]
        assert found.content_range(size).endswith(f"/{size}")


@given(size=SIZES, count=st.integers(0, 60))
def test_a_suffix_is_the_end(size: int, count: int) -> None:
    data = bytes(range(size))

    if count == 0 or size == 0:
        with pytest.raises(RangeNotSatisfiableError):
            parse_range(f"bytes=-{count}", size)
    else:
        found = parse_range(f"bytes=-{count}", size)
        assert found is not None
        assert data[found.start : found.stop] == data[-count:]


@pytest.mark.parametrize("digits", ["9" * 18, "9" * 30, "0" * 40 + "999", "9" * 6000])
def test_an_offset_of_any_length_is_a_number(digits: str) -> None:
    assert parse_range(f"bytes=5-{digits}", 100) == ByteRange(5, 100)
    assert parse_range(f"bytes=-{digits}", 100) == ByteRange(0, 100)
    with pytest.raises(RangeNotSatisfiableError):
        parse_range(f"bytes={digits}-", 100)


@given(header=st.text(max_size=20) | st.from_regex(r"bytes=.{0,8}"))
def test_noise_is_never_more_than_a_range(header: str) -> None:
    try:
        found = parse_range(header, 100)
    except RangeNotSatisfiableError:
        return
    assert found is None or 0 <= found.start < found.stop <= 100


NOW_S = 1_000_000_000
EARLIER, NOW, LATER = (show_date(NOW_S + offset) for offset in (-1, 0, 1))
SEND, FAILED, NOT_MODIFIED = Verdict.SEND, Verdict.FAILED, Verdict.NOT_MODIFIED


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, SEND),
        ({"If-Match": '"e"'}, SEND),
        ({"If-Match": "e"}, SEND),
        ({"If-Match": 'W/"e"'}, SEND),
        ({"If-Match": '"a", "e"'}, SEND),
        ({"If-Match": "*"}, SEND),
        ({"If-Match": '"a"'}, FAILED),
        ({"If-None-Match": '"a"'}, SEND),
        ({"If-None-Match": '"e"'}, NOT_MODIFIED),
        ({"If-None-Match": "*"}, NOT_MODIFIED),
        ({"If-Modified-Since": EARLIER}, SEND),
        ({"If-Modified-Since": NOW}, NOT_MODIFIED),
        ({"If-Modified-Since": LATER}, NOT_MODIFIED),
        ({"If-Unmodified-Since": EARLIER}, FAILED),
        ({"If-Unmodified-Since": NOW}, SEND),
        ({"If-Modified-Since": "nonsense"}, SEND),
        ({"If-Unmodified-Since": "nonsense"}, SEND),
        # The one with an ETag is asked first and alone.
        ({"If-Match": '"e"', "If-Unmodified-Since": EARLIER}, SEND),
        ({"If-None-Match": '"a"', "If-Modified-Since": LATER}, SEND),
        ({"If-Match": '"a"', "If-None-Match": '"e"'}, FAILED),
        ({"If-Match": '"e"', "If-None-Match": '"e"'}, NOT_MODIFIED),
    ],
)
def test_preconditions(headers: dict[str, str], verdict: Verdict) -> None:
    assert evaluate(CIMultiDict(headers), "e", NOW_S * 1000 + 999) is verdict
