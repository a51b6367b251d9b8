"""The figures that the parts of a worker keep, by the names that Prometheus shows."""

from __future__ import annotations

from .httprules.streams import Streams
from .metadata.writer import WriterCounters
from .repository.engine import Engine
from .serving.edge import Edge
from .serving.snapshot import FigureValue


def list_figures(
    writer: WriterCounters, engine: Engine, streams: Streams, edge: Edge
) -> list[FigureValue]:
    """Return all figures as they are now, each read where it is kept."""
    nodes = engine.nodes.cache
    server = edge.server
    log = edge.access_log
    return [
        _gauge("running_requests", "Requests that run.", server.running_count),
        _gauge(
            "waiting_requests",
            "Requests whose head is there, and that wait to begin.",
            server.asking_count,
        ),
        _count(
            "gave_way",
            "Requests that were slow, and ended when there was no more room.",
            server.places.gave_way_count + streams.places.gave_way_count,
        ),
        _gauge(
            "unread_bytes",
            "Bytes of answers that clients do not take.",
            server.unread_bytes,
        ),
        _gauge("open_connections", "Open connections.", server.connection_count),
        _count(
            "refused_connections",
            "Connections refused because there were too many.",
            server.refused_connections,
        ),
        _gauge(
            "running_uploads",
            "Large bodies that are taken in.",
            streams.running_count,
        ),
        _gauge(
            "waiting_uploads",
            "Large bodies that wait for their turn.",
            streams.waiting_count,
        ),
        _count(
            "writes",
            "Writes that were durable or failed; divided by the groups, the size of one.",
            writer.submissions,
        ),
        _count(
            "write_groups",
            "Transactions, each of several writes.",
            writer.groups,
        ),
        _count("pack_syncs", "Times that a pack was synced.", writer.pack_syncs),
        _count(
            "refused_writes",
            "Writes refused because too many were waiting.",
            writer.refused_busy,
        ),
        _gauge("waiting_writes", "Writes that wait.", writer.waiting),
        _gauge("waiting_write_bytes", "Their bytes.", writer.waiting_bytes),
        _count("node_cache_hits", "Nodes found in the cache.", nodes.hit_count),
        _count("node_cache_misses", "Nodes not found there.", nodes.miss_count),
        _gauge("node_cache_bytes", "Memory of the cache.", nodes.held_bytes),
        _count(
            "damaged_reads",
            "Reads of stored bytes that are not those of their id.",
            engine.quarantine.read_count,
        ),
        _count(
            "lost_access_log_lines",
            "Lines of the access log that were left out.",
            0 if log is None else log.lost_count,
        ),
    ]


def _gauge(name: str, help_text: str, value: float) -> FigureValue:
    return FigureValue(name, help_text, value)


def _count(name: str, help_text: str, value: float) -> FigureValue:
    return FigureValue(name, help_text, value, only_grows=True)
