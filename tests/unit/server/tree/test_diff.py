"""Diffs agree with a comparison of two dicts."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.tree.diff import (
    ChangeCounts,
    ChangeKind,
    Difference,
    count_changes,
    diff_trees,
)
from lakebed.server.tree.entry import PackedEntry, same_identity

from support.nodes import MemoryNodes
from support.trees import SMALL, apply_naively, build, changes, maps, paths

Map = dict[bytes, PackedEntry]


def diff_naively(left: Map, right: Map) -> list[Difference]:
    found: list[Difference] = []
    for path in sorted(left.keys() | right.keys()):
        one, other = left.get(path), right.get(path)
        if one is None:
            found.append(Difference(path, ChangeKind.ADDED, None, other))
        elif other is None:
            found.append(Difference(path, ChangeKind.REMOVED, one, None))
        elif not same_identity(one, other):
            found.append(Difference(path, ChangeKind.CHANGED, one, other))
    return found


@given(left=maps, right=maps)
def test_a_diff_of_any_two_trees_is_that_of_their_entries(
    left: Map, right: Map
) -> None:
    nodes = MemoryNodes()
    left_root = build(nodes, left, rule=SMALL).tree_id
    right_root = build(nodes, right, rule=SMALL).tree_id

    assert list(diff_trees(nodes, left_root, right_root)) == diff_naively(left, right)


@given(left=maps, staged=changes)
def test_a_diff_after_edits_shows_the_edits(
    left: Map, staged: dict[bytes, PackedEntry | None]
) -> None:
    nodes = MemoryNodes()
    right = apply_naively(left, staged)
    left_root = build(nodes, left, rule=SMALL).tree_id
    right_root = build(nodes, right, rule=SMALL).tree_id
    expected = diff_naively(left, right)

    assert list(diff_trees(nodes, left_root, right_root)) == expected
    assert count_changes(nodes, left_root, right_root) == ChangeCounts(
        sum(each.kind is ChangeKind.ADDED for each in expected),
        sum(each.kind is ChangeKind.REMOVED for each in expected),
        sum(each.kind is ChangeKind.CHANGED for each in expected),
    )


@given(
    left=maps,
    right=maps,
    prefix=st.sampled_from([b"", b"a", b"a/", b"a/b/0", "é".encode(), b"zz"]),
    after=st.just(b"") | paths,
)
def test_a_prefix_and_a_cursor_cut_the_diff(
    left: Map, right: Map, prefix: bytes, after: bytes
) -> None:
    nodes = MemoryNodes()
    left_root = build(nodes, left, rule=SMALL).tree_id
    right_root = build(nodes, right, rule=SMALL).tree_id

    found = list(diff_trees(nodes, left_root, right_root, prefix=prefix, after=after))

    assert found == [
        each
        for each in diff_naively(left, right)
        if each.path.startswith(prefix) and each.path > after
    ]


@given(model=maps)
def test_equal_content_is_no_difference_and_is_not_read(model: Map) -> None:
    """Two imports of the same bytes: other times and ETags all over."""
    nodes = MemoryNodes()
    again = {
        path: PackedEntry(packed[:40] + bytes(24) + packed[64:])
        for path, packed in model.items()
    }
    left, right = build(nodes, model, rule=SMALL), build(nodes, again, rule=SMALL)
    nodes.reset_counts()

    assert list(diff_trees(nodes, left.tree_id, right.tree_id)) == []
    assert left.content_id == right.content_id
    assert nodes.read_count <= 2


def test_a_diff_reads_only_as_far_as_it_is_followed() -> None:
    nodes = MemoryNodes()
    entry = PackedEntry(bytes(66))
    right = build(nodes, {b"%05d" % n: entry for n in range(2000)}, rule=SMALL)
    left = build(nodes, {}, rule=SMALL)
    nodes.reset_counts()

    first = list(islice(diff_trees(nodes, left.tree_id, right.tree_id), 3))

    assert [each.path for each in first] == [b"00000", b"00001", b"00002"]
    assert nodes.read_count <= right.level + 4
