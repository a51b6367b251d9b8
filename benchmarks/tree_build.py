"""Build a tree of 10^6 entries: time, peak memory, bytes of metadata an entry.

Guards `build 10^6 entries <= 1.5 s` and `metadata <= 60 bytes an entry with 40-byte paths`
(zstd level 1 of each node, as packs store them). Rows are made beforehand and not timed.
"""

from __future__ import annotations

import time

from lakebed.server.ids import NodeId
from lakebed.server.tree.edit import build_tree
from lakebed.server.tree.node import Node
from zstandard import ZstdCompressor

from .report import report
from .trees import Nodes, best_of, iter_rows, parse_size


class _Packing:
    """A sink that compresses what it gets and keeps only the lengths."""

    def __init__(self) -> None:
        self._compressor = ZstdCompressor(level=1)
        self.stored_bytes = 0
        self.plain_bytes = 0
        self.compress_s = 0.0

    def put(self, node_id: NodeId, data: bytes, node: Node) -> None:
        """Count the bytes of a node."""
        started = time.perf_counter()
        self.stored_bytes += len(self._compressor.compress(data))
        self.plain_bytes += len(data)
        self.compress_s += time.perf_counter() - started


class _Discarding:
    """A sink that keeps nothing."""

    def put(self, node_id: NodeId, data: bytes, node: Node) -> None:
        """Drop a node."""


def main() -> None:
    """Run the benchmark; `--quick` with 10^4 entries."""
    count, size = parse_size(__doc__)
    batches = list(iter_rows(count))
    nodes = Nodes()

    started_cpu_s = time.process_time()
    seconds, tree = best_of(3, lambda: build_tree(nodes, _Discarding(), batches))
    cpu_s = (time.process_time() - started_cpu_s) / 3
    report(
        "tree.build",
        size=size,
        value=seconds,
        unit="s",
        limit=1.5 * count / 10**6,
        levels=tree.level + 1,
        cpu_s=cpu_s,
    )

    packing = _Packing()
    build_tree(nodes, packing, batches)
    report(
        "tree.metadata",
        size=size,
        value=packing.stored_bytes / count,
        unit="bytes/entry",
        limit=60.0,
        plain=packing.plain_bytes / count,
        compress_s=packing.compress_s,
    )


if __name__ == "__main__":
    main()
