"""The tree of a set of entries is a function of that set alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.tree.build import TreeBuilder
from lakebed.server.tree.edit import apply_changes
from lakebed.server.tree.entry import PackedEntry
from lakebed.server.tree.lookup import read_tree
from lakebed.server.tree.node import Inner

from support.nodes import MemoryNodes
from support.trees import (
    SMALL,
    apply_naively,
    batched,
    build,
    changes,
    entry_of,
    maps,
    packed_entries,
    read_all,
)

Map = dict[bytes, PackedEntry]

LAST = "🗃".encode()
"""Behind every path that the strategies draw."""


@given(model=maps)
def test_a_tree_holds_what_was_built_into_it(model: Map) -> None:
    nodes = MemoryNodes()

    tree = build(nodes, model, rule=SMALL)

    assert read_all(nodes, tree.tree_id) == model
    assert tree == read_tree(nodes, tree.tree_id)
    assert tree.entry_count == len(model)


@given(model=maps, staged=changes, size=st.integers(1, 40))
def test_an_edited_tree_is_the_tree_built_anew(
    model: Map, staged: dict[bytes, PackedEntry | None], size: int
) -> None:
    nodes = MemoryNodes()
    before = build(nodes, model, rule=SMALL)
    after = apply_naively(model, staged)

    edit = apply_changes(
        nodes, nodes, before.tree_id, batched(staged, size), rule=SMALL
    )

    assert edit.tree == build(MemoryNodes(), after, rule=SMALL)
    assert edit.added_count == len(after.keys() - model.keys())
    assert edit.removed_count == len(model.keys() - after.keys())
    assert edit.changed_count == sum(
        model[path] != after[path] for path in model.keys() & after.keys()
    )
    assert edit.is_changed == (edit.tree != before) == (model != after)


@given(model=maps, seed=st.integers(0, 2**32), parts=st.integers(1, 9))
def test_any_order_and_grouping_of_edits_gives_one_root(
    model: Map, seed: int, parts: int
) -> None:
    nodes = MemoryNodes()
    order = list(model)
    random.Random(seed).shuffle(order)
    root = build(nodes, {}, rule=SMALL).tree_id

    for part in range(parts):
        group = {path: model[path] for path in order[part::parts]}
        root = apply_changes(
            nodes, nodes, root, batched(group, 7), rule=SMALL
        ).tree.tree_id

    assert root == build(MemoryNodes(), model, rule=SMALL).tree_id


@given(model=maps, extra=maps)
def test_what_was_added_and_removed_leaves_no_trace(model: Map, extra: Map) -> None:
    nodes = MemoryNodes()
    before = build(nodes, model, rule=SMALL)
    added = {path: entry for path, entry in extra.items() if path not in model}

    there = apply_changes(
        nodes, nodes, before.tree_id, batched({**added}, 9), rule=SMALL
    )
    back = apply_changes(
        nodes,
        nodes,
        there.tree.tree_id,
        batched(dict.fromkeys(added), 9),
        rule=SMALL,
    )

    assert back.tree == before


@given(model=maps, cut=st.integers(0, 120), new=maps)
def test_linked_subtrees_and_rows_make_the_tree_of_all_rows(
    model: Map, cut: int, new: Map
) -> None:
    """Whatever is linked after whatever rows, in step or not."""
    nodes = MemoryNodes()
    old = build(nodes, model, rule=SMALL)
    first = sorted(model)[cut] if cut < len(model) else None
    front = {p: e for p, e in new.items() if first is None or p < first}
    root = nodes.get(old.tree_id)
    builder = TreeBuilder(nodes, nodes, rule=SMALL)
    expected = dict(front)

    builder.add_rows(sorted(front.items()))
    if isinstance(root, Inner) and first is not None:
        count = len(root.last_paths)
        start = next(i for i in range(count) if root.last_paths[i] >= first) + 1
        builder.link_children(root, start, count, is_tail=True)
        if start < count:
            low = root.last_paths[start - 1]
            expected |= {p: e for p, e in model.items() if p > low}
    behind = {LAST + p: e for p, e in new.items()}
    builder.add_rows(sorted(behind.items()))
    expected |= behind

    assert builder.finish() == build(MemoryNodes(), expected, rule=SMALL)


@given(old=packed_entries, mtime_ms=st.integers(-(2**63), 2**63 - 1))
def test_an_idempotent_upload_keeps_the_old_entry(
    old: PackedEntry, mtime_ms: int
) -> None:
    nodes = MemoryNodes()
    before = build(nodes, {b"a": old})
    nodes.reset_counts()
    again = PackedEntry(
        old[:40] + mtime_ms.to_bytes(8, "little", signed=True) + old[48:]
    )

    edit = apply_changes(nodes, nodes, before.tree_id, [[(b"a", again)]])

    assert not edit.is_changed
    assert edit.tree == before
    assert nodes.written_count == 0


def test_no_entries_are_a_stored_empty_leaf() -> None:
    nodes = MemoryNodes()

    tree = build(nodes, {})

    assert read_all(nodes, tree.tree_id) == {}
    assert (tree.level, tree.entry_count, tree.byte_total) == (0, 0, 0)
    assert apply_changes(nodes, nodes, None, []).tree == tree


def test_a_total_over_64_bits_stays_at_the_limit() -> None:
    nodes = MemoryNodes()
    rows = {b"%03d" % n: entry_of(b"", size_bytes=2**63) for n in range(100)}

    tree = build(nodes, rows, rule=SMALL)

    assert tree.byte_total == 2**64 - 1
    assert read_tree(nodes, tree.tree_id) == tree


@pytest.mark.parametrize(
    "paths", [[b"b", b"a"], [b"a", b"a"], [b""], [b"\xff"], [b"a\0b"], [b"a" * 1025]]
)
def test_rows_that_cannot_be_a_tree_are_refused(paths: list[bytes]) -> None:
    nodes = MemoryNodes()
    builder = TreeBuilder(nodes, nodes)

    def add() -> None:
        builder.add_rows([(path, entry_of(path)) for path in paths])
        builder.finish()

    with pytest.raises(ValueError):
        add()

    assert not nodes.data


def test_rows_and_subtrees_that_go_back_are_refused() -> None:
    nodes = MemoryNodes()
    old = build(nodes, {b"%03d" % n: entry_of(b"") for n in range(100)}, rule=SMALL)
    root = nodes.get(old.tree_id)
    assert isinstance(root, Inner)
    builder = TreeBuilder(nodes, nodes, rule=SMALL)
    builder.add_rows([(root.last_paths[0], entry_of(b""))])

    with pytest.raises(ValueError, match="follow"):
        builder.add_rows([(root.last_paths[0], entry_of(b""))])
    with pytest.raises(ValueError, match="follow"):
        builder.link(root.child(0))
    with pytest.raises(ValueError, match="follow"):
        builder.link_children(root, 0, 2, is_tail=False)


def test_changes_out_of_order_are_refused() -> None:
    nodes = MemoryNodes()
    root = build(nodes, {b"a": entry_of(b"a")}).tree_id
    entry = entry_of(b"x")

    with pytest.raises(ValueError, match="ascend"):
        apply_changes(nodes, nodes, root, [[(b"c", entry)], [(b"b", entry)]])
