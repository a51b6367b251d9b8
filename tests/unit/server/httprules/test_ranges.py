"""Which bytes a reader gets for what its headers ask."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.errors import RangeNotSatisfiableError
from lakebed.server.httprules.preconditions import matches_etag
from lakebed.server.httprules.ranges import ByteRange, parse_range

sizes = st.integers(0, 300)
offsets = st.integers(0, 400)


@given(size=sizes, first=offsets, last=offsets)
def test_a_range_gives_what_a_slice_gives(size: int, first: int, last: int) -> None:
    data = bytes(n % 251 for n in range(size))
    header = f"bytes={first}-{last}"

    if last < first:
        assert parse_range(header, size) is None
    elif first >= size:
        with pytest.raises(RangeNotSatisfiableError):
            parse_range(header, size)
    else:
        found = parse_range(header, size)
        assert found is not None
        assert data[found.start : found.stop] == data[first : last + 1]
        assert found.content_range(size) == f"bytes {first}-{found.stop - 1}/{size}"


@given(size=sizes, count=offsets)
def test_a_suffix_gives_the_last_bytes(size: int, count: int) -> None:
    if size == 0 or count == 0:
        with pytest.raises(RangeNotSatisfiableError):
            parse_range(f"bytes=-{count}", size)
    else:
        assert parse_range(f"bytes=-{count}", size) == ByteRange(
            max(0, size - count), size
        )


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=0-1,3-4", "items=0-1", "bytes=a-b",
     "bytes=1", "bytes=--1", "bytes=+1-2", "bytes=٣-٤", "bytes=" + "9" * 30 + "-"],
)  # fmt: skip
def test_what_is_no_single_range_is_passed_over(header: str | None) -> None:
    assert parse_range(header, 100) is None


@given(noise=st.text(alphabet="bytes=-, 0123456789x", max_size=40), size=sizes)
def test_any_header_gives_a_range_inside_or_is_refused(noise: str, size: int) -> None:
    with suppress(RangeNotSatisfiableError):
        found = parse_range(noise, size)
        assert found is None or 0 <= found.start < found.stop <= size


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        ("*", True),
        ('"abc"', True),
        ("abc", True),
        ('"x", "abc"', True),
        ('W/"abc"', True),
        ('"abcd"', False),
        ("", False),
    ],
)
def test_etags_match_with_quotes_and_without(header: str, matches: bool) -> None:
    assert matches_etag(header, "abc") is matches
