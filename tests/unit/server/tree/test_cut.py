"""The cut rule, against its own words."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.tree.cut import VERSION_1, CutSizes, find_cuts
from xxhash import xxh3_64_intdigest

from support.trees import numbered


def cut_slowly(
    paths: list[bytes], level: int, sizes: CutSizes, pending: int
) -> list[int]:
    """Return what `find_cuts` does, as `docs/format/cut-rule.md` says it."""
    cuts: list[int] = []
    n = pending
    for row, path in enumerate(paths):
        n += 1
        h = xxh3_64_intdigest(path, seed=level)
        if n < sizes.row_count_average:
            bar = Fraction(2**64, 4 * sizes.row_count_average)
        else:
            bar = Fraction(4 * 2**64, sizes.row_count_average)
        if (n >= sizes.row_count_min and h < bar) or n >= sizes.row_count_max:
            cuts.append(row + 1)
            n = 0
    return cuts


def sizes_of(fewest: int, more: int, still_more: int) -> CutSizes:
    return CutSizes(fewest, fewest + more, fewest + more + still_more)


cut_sizes = st.builds(
    sizes_of, st.integers(2, 6), st.integers(0, 30), st.integers(0, 40)
)


@given(
    first=st.integers(0, 10**6),
    count=st.integers(0, 300),
    level=st.integers(0, 3),
    sizes=cut_sizes,
    pending=st.integers(0, 60),
)
def test_cuts_are_where_the_rule_says(
    first: int, count: int, level: int, sizes: CutSizes, pending: int
) -> None:
    paths = [b"%07d" % number for number in range(first, first + count)]
    pending = min(pending, sizes.row_count_max - 1)

    assert find_cuts(paths, level, sizes, pending) == cut_slowly(
        paths, level, sizes, pending
    )


def test_the_rule_holds_at_the_sizes_of_version_1() -> None:
    paths = [path for path, _ in numbered(20_000)]

    for level in (0, 1, 2):
        sizes = VERSION_1.sizes(level)
        assert find_cuts(paths, level, sizes, 0) == cut_slowly(paths, level, sizes, 0)


def test_cuts_found_in_pieces_are_those_found_at_once() -> None:
    paths = [path for path, _ in numbered(20_000)]
    sizes = VERSION_1.leaf
    whole = find_cuts(paths, 0, sizes, 0)

    pieces: list[int] = []
    for start in range(0, len(paths), 333):
        pending = start - (pieces[-1] if pieces else 0)
        pieces += [
            start + cut
            for cut in find_cuts(paths[start : start + 333], 0, sizes, pending)
        ]

    assert pieces == whole


@pytest.mark.parametrize("numbers", [(1, 4, 8), (4, 3, 8), (2, 9, 8)])
def test_sizes_that_make_no_tree_are_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="cut sizes"):
        CutSizes(*numbers)
