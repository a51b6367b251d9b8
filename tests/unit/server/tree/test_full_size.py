"""At the sizes of version 1, over 3 * 10^5 entries: what operations read and write."""

from __future__ import annotations

import random
from bisect import bisect_left

import pytest
from lakebed.server.ids import NodeId
from lakebed.server.tree.cursor import Cursor
from lakebed.server.tree.diff import diff_trees
from lakebed.server.tree.edit import apply_changes
from lakebed.server.tree.entry import PackedEntry
from lakebed.server.tree.listing import list_page
from lakebed.server.tree.lookup import find_by_ordinal, measure_prefix, read_tree
from lakebed.server.tree.merge import Strategy, merge_trees
from lakebed.server.tree.node import Inner
from zstandard import ZstdCompressor

from support.nodes import MemoryNodes
from support.trees import apply_naively, batched, build, entry_of, node_ids, numbered

Map = dict[bytes, PackedEntry]

COUNT = 300_000
"""Enough for three levels."""
LEVELS = 3


@pytest.fixture(scope="module")
def nodes() -> MemoryNodes:
    return MemoryNodes(decoding=False)


@pytest.fixture(scope="module")
def rows() -> Map:
    return dict(numbered(COUNT))


@pytest.fixture(scope="module")
def root(nodes: MemoryNodes, rows: Map) -> NodeId:
    return build(nodes, rows).tree_id


def test_an_update_writes_one_node_a_level(
    nodes: MemoryNodes, rows: Map, root: NodeId
) -> None:
    path = sorted(rows)[51_234]
    nodes.reset_counts()

    edit = apply_changes(nodes, nodes, root, [[(path, entry_of(path, "new"))]])

    assert read_tree(nodes, root).level + 1 == LEVELS
    assert nodes.written_count == LEVELS
    assert nodes.read_count == LEVELS
    assert edit.changed_count == 1


def test_an_append_opens_and_writes_only_the_right_edge(
    nodes: MemoryNodes, root: NodeId
) -> None:
    nodes.reset_counts()

    apply_changes(nodes, nodes, root, [[(b"zz", entry_of(b"zz"))]])

    assert nodes.read_count == LEVELS
    assert nodes.written_count <= LEVELS + 1


def test_inserts_and_deletes_write_little_more_on_average(
    nodes: MemoryNodes, rows: Map, root: NodeId
) -> None:
    ordered = sorted(rows)
    chosen = random.Random(7).sample(range(len(ordered)), 60)
    written = 0
    for at in chosen:
        nodes.reset_counts()
        path = ordered[at] + b"x" if at % 2 else ordered[at]
        change = entry_of(path) if at % 2 else None
        apply_changes(nodes, nodes, root, [[(path, change)]])
        written += nodes.written_count

    assert LEVELS <= written / len(chosen) <= LEVELS + 0.5


def test_many_edits_give_the_tree_built_anew(
    nodes: MemoryNodes, rows: Map, root: NodeId
) -> None:
    chance = random.Random(11)
    staged: dict[bytes, PackedEntry | None] = {}
    for path in chance.sample(sorted(rows), 3000):
        staged[path] = None if chance.random() < 0.4 else entry_of(path, "new")
        staged[path + b"+"] = entry_of(path)

    edit = apply_changes(nodes, nodes, root, batched(staged, 1000))

    assert edit.tree == build(MemoryNodes(decoding=False), apply_naively(rows, staged))


def test_every_node_is_within_the_sizes(nodes: MemoryNodes, root: NodeId) -> None:
    lengths = [
        (
            node.level,
            len(node.last_paths if isinstance(node, Inner) else node.paths),
        )
        for node in map(nodes.get, node_ids(nodes, root))
    ]
    leaves = [length for level, length in lengths if level == 0]

    assert sum(leaves) == COUNT
    assert max(leaves) <= 1536
    assert sum(length < 128 for length in leaves) <= 1
    assert 350 <= sum(leaves) / len(leaves) <= 700


def hundred_changes(rows: Map, seed: int) -> dict[bytes, PackedEntry | None]:
    """Return 100 scattered changes: updates, inserts and deletes."""
    chance = random.Random(seed)
    staged: dict[bytes, PackedEntry | None] = {}
    for at, path in enumerate(chance.sample(sorted(rows), 100)):
        match at % 4:
            case 0:
                staged[path + b"%d" % seed] = entry_of(path)
            case 1:
                staged[path] = None
            case _:
                staged[path] = entry_of(path, str(seed))
    return staged


def test_a_diff_reads_at_most_two_nodes_a_change_and_level(
    nodes: MemoryNodes, rows: Map, root: NodeId
) -> None:
    staged = hundred_changes(rows, 1)
    right = apply_changes(nodes, nodes, root, batched(staged, 100)).tree
    nodes.reset_counts()

    found = list(diff_trees(nodes, root, right.tree_id))

    assert {each.path: each.right for each in found} == staged
    assert nodes.read_count <= 2 * len(staged) * LEVELS
    # Upper levels are shared, so it is far less than that.
    assert nodes.read_count <= 2.5 * len(staged)


def test_a_merge_of_scattered_changes_reads_what_both_changed(
    nodes: MemoryNodes, rows: Map, root: NodeId
) -> None:
    ours_staged, theirs_staged = hundred_changes(rows, 2), hundred_changes(rows, 3)
    ours = apply_changes(nodes, nodes, root, batched(ours_staged, 100)).tree
    theirs = apply_changes(nodes, nodes, root, batched(theirs_staged, 100)).tree
    nodes.reset_counts()

    merge = merge_trees(
        nodes, nodes, root, ours.tree_id, theirs.tree_id, strategy=Strategy.OURS
    )

    assert merge.tree == build(
        MemoryNodes(decoding=False),
        apply_naively(apply_naively(rows, theirs_staged), ours_staged),
    )
    # Neither a leaf that one side alone changed, nor one that nobody did.
    assert nodes.read_count <= len(staged_leaves(nodes, root, ours_staged)) * 2


def staged_leaves(
    nodes: MemoryNodes, root: NodeId, staged: dict[bytes, PackedEntry | None]
) -> set[bytes]:
    """Return the last paths of the leaves that `staged` falls into."""
    leaves: set[bytes] = set()
    for path in staged:
        node = nodes.get(root)
        last = b""
        while isinstance(node, Inner) and (child := node.find_child(path)):
            last = node.last_paths[bisect_left(node.last_paths, path)]
            node = nodes.get(child)
        leaves.add(last)
    return leaves


def test_a_merge_of_disjoint_imports_splices_them(
    nodes: MemoryNodes, rows: Map, root: NodeId
) -> None:
    """Two imports of 30,000 entries each, in the middle and at the end."""
    first = {
        b"data/train/part-00100/new/%07d" % n: entry_of(b"") for n in range(30_000)
    }
    second = {b"models/%07d" % n: entry_of(b"") for n in range(30_000)}
    ours = apply_changes(nodes, nodes, root, batched({**first}, 5000)).tree
    theirs = apply_changes(nodes, nodes, root, batched({**second}, 5000)).tree

    for one, other in ((ours, theirs), (theirs, ours)):
        nodes.reset_counts()
        merge = merge_trees(nodes, nodes, root, one.tree_id, other.tree_id)
        assert nodes.read_count <= 50
        assert nodes.written_count <= 10
        assert merge.tree == build(MemoryNodes(decoding=False), rows | first | second)


def test_a_page_reads_a_node_a_level_and_the_leaves_it_shows(
    nodes: MemoryNodes, rows: Map, root: NodeId
) -> None:
    ordered = sorted(rows)
    for at in (0, 1, 77_777, COUNT - 500):
        nodes.reset_counts()
        after = ordered[at - 1] if at else b""

        page = list_page(Cursor(nodes, root), after=after, limit=1000)

        assert [item.path for item in page.items] == ordered[at : at + 1000]
        assert page.is_truncated == (at + 1000 < COUNT)
        assert nodes.read_count <= LEVELS + 5


def test_common_prefixes_cost_a_descent_each(nodes: MemoryNodes, root: NodeId) -> None:
    nodes.reset_counts()

    page = list_page(
        Cursor(nodes, root), prefix=b"data/train/", delimiter=b"/", limit=100
    )

    assert [item.path for item in page.items] == [
        b"data/train/part-%05d/" % n for n in range(100)
    ]
    assert page.is_truncated
    assert len(nodes.read_ids) <= 101 * LEVELS


def test_counting_a_prefix_reads_its_two_ends(nodes: MemoryNodes, root: NodeId) -> None:
    nodes.reset_counts()

    measure = measure_prefix(nodes, root, b"data/train/part-0012")

    assert measure.entry_count == 10_000
    assert measure.byte_total == sum(range(120_000, 130_000))
    assert nodes.read_count <= 2 * LEVELS


@pytest.mark.parametrize("ordinal", [0, 1, 123_456, COUNT - 1])
def test_a_row_is_found_by_its_number(
    nodes: MemoryNodes, rows: Map, root: NodeId, ordinal: int
) -> None:
    nodes.reset_counts()

    row = find_by_ordinal(nodes, root, ordinal)

    path = sorted(rows)[ordinal]
    assert row == (path, rows[path])
    assert nodes.read_count == LEVELS
    assert find_by_ordinal(nodes, root, COUNT) is None


def test_a_metadata_entry_takes_at_most_60_bytes_stored(
    nodes: MemoryNodes, root: NodeId
) -> None:
    compressor = ZstdCompressor(level=1)
    stored = sum(
        len(compressor.compress(nodes.data[node_id]))
        for node_id in node_ids(nodes, root)
    )

    assert stored / COUNT <= 60
