"""Cut points depend on the bytes alone, and are those of the written format."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.server.chunks.cutting import (
    CHUNK_BYTES_MAX,
    CHUNK_BYTES_MIN,
    StreamCutter,
)

from support.blobs import random_bytes
from support.slow_chunker import iter_chunk_sizes

DATA = random_bytes(6_000_000) + bytes(2_500_000) + b"abc" * 400_000
"""Random bytes, then some that never cut, then a period."""


def cut(pieces: Iterable[bytes]) -> list[bytes]:
    cutter = StreamCutter()
    chunks = [bytes(chunk) for piece in pieces for chunk in cutter.cut([piece])]
    return chunks + [bytes(chunk) for chunk in cutter.finish()]


WHOLE = cut([DATA])


def test_chunks_are_the_bytes_in_order() -> None:
    assert b"".join(WHOLE) == DATA
    assert all(CHUNK_BYTES_MIN <= len(c) <= CHUNK_BYTES_MAX for c in WHOLE[:-1])


@settings(max_examples=25)
@given(st.lists(st.integers(0, len(DATA)), max_size=12))
def test_the_cuts_do_not_depend_on_the_pieces(splits: list[int]) -> None:
    edges = [0, *sorted(splits), len(DATA)]

    assert cut(DATA[a:b] for a, b in pairwise(edges)) == WHOLE


@pytest.mark.parametrize("piece_bytes", [65_536, 99_991, CHUNK_BYTES_MAX])
def test_the_cuts_do_not_depend_on_the_size_of_pieces(piece_bytes: int) -> None:
    pieces = (DATA[at : at + piece_bytes] for at in range(0, len(DATA), piece_bytes))

    assert cut(pieces) == WHOLE


@pytest.mark.parametrize(
    "data",
    [
        random_bytes(2_200_001, seed=7),
        bytes(CHUNK_BYTES_MAX + 1),
        b"",
        b"x",
        random_bytes(CHUNK_BYTES_MIN),
        random_bytes(CHUNK_BYTES_MIN + 3),
        bytes(range(256)) * 5_000,
    ],
    ids=len,
)
def test_the_cuts_are_those_of_the_slow_reference(data: bytes) -> None:
    assert [len(chunk) for chunk in cut([data])] == list(iter_chunk_sizes(data))


def test_chunks_stay_valid_after_the_next_piece() -> None:
    cutter = StreamCutter()
    views = list(cutter.cut([DATA[:3_000_000]]))
    views += list(cutter.cut([DATA[3_000_000:]]))
    views += list(cutter.finish())

    assert [bytes(view) for view in views] == WHOLE


def test_an_insertion_moves_few_cuts() -> None:
    data = random_bytes(16_000_000, seed=3)
    at = random.Random(3).randint(4_000_000, 12_000_000)

    before = set(cut([data]))
    after = cut([data[:at], b"inserted", data[at:]])

    assert len([chunk for chunk in after if chunk not in before]) <= 4
