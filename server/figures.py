"""The figures that the parts of a worker keep, by the names that Prometheus shows."""

from __future__ import annotations

from collections.abc import Callable

from .httprules.streams import Streams
from .metadata.writer import WriterCounters
from .repository.engine import Engine
from .serving.edge import Edge
from .serving.metrics import Figure


def list_figures(
    writer: WriterCounters, engine: Engine, streams: Streams, edge: Edge
) -> list[Figure]:
    """Return all figures, each read where it is kept."""
    nodes = engine.nodes.cache
    server = edge.server
    log = edge.access_log
    return [
        _gauge("running_requests", "Requests that run.", lambda: server.running_count),
        _gauge(
            "open_connections", "Open connections.", lambda: server.connection_count
        ),
        _count(
            "refused_connections",
            "Connections refused because there were too many.",
            lambda: server.refused_connections,
        ),
        _gauge(
            "running_uploads",
            "Large bodies that are taken in.",
            lambda: streams.running_count,
        ),
        _gauge(
            "waiting_uploads",
            "Large bodies that wait for their turn.",
            lambda: streams.waiting_count,
        ),
        _count(
            "writes",
            "Writes that were durable or failed; divided by the groups, the size of one.",
            lambda: writer.submissions,
        ),
        _count(
            "write_groups",
            "Transactions, each of several writes.",
            lambda: writer.groups,
        ),
        _count(
            "pack_syncs", "Times that a pack was synced.", lambda: writer.pack_syncs
        ),
        _count(
            "refused_writes",
            "Writes refused because too many were waiting.",
            lambda: writer.refused_busy,
        ),
        _gauge("waiting_writes", "Writes that wait.", lambda: writer.waiting),
        _gauge("waiting_write_bytes", "Their bytes.", lambda: writer.waiting_bytes),
        _count("node_cache_hits", "Nodes found in the cache.", lambda: nodes.hit_count),
        _count("node_cache_misses", "Nodes not found there.", lambda: nodes.miss_count),
        _gauge("node_cache_bytes", "Memory of the cache.", lambda: nodes.held_bytes),
        _count(
            "damaged_reads",
            "Reads of stored bytes that are not those of their id.",
            lambda: engine.quarantine.read_count,
        ),
        _count(
            "lost_access_log_lines",
            "Lines of the access log that were left out.",
            lambda: 0 if log is None else log.lost_count,
        ),
    ]


def _gauge(name: str, help_text: str, read: Callable[[], float]) -> Figure:
    return Figure(name, help_text, read)


def _count(name: str, help_text: str, read: Callable[[], float]) -> Figure:
    return Figure(name, help_text, read, only_grows=True)
