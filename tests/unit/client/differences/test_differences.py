"""Two versions of a file: the first byte that differs, and by how much its numbers do."""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.client.differences import (
    EXACT,
    Tolerance,
    compare_files,
    find_first_difference,
)
from lakebed.client.wire import Difference

floats = st.floats(allow_nan=True, allow_infinity=True, width=64)
TYPES = {
    "<f8": "<d",
    ">f8": ">d",
    "<f4": "<f",
    "<f2": "<e",
    "<i8": "<q",
    "|b1": "?",
    ">u2": ">H",
}


def npy(
    numbers: list[float], descr: str = "<f8", shape: tuple[int, ...] | None = None
) -> bytes:
    """Write what NumPy would, by its description of the format."""
    shape = (len(numbers),) if shape is None else shape
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + "\n"
    body = b"".join(struct.pack(TYPES[descr], number) for number in numbers)
    return (
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + body
    )


def npz(arrays: dict[str, bytes], *, method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def compare(
    folder: Path,
    name: str,
    first: bytes | str,
    second: bytes | str,
    tolerance: Tolerance = EXACT,
) -> Difference | None:
    paths = folder / "first", folder / "second"
    for path, content in zip(paths, (first, second), strict=True):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return compare_files(name, *paths, tolerance=tolerance)


def changed(
    folder: Path,
    name: str,
    first: bytes | str,
    second: bytes | str,
    tolerance: Tolerance = EXACT,
) -> Difference:
    found = compare(folder, name, first, second, tolerance)
    assert found is not None
    return found


# To the byte -------------------------------------------------------------------------


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_the_first_byte_is_where_a_loop_finds_it(one: bytes, other: bytes) -> None:
    slow = next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        None if len(one) == len(other) else min(len(one), len(other)),
    )

    assert find_first_difference(io.BytesIO(one), io.BytesIO(other)) == slow


@pytest.mark.parametrize("at", [0, (1 << 20) - 1, 1 << 20, (2 << 20) + 5])
def test_the_first_byte_is_found_beyond_the_first_piece(at: int) -> None:
    one = bytearray(3 << 20)
    other = bytearray(one)
    other[at] = 1

    assert find_first_difference(io.BytesIO(one), io.BytesIO(other)) == at


class Dribbling(io.BytesIO):
    """Gives a few bytes at a time, as a network does."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, 7) if size and size > 0 else 7)


def test_a_stream_that_gives_little_at_a_time_is_compared_whole() -> None:
    assert find_first_difference(Dribbling(b"a" * 100), io.BytesIO(b"a" * 100)) is None
    assert (
        find_first_difference(Dribbling(b"a" * 99 + b"b"), io.BytesIO(b"a" * 100)) == 99
    )


def test_the_same_bytes_are_no_difference(folder: Path) -> None:
    assert compare(folder, "x.json", "{", "{") is None


def test_an_unknown_format_is_told_by_the_byte_and_the_size(folder: Path) -> None:
    assert changed(folder, "model.pkl", b"abcd", b"abXdef") == Difference(
        path="model.pkl", kind="changed", first_byte=2, detail="4 bytes are 6"
    )


# Arrays ------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(floats, floats), min_size=1, max_size=30),
    st.floats(min_value=0, max_value=1e3),
    st.floats(min_value=0, max_value=1),
)
def test_arrays_agree_with_the_definition(
    tmp_path_factory: pytest.TempPathFactory,
    pairs: list[tuple[float, float]],
    absolute: float,
    relative: float,
) -> None:
    folder = tmp_path_factory.mktemp("arrays")
    tolerance = Tolerance(absolute, relative)
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))

    found = compare(folder, "a.npy", npy(first), npy(second), tolerance)

    def near(a: float, b: float) -> bool:
        if a == b or (math.isnan(a) and math.isnan(b)):
            return True
        return abs(a - b) <= absolute + relative * max(abs(a), abs(b)) < math.inf

    differing = [
        (a, b) for a, b in pairs if a != b and not (math.isnan(a) and math.isnan(b))
    ]
    if found is None:
        assert not differing
    else:
        all_near = all(near(a, b) for a, b in pairs)
        assert found.is_within_tolerance == (all_near and tolerance != EXACT)
        if differing:
            assert f"{len(differing)} of {len(pairs)} numbers differ" in found.detail


@pytest.mark.parametrize("descr", TYPES)
def test_every_type_of_number_is_read(descr: str, folder: Path) -> None:
    found = changed(folder, "a.npy", npy([1, 0, 1], descr), npy([1, 1, 1], descr))

    assert found.detail.startswith("1 of 3 numbers differ, by 1 at most ([1]: 0 is 1)")


def test_the_worst_place_is_told_by_its_indexes(folder: Path) -> None:
    numbers = [float(n) for n in range(24)]
    other = [*numbers]
    other[3] += 0.5
    other[17] += 2.0

    found = changed(
        folder, "a.npy", npy(numbers, shape=(2, 3, 4)), npy(other, shape=(2, 3, 4))
    )

    assert found.detail == (
        "2 of 24 numbers differ, by 2 at most ([1, 1, 1]: 17 is 19), relatively by 0.143"
    )


def test_a_difference_beyond_the_first_chunk_is_found(folder: Path) -> None:
    numbers = [0.0] * 100_000
    other = [*numbers]
    other[99_999] = 1.0

    found = changed(folder, "a.npy", npy(numbers), npy(other), Tolerance(absolute=0.5))

    assert "1 of 100000 numbers differ" in found.detail
    assert "[99999]" in found.detail
    assert not found.is_within_tolerance


def test_other_shapes_and_types_are_told_as_such(folder: Path) -> None:
    shape = changed(folder, "a.npy", npy([1, 2]), npy([1, 2, 3]), Tolerance(absolute=9))
    kind = changed(
        folder, "a.npy", npy([1], "<f4"), npy([1], "<f8"), Tolerance(absolute=9)
    )

    assert shape.detail == "the shape of the array: [2] is [3]"
    assert kind.detail == "the type of the array: <f4 is <f8"
    assert not shape.is_within_tolerance
    assert not kind.is_within_tolerance


def test_an_archive_that_was_packed_otherwise_has_the_same_values(folder: Path) -> None:
    arrays = {"w": npy([1, 2, 3]), "b": npy([0])}

    found = changed(
        folder,
        "a.npz",
        npz(arrays),
        npz(arrays, method=zipfile.ZIP_DEFLATED),
        Tolerance(1e-9),
    )

    assert found.detail == "the same values, written otherwise"
    assert found.is_within_tolerance


def test_arrays_of_an_archive_are_compared_by_name(folder: Path) -> None:
    found = changed(
        folder,
        "a.npz",
        npz({"w": npy([1, 2]), "gone": npy([1])}),
        npz({"w": npy([1, 2.5]), "new": npy([1])}),
    )

    assert "array 'gone' is not there; array 'new' was not there" in found.detail
    assert "(w[1]: 2 is 2.5)" in found.detail


def test_texts_in_an_archive_do_not_hide_its_numbers(folder: Path) -> None:
    text, other = (b"\x93NUMPY\x01\x00" + word for word in (b"a text", b"another"))

    found = changed(
        folder,
        "a.npz",
        npz({"names": text, "w": npy([1.0, 2.0])}),
        npz({"names": text, "w": npy([1.0, 2.5])}),
        Tolerance(1.0),
    )
    assert found.detail.startswith("1 of 2 numbers differ, by 0.5 at most (w[1]: ")
    assert found.is_within_tolerance

    found = changed(
        folder,
        "b.npz",
        npz({"names": text, "w": npy([1.0])}),
        npz({"names": other, "w": npy([1.5])}),
        Tolerance(1.0),
    )
    assert "array 'names' has other bytes" in found.detail
    assert "1 of 1 numbers differ" in found.detail
    assert not found.is_within_tolerance


def test_numbers_that_differ_are_shown_so_that_they_do(folder: Path) -> None:
    found = changed(folder, "a.npy", npy([500.0]), npy([500.0000000003]))

    assert "([0]: 500.0 is 500.0000000003)" in found.detail


def test_that_a_library_is_missing_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    exact = changed(folder, "a.parquet", b"PAR1a", b"PAR1b")
    tolerant = changed(folder, "b.parquet", b"PAR1a", b"PAR1b", Tolerance(1.0))

    reason = "pyarrow is not installed where lakebed is"
    assert exact.detail.endswith(f"; its numbers are not compared: {reason}")
    assert tolerant.detail.endswith(f"; the tolerance is not applied: {reason}")
    assert not tolerant.is_within_tolerance


def test_a_tolerance_for_what_has_no_numbers_is_said_not_to_be_applied(
    folder: Path,
) -> None:
    found = changed(folder, "a.bin", b"a", b"b", Tolerance(1.0))

    assert "the tolerance is not applied" in found.detail


def test_an_archive_that_begins_before_its_file_is_compared_by_bytes(
    folder: Path,
) -> None:
    whole = npz({"a": npy([1.0])})
    damaged = bytearray(whole)
    place_of_directory = len(whole) - 6
    (place,) = struct.unpack_from("<I", whole, place_of_directory)
    struct.pack_into("<I", damaged, place_of_directory, place + 1000)

    found = compare(folder, "x.npz", whole, bytes(damaged), Tolerance(absolute=1))

    assert found is not None


@given(
    st.binary(max_size=200),
    st.integers(0, 300),
    st.sampled_from([".npy", ".npz", ".json"]),
)
def test_damaged_files_are_compared_by_bytes(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, cut: int, ending: str
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    whole = npy([1.0, 2.0, 3.0]) if ending == ".npy" else npz({"a": npy([1.0])})

    for damaged in (whole[:cut], noise, whole[:cut] + noise):
        found = compare(folder, "x" + ending, whole, damaged, Tolerance(absolute=1))
        assert (found is None) == (damaged == whole)


# Text --------------------------------------------------------------------------------

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.floats(-9, 9)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_the_same_document_written_otherwise_has_the_same_values(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    folder = tmp_path_factory.mktemp("json")
    other = json.dumps(value, indent=3, sort_keys=True) + "\n"

    found = changed(folder, "a.json", json.dumps(value), other, Tolerance(1e-9))

    assert found.detail == "the same values, written otherwise"
    assert found.is_within_tolerance


@given(values, values)
def test_other_documents_are_told_apart(
    tmp_path_factory: pytest.TempPathFactory, one: object, other: object
) -> None:
    """`0.0 == -0.0` and `1 == 1.0` are the same number; true is none."""
    folder = tmp_path_factory.mktemp("json")
    first, second = json.dumps(one), json.dumps(other)

    found = compare(folder, "a.json", first, second + " ")

    assert found is not None
    same = found.detail == "the same values, written otherwise"
    assert same == (_typed(one) == _typed(other))


def _typed(value: Any) -> Any:
    match value:
        case bool():
            return ("bool", value)
        case list():
            items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
            return [_typed(each) for each in items]
        case dict():
            pairs = cast("dict[str, Any]", value).items()
            return {name: _typed(each) for name, each in pairs}
        case _:
            return value


def test_a_metric_of_a_document_is_told_by_its_path(folder: Path) -> None:
    found = changed(
        folder,
        "m.json",
        '{"auc": 0.91, "runs": [{"loss": 1.0, "name": "a"}], "old": 1}',
        '{"auc": 0.91, "runs": [{"loss": 1.25, "name": "b"}], "new": 1}',
    )

    assert found.detail == (
        "$.runs[0].name: 'a' is 'b'; $.old is not there; $.new was not there; "
        "1 of 2 numbers differ, by 0.25 at most ($.runs[0].loss: 1 is 1.25), relatively by 0.2"
    )


def test_lines_of_json_are_compared_by_line(folder: Path) -> None:
    found = changed(
        folder, "m.jsonl", '{"a": 1}\n{"a": 2}\n', '{"a": 1}\n{"a": 3}\n{"a": 4}\n'
    )

    assert found.detail.startswith(
        "lines from 3 on were not there; 1 of 1 numbers differ"
    )
    assert "line 2: $.a" in found.detail


def test_a_table_is_compared_by_cell(folder: Path) -> None:
    found = changed(
        folder,
        "p.csv",
        "id,score,label\n1,0.5,cat\n2,0.25,dog\n",
        "id,score,label\n1,0.5000001,cat\n2,0.25,cow\n",
        Tolerance(relative=1e-6),
    )

    assert found.first_byte == 20
    assert "row 3, column 'label': 'dog' is 'cow'" in found.detail
    assert "row 2, column 'score': 0.5 is 0.5000001" in found.detail
    assert not found.is_within_tolerance


def test_numbers_within_the_tolerance_are_told_and_allowed(folder: Path) -> None:
    first, second = "x\n1.0\n2.0\n", "x\n1.0000001\n2.0\n"

    near = changed(folder, "p.csv", first, second, Tolerance(relative=1e-6))
    exact = changed(folder, "p.csv", first, second)

    assert near.is_within_tolerance
    assert not exact.is_within_tolerance
    assert near.detail == exact.detail


def test_a_negative_tolerance_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        Tolerance(absolute=-1)
