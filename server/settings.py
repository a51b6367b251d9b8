"""What one server process is told, and every limit of its edges, in one value.

Limits of the engine stand beside the code that they bound; here are those of requests
and processes. Each says how it was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server; the defaults suit one machine."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0 takes a free one; the ready line tells which."""

    region: str = "us-east-1"
    """The region that signatures name, beside `us-east-1`, which clients fall back to."""
    clock_skew_s_max: int = 15 * 60
    """How far the time of a signed request may be from ours; AWS's figure."""

    line_bytes_max: int = 16 * KIB
    """Longest request line and header: presigned URLs carry tokens of several KiB, and
    8 KiB, the usual limit, refuses some."""
    put_bytes_max: int = 5 * GIB
    """Longest body of one PutObject; AWS's figure. More goes in parts."""
    small_body_bytes_max: int = 256 * KIB
    """Bodies up to here are read whole and sent whole: one write instead of a stream. A
    hundred of them at once fit in a worker's memory."""
    body_step_bytes: int = 64 * KIB
    body_step_s_max: float = 30.0
    """A body comes at least this fast: so many bytes in so long a time of waiting for
    it, or it is given up. 2 KiB/s is slower than any line that uploads are made over;
    AWS gives up after about 20 s without a byte."""
    streams_max: int = 16
    """Larger bodies taken in at one time: each holds up to about 8 MiB, half a worker's
    memory in all. Others wait."""
    streams_waiting_max: int = 128
    """Requests that may wait for a stream; the next is told to slow down."""
    keys_max: int = 1000
    """Keys and common prefixes of a page; AWS's figure."""

    keepalive_s: float = 75.0
    """An idle connection is closed after it; load balancers keep theirs for 60 s, and
    must be the first to let go."""
    stop_s_max: float = 30.0
    """Time that running requests have when the server is told to stop."""
