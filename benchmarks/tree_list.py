"""List 1,000 of 10^6 entries, any page, and by delimiter; find and count.

Guards: a page of 1,000 reads at most height + 5 nodes; a common prefix at most height.
"""

from __future__ import annotations

from functools import partial

from lakebed.server.ids import NodeId
from lakebed.server.tree.cursor import Cursor
from lakebed.server.tree.edit import build_tree
from lakebed.server.tree.listing import Page, list_page
from lakebed.server.tree.lookup import find, find_by_ordinal, measure_prefix

from .report import report
from .trees import Nodes, best_of, iter_rows, parse_size

_ROUNDS = 7


def main() -> None:
    """Run the benchmark; `--quick` with 10^4 entries."""
    count, size = parse_size(__doc__)
    nodes = Nodes()
    tree = build_tree(nodes, nodes, iter_rows(count))
    root, levels = tree.tree_id, tree.level + 1

    for place in (0, count // 3, count - 1500):
        first = find_by_ordinal(nodes, root, place)
        assert first is not None
        nodes.reset_counts()
        seconds, page = best_of(
            _ROUNDS,
            partial(_list, nodes, root, after=first[0], limit=1000),
        )
        report(
            f"tree.list 1,000 from {place}",
            size=size,
            value=seconds * 1000,
            unit="ms",
            limit=3.0,
            lines=len(page.items),
            nodes_read=len(nodes.read_ids),
            nodes_read_limit=levels + 5,
        )

    for prefix_count in (30, 300):
        nodes.reset_counts()
        seconds, page = best_of(
            _ROUNDS,
            partial(
                _list,
                nodes,
                root,
                prefix=b"data/train/",
                delimiter=b"/",
                limit=prefix_count,
            ),
        )
        report(
            f"tree.list {prefix_count} common prefixes of 1,000",
            size=size,
            value=seconds * 1000,
            unit="ms",
            limit=10.0 if prefix_count == 300 else 4.0,
            lines=len(page.items),
            nodes_read=len(nodes.read_ids),
            nodes_read_limit=(prefix_count + 1) * levels,
        )

    path = page.items[0].path
    row = find_by_ordinal(nodes, root, count // 2)
    assert row is not None
    nodes.reset_counts()
    seconds, _ = best_of(
        _ROUNDS, lambda: [find(nodes, root, row[0]) for _ in range(100)]
    )
    report("tree.find", size=size, value=seconds * 10_000, unit="us", levels=levels)
    seconds, measure = best_of(
        _ROUNDS, lambda: [measure_prefix(nodes, root, path) for _ in range(100)]
    )
    report(
        "tree.measure prefix",
        size=size,
        value=seconds * 10_000,
        unit="us",
        entries=measure[0].entry_count,
    )


def _list(
    nodes: Nodes,
    root: NodeId,
    *,
    prefix: bytes = b"",
    after: bytes = b"",
    delimiter: bytes = b"",
    limit: int,
) -> Page:
    return list_page(
        Cursor(nodes, root),
        prefix=prefix,
        after=after,
        delimiter=delimiter,
        limit=limit,
    )


if __name__ == "__main__":
    main()
