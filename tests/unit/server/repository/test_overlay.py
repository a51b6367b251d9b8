"""Staged changes laid over a tree: the same rows as a dict, at a cost per change."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.ids import CommitId
from lakebed.server.refs.store import Branch
from lakebed.server.repository import overlay
from lakebed.server.repository.overlay import OverlayCursor, StagedRows
from lakebed.server.staging.store import Change
from lakebed.server.tree.cursor import Cursor
from lakebed.server.tree.entry import PackedEntry
from lakebed.server.tree.node import Row

from support.nodes import MemoryNodes
from support.trees import SMALL, build, entry_of, maps, numbered, paths

BRANCH = Branch(1, 1, "main", CommitId(bytes(32)), 1, 1, 0, hidden=False, created_ms=0)


class Scanner:
    """Staged changes in memory; keeps `StagingScanner`."""

    def __init__(self, changes: dict[bytes, PackedEntry | None]) -> None:
        self._changes: list[Change] = sorted(changes.items())
        self._paths = [path for path, _ in self._changes]

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
