"""Staged changes laid over a tree: the same rows as a dict, at a cost per change."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.ids import CommitId
from lakebed.server.refs.store import Branch
from lakebed.server.repository import overlay
from lakebed.server.repository.overlay import (
    OverlayCursor,
    StagedRows,
    measure_overlay,
)
from lakebed.server.staging.store import Change
from lakebed.server.tree.cursor import Cursor
from lakebed.server.tree.entry import PackedEntry, unpack_entry
from lakebed.server.tree.lookup import Measure
from lakebed.server.tree.node import Row

from support.nodes import MemoryNodes
from support.trees import SMALL, build, entry_of, maps, numbered, paths

BRANCH = Branch(1, 1, "main", CommitId(bytes(32)), 1, 1, 0, hidden=False, created_ms=0)


class Scanner:
    """Staged changes in memory; keeps `StagingScanner`."""

    def __init__(self, changes: dict[bytes, PackedEntry | None]) -> None:
        self._changes: list[Change] = sorted(changes.items())
        self._paths = [path for path, _ in self._changes]
        self.scanned_count = 0

    def scan_staged_blocking(
        self,
        branch_id: int,
        *,
        epoch_min: int,
        epoch_max: int,
        start: bytes,
        after: bool,
        stop: bytes | None,
        limit: int,
    ) -> list[Change]:
        first = bisect_left(self._paths, start + b"\0" if after else start)
        self.scanned_count += 1
        return self._changes[first : first + limit]


changes_of_maps = st.dictionaries(
    paths, st.none() | st.just(entry_of(b"new")), max_size=40
)
steps = st.lists(st.integers(1, 20) | paths, max_size=20)


@given(model=maps, changes=changes_of_maps, steps=steps)
def test_rows_are_those_of_a_dict_with_the_changes(
    model: dict[bytes, PackedEntry],
    changes: dict[bytes, PackedEntry | None],
    steps: list[int | bytes],
) -> None:
    nodes = MemoryNodes()
    tree = Cursor(nodes, build(nodes, model, rule=SMALL).tree_id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlay, "SCAN_ROWS", 3)
        rows = OverlayCursor(StagedRows(Scanner(changes), BRANCH), tree)
        expected: list[Row] = sorted(
            (path, packed)
            for path, packed in (model | changes).items()
            if packed is not None
        )
        at = 0
        for step in steps:
            if isinstance(step, bytes):
                rows.seek(step)
                at = bisect_left(expected, (step,))
                continue
            taken = rows.take(step)
            assert taken == expected[at : at + len(taken)]
            assert taken or at == len(expected)
            at += len(taken)


def test_a_page_behind_many_deletes_passes_the_tree_once() -> None:
    """A folder of a million, deleted and not committed yet, must not take minutes."""
    model = dict(numbered(3000))
    nodes = MemoryNodes(decoding=False)
    root = build(nodes, model).tree_id
    changes: dict[bytes, PackedEntry | None] = dict.fromkeys(model)
    last = max(model)
    del changes[last]
    nodes.reset_counts()

    rows = OverlayCursor(StagedRows(Scanner(changes), BRANCH), Cursor(nodes, root))

    assert rows.take(1000) == [(last, model[last])]
    assert len(nodes.read_ids) == nodes.read_count


def sum_up(rows: dict[bytes, PackedEntry | None], prefix: bytes) -> Measure:
    sizes = [
        unpack_entry(path, packed).size_bytes
        for path, packed in rows.items()
        if packed is not None and path.startswith(prefix)
    ]
    return Measure(len(sizes), sum(sizes))


prefixes = st.lists(
    st.sampled_from([b"", b"a", b"a/", b"a/b/", b"a/\xc3", b"0", b"\xc3"]) | paths,
    max_size=12,
)


@given(model=maps, changes=changes_of_maps, prefixes=prefixes, is_alone=st.booleans())
def test_each_prefix_adds_up_to_what_is_seen_below_it(
    model: dict[bytes, PackedEntry],
    changes: dict[bytes, PackedEntry | None],
    prefixes: list[bytes],
    is_alone: bool,
) -> None:
    # Of sizes that add up to less than a column holds.
    model = {path: entry_of(path, size_bytes=len(path)) for path in model}
    nodes = MemoryNodes()
    tree_id = build(nodes, model, rule=SMALL).tree_id
    scanner = Scanner(changes)

    measures = measure_overlay(
        nodes, None if is_alone else tree_id, StagedRows(scanner, BRANCH), prefixes
    )

    seen = {**({} if is_alone else model), **changes}
    assert measures == [sum_up(seen, prefix) for prefix in prefixes]
    assert scanner.scanned_count <= 1, "the rows are looked at for each prefix"
