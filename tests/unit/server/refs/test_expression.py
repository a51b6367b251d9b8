"""Ref expressions and names: what parses, and what is refused with a reason."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.errors import InvalidNameError, InvalidRefExpressionError
from lakebed.server.refs.expression import Expression, Step, parse_expression
from lakebed.server.refs.names import check_ref_name, check_repository_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main", Expression("main", None, (), "merged")),
        ("main@", Expression("main", None, (), "committed")),
        ("main$", Expression("main", None, (), "staged")),
        ("v1.0~", Expression("v1.0", None, (Step("~", 1),), "merged")),
        ("m~2^2", Expression("m", None, (Step("~", 2), Step("^", 2)), "merged")),
        (
            "main@{2026-11-01T12:00Z}~1",
            Expression("main", 1_793_534_400_000, (Step("~", 1),), "merged"),
        ),
        (
            "0123456789abcdef" * 4,
            Expression("0123456789abcdef" * 4, None, (), "merged"),
        ),
    ],
)
def test_an_expression_parses(text: str, expected: Expression) -> None:
    assert parse_expression(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "~1",
        "main~x",
        "main@{never}",
        "main@{}",
        "main~1@",
        "ma in",
        "main/",
        "main\n",
        "main@@",
        "m" + "~" * 17,
        "main~99999999",
        "a" * 2000,
    ],
)
def test_a_malformed_expression_is_refused(text: str) -> None:
    with pytest.raises(InvalidRefExpressionError):
        parse_expression(text)


@given(text=st.text(max_size=30))
def test_noise_parses_or_is_refused_but_never_crashes(text: str) -> None:
    with suppress(InvalidRefExpressionError):
        parse_expression(text)


@pytest.mark.parametrize("name", ["abc", "a-b-1", "0ab", "a" * 63])
def test_a_repository_name_is_taken(name: str) -> None:
    assert check_repository_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "ab", "-abc", "Abc", "a.b", "a_b", "a" * 64, "models", "abc\n", "ä-b"]
)
def test_a_bad_repository_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidNameError):
        check_repository_name(name)


@pytest.mark.parametrize("name", ["main", "v1.0", "_x", "A-b.c", "a" * 255, "abcdef0"])
def test_a_ref_name_is_taken(name: str) -> None:
    assert check_ref_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        ".a",
        "-a",
        "a..b",
        "a.lock",
        "a.",
        "a" * 256,
        "f" * 40,
        "0" * 64,
        "a\0",
    ],
)
def test_a_bad_ref_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidNameError):
        check_ref_name(name)
