"""Change one path of 10^6, and diff and merge scattered changes and whole imports.

Guards: an update reads and writes one node a level; a diff of 100 changes reads at most
two nodes a change and level and takes <= 30 ms warm; a merge of 100 changes takes <= 15 ms;
two disjoint imports of 10^5 entries merge into 10^6 in <= 100 ms, reading <= 50 nodes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

from lakebed.server.tree.diff import diff_trees
from lakebed.server.tree.edit import Change, apply_changes, build_tree
from lakebed.server.tree.merge import merge_trees
from lakebed.server.tree.node import Row, Tree

from .report import report
from .trees import Nodes, best_of, fresh_entry, iter_rows, parse_size

_ROUNDS = 7


def main() -> None:
    """Run the benchmark; `--quick` with 10^4 entries."""
    count, size = parse_size(__doc__)
    nodes = Nodes()
    paths: list[bytes] = []
    tree = build_tree(nodes, nodes, _note_paths(count, paths))
    levels = tree.level + 1

    _edit_one(nodes, tree, paths[count // 2], size, levels)
    _diff(nodes, tree, _scatter(paths, 1), size, levels)
    _merge_scattered(nodes, tree, paths, size)
    _merge_imports(nodes, tree, count // 10, size)


def _note_paths(count: int, paths: list[bytes]) -> Iterator[list[Row]]:
    for batch in iter_rows(count):
        paths += [path for path, _ in batch]
        yield batch


def _scatter(paths: list[bytes], seed: int) -> list[Change]:
    """Return 100 changes all over `paths`: updates, inserts and deletes."""
    changes: list[Change] = []
    for at, path in enumerate(sorted(random.Random(seed).sample(paths, 100))):
        match at % 4:
            case 0:
                changes.append((path + b"+%d" % seed, fresh_entry(at)))
            case 1:
                changes.append((path, None))
            case _:
                changes.append((path, fresh_entry(at)))
    return changes


def _edit_one(nodes: Nodes, tree: Tree, path: bytes, size: str, levels: int) -> None:
    nodes.reset_counts()
    change: list[Change] = [(path, fresh_entry(1))]
    seconds, _ = best_of(
        _ROUNDS, lambda: apply_changes(nodes, nodes, tree.tree_id, [change])
    )
    report(
        "tree.edit one path",
        size=size,
        value=seconds * 1000,
        unit="ms",
        limit=5.0,
        levels=levels,
        nodes_read=len(nodes.read_ids),
        nodes_written=len(nodes.written_ids),
        bytes_written=sum(len(nodes.data[each]) for each in nodes.written_ids),
    )


def _diff(
    nodes: Nodes, tree: Tree, changes: list[Change], size: str, levels: int
) -> None:
    right = apply_changes(nodes, nodes, tree.tree_id, [changes]).tree
    for name in ("cold", "warm"):
        nodes.reset_counts()
        if name == "cold":
            nodes.chill()
        seconds, found = best_of(
            1 if name == "cold" else _ROUNDS,
            lambda: list(diff_trees(nodes, tree.tree_id, right.tree_id)),
        )
        report(
            f"tree.diff 100 changes, {name}",
            size=size,
            value=seconds * 1000,
            unit="ms",
            limit=30.0 if name == "warm" else None,
            changes=len(found),
            nodes_read=len(nodes.read_ids),
            nodes_read_limit=2 * len(changes) * levels,
        )


def _merge_scattered(nodes: Nodes, tree: Tree, paths: list[bytes], size: str) -> None:
    ours = apply_changes(nodes, nodes, tree.tree_id, [_scatter(paths, 2)]).tree
    theirs = apply_changes(nodes, nodes, tree.tree_id, [_scatter(paths, 3)]).tree
    moved = apply_changes(
        nodes, nodes, tree.tree_id, [[(paths[len(paths) // 3], fresh_entry(0))]]
    ).tree
    for name, one, limit_ms in (
        ("100 changes", moved, 15.0),
        ("100 changes on either side", ours, 30.0),
    ):
        nodes.reset_counts()
        seconds, _ = best_of(
            _ROUNDS,
            partial(
                merge_trees,
                nodes,
                nodes,
                tree.tree_id,
                one.tree_id,
                theirs.tree_id,
            ),
        )
        report(
            f"tree.merge {name}",
            size=size,
            value=seconds * 1000,
            unit="ms",
            limit=limit_ms,
            nodes_read=len(nodes.read_ids),
            nodes_written=len(nodes.written_ids),
        )


def _merge_imports(nodes: Nodes, tree: Tree, count: int, size: str) -> None:
    sides = [
        apply_changes(nodes, nodes, tree.tree_id, iter_rows(count, folder=folder)).tree
        for folder in (b"data/new-one", b"data/train/part-00007/new")
    ]
    nodes.reset_counts()
    nodes.chill()
    seconds, merge = best_of(
        1,
        lambda: merge_trees(
            nodes, nodes, tree.tree_id, sides[0].tree_id, sides[1].tree_id
        ),
    )
    assert merge.tree is not None
    assert merge.tree.entry_count == tree.entry_count + 2 * count
    report(
        f"tree.merge two imports of {count}, cold",
        size=size,
        value=seconds * 1000,
        unit="ms",
        limit=100.0,
        nodes_read=len(nodes.read_ids),
        nodes_read_limit=50,
        nodes_written=len(nodes.written_ids),
    )


if __name__ == "__main__":
    main()
