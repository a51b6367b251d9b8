"""Find what a path refers to, and what a range of paths adds up to.

A look-up reads one node a level. Counts come from the totals that inner nodes keep of
their subtrees, so they too read one node a level at each end of the range.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import CorruptDataError
from ..ids import NodeId
from .codec import encode_node
from .entry import Entry, PackedEntry, unpack_entry
from .node import Inner, Leaf, Node, Row, Tree, unpack_u64
from .source import NodeSource

NODES_AT_ONCE = 64
"""Nodes that a look-up of many paths reads and holds together: about 12 MiB if they are
leaves. A thousand paths of a large tree may lie in as many leaves; half as many nodes
make twice the trips."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How many entries there are somewhere, and how large they are together."""

    entry_count: int
    byte_total: int


def read_tree(source: NodeSource, root: NodeId) -> Tree:
    """Return what the root node says of the tree `root`."""
    node = source.get(root)
    return Tree(
        root,
        encode_node(node).content_id,
        node.level,
        node.entry_count,
        node.byte_total,
    )


def find(source: NodeSource, root: NodeId, path: bytes) -> PackedEntry | None:
    """Return the packed entry at `path` in the tree `root`, None if there is none."""
    node = source.get(root)
    while isinstance(node, Inner):
        child_id = node.find_child(path)
        if child_id is None:
            return None
        node = source.get(child_id)
    return node.find(path)


def find_way(source: NodeSource, root: NodeId, path: bytes) -> list[Node]:
    """Return the nodes that a look-up of `path` in the tree `root` reads, root first.

    The last one shows what is at `path`, or the gap where it would be.
    """
    way = [source.get(root)]
    while isinstance(node := way[-1], Inner):
        child_id = node.find_child(path)
        if child_id is None:
            break
        way.append(source.get(child_id))
    return way


def find_entry(source: NodeSource, root: NodeId, path: bytes) -> Entry | None:
    """Return the entry at `path` in the tree `root`, None if there is none."""
    packed = find(source, root, path)
    return None if packed is None else unpack_entry(path, packed)


def find_many(
    source: NodeSource, root: NodeId, paths: Iterable[bytes]
) -> dict[bytes, PackedEntry]:
    """Return the packed entries of those of `paths` that the tree `root` has.

    Reads each node at most once, up to `NODES_AT_ONCE` of them in one trip.
    """
    found: dict[bytes, PackedEntry] = {}
    wanted: list[tuple[NodeId, list[bytes]]] = [(root, sorted(set(paths)))]
    while wanted:
        # From the end: down to the leaves first, so that what waits stays short.
        some = wanted[-NODES_AT_ONCE:]
        del wanted[-NODES_AT_ONCE:]
        nodes = source.get_many([node_id for node_id, _ in some])
        for node, (_, node_paths) in zip(nodes, some, strict=True):
            match node:
                case Leaf():
                    for path in node_paths:
                        packed = node.find(path)
                        if packed is not None:
                            found[path] = packed
                case Inner():
                    wanted += _deal(node, node_paths)
    return found


def _deal(node: Inner, paths: list[bytes]) -> list[tuple[NodeId, list[bytes]]]:
    """Return the children of `node` that could hold some of `paths`, with those."""
    dealt: list[tuple[NodeId, list[bytes]]] = []
    start = 0
    while start < len(paths):
        row = bisect_left(node.last_paths, paths[start])
        if row == len(node.last_paths):
            break
        stop = start + 1
        while stop < len(paths) and paths[stop] <= node.last_paths[row]:
            stop += 1
        dealt.append((node.child_id(row), paths[start:stop]))
        start = stop
    return dealt


def after_prefix(prefix: bytes) -> bytes | None:
    """Return the first path behind all that start with `prefix`, None if none is.

    It is a bound and need not be UTF-8.
    """
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None


def measure_prefix(source: NodeSource, root: NodeId, prefix: bytes) -> Measure:
    """Return how many entries the tree `root` has under `prefix`, and their bytes."""
    return measure_range(source, root, prefix, after_prefix(prefix))


def measure_range(
    source: NodeSource, root: NodeId, start: bytes, stop: bytes | None
) -> Measure:
    """Return entries and bytes of `root` from `start` to `stop` (without it).

    Args:
        source: where the nodes of `root` are.
        root: id of the tree.
        start: the first path that counts; empty for the first of all.
        stop: the first path that does not count any more; None for no end.
    """
    node = source.get(root)
    upto = _measure_before(source, node, stop)
    before = _measure_before(source, node, start)
    return Measure(
        max(0, upto.entry_count - before.entry_count),
        max(0, upto.byte_total - before.byte_total),
    )


def _measure_before(source: NodeSource, node: Node, path: bytes | None) -> Measure:
    entry_count = byte_total = 0
    while True:
        match node:
            case Leaf():
                paths = node.paths
                row = len(paths) if path is None else bisect_left(paths, path)
                entry_count += row
                byte_total += sum(unpack_u64(node.sizes, 0, row))
                return Measure(entry_count, byte_total)
            case Inner():
                paths = node.last_paths
                row = len(paths) if path is None else bisect_left(paths, path)
                entry_count += sum(unpack_u64(node.entry_counts, 0, row))
                byte_total += sum(unpack_u64(node.byte_totals, 0, row))
                if row == len(paths):
                    return Measure(entry_count, byte_total)
                node = source.get(node.child_id(row))


def find_by_ordinal(source: NodeSource, root: NodeId, ordinal: int) -> Row | None:
    """Return row number `ordinal` of the tree `root`, from 0; None past its end.

    Raises:
        CorruptDataError: the counts in the tree do not agree.
    """
    node = source.get(root)
    if not 0 <= ordinal < node.entry_count:
        return None
    while isinstance(node, Inner):
        for row, entry_count in enumerate(
            unpack_u64(node.entry_counts, 0, len(node.last_paths))
        ):
            if ordinal < entry_count:
                node = source.get(node.child_id(row))
                break
            ordinal -= entry_count
        else:
            raise CorruptDataError("an inner node counts other entries than its parent")
    if ordinal >= len(node.paths):
        raise CorruptDataError("a leaf has fewer entries than its parent counts")
    return node.paths[ordinal], node.packed(ordinal)
