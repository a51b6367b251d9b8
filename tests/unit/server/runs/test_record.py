"""Bytes of records: they round-trip, and they never change by accident."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.errors import CorruptDataError, InvalidValueError
from lakebed.server.ids import CommitId
from lakebed.server.runs.documents import from_canonical, to_canonical
from lakebed.server.runs.points import (
    Points,
    Summary,
    decode_points,
    encode_points,
    encoded_bytes,
    join_encoded,
    summarise,
)
from lakebed.server.runs.record import (
    Deletion,
    Edge,
    KeptFile,
    Metric,
    Missing,
    RunRecord,
    decode_record,
    encode_record,
    hash_record,
)
from lakebed.server.runs.statuses import How, Status
from lakebed.server.tree.canonical import pack, unpack

GOLDEN = Path(__file__).parents[3] / "golden"

RECORD = RunRecord(
    id="0123456789abcdef0123456789abcdef",
    repository="lake",
    experiment="fraud",
    status=Status.SUCCEEDED,
    user="ann",
    host="box",
    started_ms=1_700_000_000_000,
    ended_ms=1_700_000_060_000,
    exit_code=0,
    parent=None,
    rerun_of="f" * 32,
    grade="B",
    parts={
        "code": {"kind": "git", "argv": ["python", "train.py"], "is_dirty": False},
        "configuration": {"options": {"rate": 0.1, "deep": [1, None, [True]]}},
        "environment": {"python": "3.11.9"},
        "hardware": {"machine": "x86_64", "cores": 8},
        "seeds": {"seed": 42},
    },
    params={"rate": 0.1, "epochs": 3, "flag": True, "none": None, "name": "7"},
    metrics=(
        Metric("auc", Summary(0.9, 2, 0.5, 0.9, 3), b"p" * 32),
        Metric("loss", Summary(None, 1, None, None, 1), None),
    ),
    inputs=(
        Edge(
            "lake", "main", CommitId(b"c" * 32), b"data/", True, b"i" * 32, 10, How(0)
        ),
        Edge(
            "lake",
            "main",
            CommitId(b"c" * 32),
            b"data/a",
            False,
            b"j" * 32,
            4,
            How(1),
            "x",
        ),
    ),
    outputs=(
        Edge(
            "lake", "main", CommitId(b"d" * 32), b"model", False, b"k" * 32, 9, How(1)
        ),
    ),
    files=(KeptFile("log", b"l" * 32, 12),),
    missing=(Missing("environment.lock", "there is none"),),
)

documents: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_record_bytes_are_those_of_version_1() -> None:
    """A failure here means that existing records can no longer be read."""
    golden = bytes.fromhex((GOLDEN / "run-v1.hex").read_text())

    assert encode_record(RECORD) == golden
    assert decode_record(golden) == RECORD
    assert hash_record(golden).hex() == (GOLDEN / "run-v1.id").read_text().strip()


DELETING = replace(
    RECORD,
    deleted=(
        Deletion("lake", "dev", CommitId(b"d" * 32), b"z"),
        Deletion("lake", "main", CommitId(b"d" * 32), b"a"),
    ),
)


def test_what_a_run_deleted_is_one_field_more() -> None:
    golden = bytes.fromhex((GOLDEN / "run-v1-deleted.hex").read_text())

    assert encode_record(DELETING) == golden
    assert decode_record(golden) == DELETING
    backwards = replace(DELETING, deleted=DELETING.deleted[::-1])
    assert encode_record(backwards) == golden


@pytest.mark.parametrize(
    "field", [(), (("lake", "main", b"short", b"a"),), (("lake",),), "x"]
)
def test_a_list_of_deletions_that_is_malformed_is_corrupt(field: object) -> None:
    (*fields,) = cast("tuple[object, ...]", unpack(encode_record(RECORD)))

    with pytest.raises(CorruptDataError):
        decode_record(pack((*fields, field)))


@given(document=st.dictionaries(st.text(), documents))
def test_documents_round_trip_with_their_types(document: dict[str, Any]) -> None:
    back = from_canonical(to_canonical("code", document))

    assert repr(back) == repr({name: document[name] for name in sorted(document)}) or (
        back == document
    )
    assert _types(back) == _types(document)


def _types(value: Any) -> object:
    match value:
        case [*items]:
            return [_types(each) for each in items]
        case {**pairs}:
            return {name: _types(each) for name, each in pairs.items()}
        case _:
            leaf: object = value
            return str(type(leaf))


@given(document=st.dictionaries(st.text(), documents))
def test_the_order_of_an_object_is_no_part_of_a_record(
    document: dict[str, Any],
) -> None:
    backwards = dict(reversed(document.items()))

    assert to_canonical("code", backwards) == to_canonical("code", document)


def test_what_a_record_cannot_keep_is_refused_with_its_name() -> None:
    deep: Any = 0
    for _ in range(40):
        deep = [deep]

    for value in (2**64, deep):
        with pytest.raises(InvalidValueError, match="'code'"):
            to_canonical("code", {"a": value})


@given(cut=st.integers(min_value=1))
def test_a_record_that_was_cut_off_is_corrupt(cut: int) -> None:
    data = encode_record(RECORD)

    with pytest.raises(CorruptDataError):
        decode_record(data[: -(1 + cut % (len(data) - 1))])


@given(noise=st.binary(), at=st.integers(0, 400))
def test_noise_decodes_or_is_corrupt_but_never_crashes(noise: bytes, at: int) -> None:
    data = encode_record(RECORD)

    with suppress(CorruptDataError):
        decode_record(noise)
    with suppress(CorruptDataError):
        decode_record(data[:at] + noise + data[at + len(noise) :])


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.integers(0, 2**50),
            st.floats(),
        ),
        min_size=1,
    ),
    st.integers(1, 5),
)
def test_points_round_trip_and_summaries_add_up(
    rows: list[tuple[int, int, float]], at: int
) -> None:
    def points(some: list[tuple[int, int, float]]) -> Points:
        return Points(*(list(column) for column in zip(*some, strict=True)))

    whole = points(rows)
    back = decode_points(encode_points(whole))
    assert list(back.steps) == list(whole.steps)
    assert list(back.times_ms) == list(whole.times_ms)
    assert repr(list(back.values)) == repr(list(whole.values))

    pieces = [piece for piece in (rows[:at], rows[at:]) if piece]
    joined = decode_points(
        join_encoded(encode_points(points(piece)) for piece in pieces)
    )
    short = summarise(points(pieces[0]))
    for piece in pieces[1:]:
        short = short.then(summarise(points(piece)))
    assert repr(list(joined.values)) == repr(list(whole.values))
    assert short == summarise(whole)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 127, 128, 8191, 8192, 70_000])
def test_the_length_of_points_follows_from_their_number(count: int) -> None:
    data = encode_points(Points([1] * count, [2] * count, [0.5] * count))

    assert encoded_bytes(count) == len(data)


def test_a_metric_of_no_numbers_has_no_extremes() -> None:
    short = summarise(Points([1], [2], [math.nan]))

    assert short == Summary(None, 1, None, None, 1)
