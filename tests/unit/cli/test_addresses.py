"""What people type to name repositories, refs and objects."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from lakebed.cli.addresses import (
    ObjectAddress,
    RefAddress,
    parse_location,
    parse_object,
    parse_ref,
    parse_ref_in,
    parse_repository,
)

repositories = st.from_regex(r"[a-z0-9][a-z0-9-]{2,20}", fullmatch=True)
refs = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._~^@${}:-]{0,20}", fullmatch=True)
paths = st.text(min_size=1)


@given(repository=repositories, ref=refs, path=paths)
def test_an_address_round_trips_whatever_the_path_holds(
    repository: str, ref: str, path: str
) -> None:
    address = ObjectAddress(repository, ref, path)

    assert parse_object(str(address)) == address
    assert parse_object(f"s3://{repository}/{ref}/{path}") == address
    assert parse_object(f"{repository}/{ref}/{path}") == address
    assert parse_location(str(address)) == address


@given(repository=repositories, ref=refs, path=paths)
def test_a_bucket_may_carry_the_ref(repository: str, ref: str, path: str) -> None:
    address = ObjectAddress(repository, ref, path)

    assert parse_object(f"s3://{repository}.{ref}/{path}") == address


@given(repository=repositories, ref=refs)
def test_a_ref_round_trips(repository: str, ref: str) -> None:
    address = RefAddress(repository, ref)

    assert parse_ref(str(address)) == address
    assert parse_ref(f"lakebed://{address}/") == address
    assert parse_ref_in(str(address), repository) == ref
    assert parse_ref_in(ref, repository) == ref
    assert parse_object(f"{address}/") == ObjectAddress(repository, ref, "")


@given(text=st.text())
def test_nothing_but_an_address_or_a_usage_error_comes_of_any_text(text: str) -> None:
    for parse in (parse_repository, parse_ref, parse_object, parse_location):
        with suppress(typer.BadParameter):
            parse(text)


@pytest.mark.parametrize("text", ["", "/", "//x", "lakebed://", "a/b/c", "s3:///x"])
def test_what_is_no_ref_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_ref(text)


def test_a_repository_alone_is_pointed_to_a_ref() -> None:
    with pytest.raises(typer.BadParameter, match="such as 'penguins/main'"):
        parse_ref("penguins")


def test_a_ref_of_another_repository_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="another repository than 'a'"):
        parse_ref_in("b/main", "a")


def test_what_has_no_scheme_is_a_local_path() -> None:
    assert parse_location("penguins/main/x") == Path("penguins/main/x")
    assert parse_location("-") is None


def test_a_scheme_that_we_do_not_know_is_no_local_path() -> None:
    with pytest.raises(typer.BadParameter, match="'gs://'"):
        parse_location("gs://bucket/x")


@pytest.mark.parametrize(
    ("path", "is_prefix"), [("", True), ("a/", True), ("a", False), ("a/b", False)]
)
def test_a_slash_at_the_end_means_what_is_below(path: str, is_prefix: bool) -> None:
    assert ObjectAddress("r", "main", path).is_prefix is is_prefix
