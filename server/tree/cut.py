"""Where nodes end: the cut rule of version 1, `docs/format/cut-rule.md`.

A row ends its node if the hash of its path is small enough, and the bar is raised once
a node has grown past the average (so that sizes gather around it, and a change moves
few cuts). The rule looks at paths and at the number of rows since the last cut, never
at ids: two trees with the same paths are cut alike, whatever their entries are.

After a cut the rule has forgotten everything before it. That is why a subtree that ends
at a cut may be linked, unread, wherever a builder stands at a cut.

Source: Dolt's `node_splitter.go` for a hash of the key alone; FastCDC for the two bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xxhash import xxh3_64_intdigest

_HASHES = 2**64
_NORMALISATION = 4
"""How much harder a cut is below the average size, and easier above it. Without it
sizes spread exponentially, and the bytes that a change rewrites double."""


@dataclass(frozen=True, slots=True)
class CutSizes:
    """Rows of a node: the fewest (but for the last node), the average, the most."""

    row_count_min: int
    row_count_average: int
    row_count_max: int

    def __post_init__(self) -> None:
        # Two rows at least: a level of single-child nodes would be as long as the one
        # below, and the tree without end.
        if not 2 <= self.row_count_min <= self.row_count_average <= self.row_count_max:
            raise ValueError("cut sizes must be 2 <= min <= average <= max")


@dataclass(frozen=True, slots=True)
class CutRule:
    """The sizes of leaves and of inner nodes; trees of different rules never meet."""

    leaf: CutSizes
    inner: CutSizes

    def sizes(self, level: int) -> CutSizes:
        """Return the sizes of nodes of `level`."""
        return self.inner if level else self.leaf


VERSION_1 = CutRule(CutSizes(128, 512, 1536), CutSizes(64, 256, 768))
"""Never changes: it decides the id of every tree. 10^6 entries make 1,700 leaves and 3
levels; twice the size would rewrite twice the bytes for a change of one path, half the
size would double what the cache of inner nodes has to hold."""


def find_cuts(
    paths: Sequence[bytes], level: int, sizes: CutSizes, pending: int
) -> list[int]:
    """Return, ascending, the positions in `paths` behind whose row before a node ends.

    Args:
        paths: rows that follow each other; of inner nodes, the last path of each child.
        level: level of the nodes that the rows are cut into.
        sizes: the sizes of that level.
        pending: rows since the last cut that come before `paths`.
    """
    average, fewest, most = (
        sizes.row_count_average,
        sizes.row_count_min,
        sizes.row_count_max,
    )
    bar = _HASHES // (_NORMALISATION * average)
    # A product of small integers first: exact for every average.
    raised_bar = _NORMALISATION * _HASHES // average
    digest = xxh3_64_intdigest
    candidates = [
        (row, hashed)
        for row, path in enumerate(paths)
        if (hashed := digest(path, level)) < raised_bar
    ]
    cuts: list[int] = []
    start = -pending
    for row, hashed in candidates:
        behind = row + 1
        while behind - start > most:
            start += most
            cuts.append(start)
        row_count = behind - start
        # At the maximum every candidate is below the bar, which is the raised one.
        if row_count >= fewest and (row_count >= average or hashed < bar):
            start = behind
            cuts.append(behind)
    while len(paths) - start >= most:
        start += most
        cuts.append(start)
    return cuts
