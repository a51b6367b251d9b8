"""Rows and nodes that the benchmarks of the tree share."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from lakebed.server.ids import NodeId
from lakebed.server.tree.codec import decode_node
from lakebed.server.tree.entry import FIXED, PackedEntry
from lakebed.server.tree.node import Node, Row

T = TypeVar("T")

BATCH_ROWS = 10_000


class Nodes:
    """Canonical bytes in a dict, and decoded nodes in front: a cache that is warm.

    `chill` empties the cache, so that every read decodes.
    """

    def __init__(self) -> None:
        self.data: dict[NodeId, bytes] = {}
        self._decoded: dict[NodeId, Node] = {}
        self.read_ids: set[NodeId] = set()
        self.written_ids: set[NodeId] = set()

    def get(self, node_id: NodeId) -> Node:
        """Return the node `node_id`."""
        self.read_ids.add(node_id)
        node = self._decoded.get(node_id)
        if node is None:
            node = self._decoded[node_id] = decode_node(self.data[node_id])
        return node

    def get_many(self, node_ids: Sequence[NodeId]) -> list[Node]:
        """Return the nodes of `node_ids`."""
        return [self.get(node_id) for node_id in node_ids]

    def put(self, node_id: NodeId, data: bytes, node: Node) -> None:
        """Keep a node."""
        self.written_ids.add(node_id)
        self.data[node_id] = data
        self._decoded[node_id] = node

    def chill(self) -> None:
        """Forget the decoded nodes."""
        self._decoded.clear()

    def reset_counts(self) -> None:
        """Forget what was read and written."""
        self.read_ids.clear()
        self.written_ids.clear()


def iter_rows(count: int, *, folder: bytes = b"data/train") -> Iterator[list[Row]]:
    """Yield `count` rows in batches: paths of 40 bytes, random blob ids and ETags."""
    for start in range(0, count, BATCH_ROWS):
        yield [
            (
                b"%s/part-%05d/%010d.parquet" % (folder, n // 1000, n),
                fresh_entry(n),
            )
            for n in range(start, min(count, start + BATCH_ROWS))
        ]


def fresh_entry(number: int) -> PackedEntry:
    """Return an entry with random content, written shortly after number - 1."""
    return PackedEntry(
        FIXED.pack(
            os.urandom(32),
            4096 + number % 5000,
            1_750_000_000_000 + number * 3,
            os.urandom(16),
            0,
        )
    )


def best_of(rounds: int, work: Callable[[], T]) -> tuple[float, T]:
    """Return the shortest time of `rounds` runs of `work`, and what the last returned."""
    best_s = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        result = work()
        best_s = min(best_s, time.perf_counter() - started)
    return best_s, result


def parse_size(description: str | None) -> tuple[int, str]:
    """Return the number of entries that the command line asks for, and its text."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="10^4 entries, for a try")
    count = 10_000 if parser.parse_args().quick else 1_000_000
    return count, f"10^{len(str(count)) - 1} entries"
