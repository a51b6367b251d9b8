"""REST bodies: they round-trip, and what does not fit is named."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.client.wire import (
    AMOUNT_MAX,
    BranchCreation,
    Commit,
    Conflict,
    ObjectStats,
    Page,
    Ref,
    WireError,
    decode,
    decode_problem,
    encode,
    encode_problem,
    read_conflicts,
    routes,
)

# JSON cannot carry half a surrogate pair.
texts = st.text(st.characters(exclude_categories=["Cs"]))
refs = st.builds(Ref, id=texts, commit_id=texts)
stats = st.builds(
    ObjectStats,
    path=texts,
    path_type=st.sampled_from(["object", "common_prefix"]),
    physical_address=texts,
    checksum=texts,
    mtime=st.integers(0, 2**60),
    size_bytes=st.none() | st.integers(0, 2**62),
    metadata=st.none() | st.dictionaries(texts, texts),
    content_type=st.none() | texts,
)


@given(page=st.builds(Page.of, st.lists(refs), next_offset=st.none() | texts))
def test_pages_round_trip(page: Page[Ref]) -> None:
    assert decode(encode(page), Page[Ref]) == page


@given(found=stats)
def test_objects_round_trip(found: ObjectStats) -> None:
    assert decode(encode(found), ObjectStats) == found


def test_a_page_says_all_four_things_of_itself() -> None:
    page = Page.of([Ref(id="main", commit_id="c")], next_offset="main")

    pagination = json.loads(encode(page))["pagination"]

    assert pagination == {
        "has_more": True,
        "next_offset": "main",
        "results": 1,
        "max_per_page": AMOUNT_MAX,
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"source": "main"}', "field 'name' is missing"),
        (b'{"name": 1, "source": "main"}', "field 'name' is wrong: expected 'str'"),
        (b'{"name": "x", "source": "m", "force": 1}', "field 'force' is wrong"),
        (b"[]", "body is wrong: expected 'object', got 'array'"),
        (b"{", "body is not JSON"),
        (b"", "body is not JSON"),
        (b'{"name": "\xff", "source": "m"}', "body is not JSON"),
    ],
)
def test_what_does_not_fit_is_named(body: bytes, message: str) -> None:
    with pytest.raises(WireError, match=message):
        decode(body, BranchCreation)


def test_a_wrong_field_is_named_with_its_place() -> None:
    page = encode(Page.of([Ref(id="main", commit_id="c")], next_offset=None))

    with pytest.raises(WireError, match=r"field 'results\[0\].commit_id' is wrong"):
        decode(page.replace(b'"c"', b"3"), Page[Ref])


def test_an_answer_may_have_fields_that_we_do_not_know() -> None:
    """So that an older client can talk to a newer server."""
    assert decode(b'{"id":"main","commit_id":"c","new":1}', Ref).id == "main"


@given(noise=st.binary())
def test_noise_is_refused_and_never_crashes(noise: bytes) -> None:
    with suppress(WireError):
        decode(noise, Commit)
    decode_problem(noise)


def test_a_problem_carries_its_conflicts() -> None:
    conflict = Conflict(path="a", base=None, source=None, destination=None)

    problem = decode_problem(
        encode_problem("conflict found", "merge-conflict", {"conflicts": [conflict]})
    )

    assert problem is not None
    assert (problem.message, problem.code) == ("conflict found", "merge-conflict")
    assert read_conflicts(problem) == [conflict]


@pytest.mark.parametrize(
    "body", [b"<html>502</html>", b"{}", b'{"message": 3}', b"[]", b'"message"']
)
def test_an_answer_of_a_stranger_is_no_problem_of_ours(body: bytes) -> None:
    assert decode_problem(body) is None


@given(name=texts)
def test_a_name_cannot_change_the_route(name: str) -> None:
    path = routes.fill(routes.BRANCH, repository="r", branch=name)

    assert path.count("/") == routes.BRANCH.count("/")
    assert "?" not in path
    assert "#" not in path
