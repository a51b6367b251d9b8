"""What one server process is told, and every limit of its edges, in one value.

Limits of the engine stand beside the code that they bound; here are those of requests
and processes. Each says how it was chosen, and an operator may set each of them by its
name (`--limit NAME=NUMBER`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

LOOPBACK_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts that nobody but this machine reaches, as they are written."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen."""

    host: str
    port: int
    """0 takes a free one; what is printed at the start tells which."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Role:
    """What is spoken where requests come in."""

    speaks_rest: bool = True
    speaks_s3: bool = True
    flat_ref: str | None = None
    """The ref of every bucket there: keys have none. None: keys or buckets name one."""
    only_runs: bool = False
    """Nobody is let in but with the key of a run."""


METRICS = Role(speaks_rest=False, speaks_s3=False)
"""Where figures are shown, and nothing else."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A place where requests come in."""

    endpoint: Endpoint
    role: Role


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate with its chain, and its key, both PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server; the defaults suit one machine."""

    listen: tuple[Endpoint, ...] = (Endpoint("127.0.0.1", 8000),)
    """REST, and S3 too unless it has addresses of its own."""
    s3_listen: tuple[Endpoint, ...] = ()
    """S3 only."""
    flat_s3: tuple[tuple[Endpoint, str], ...] = ()
    """S3 where every bucket is a repository at one ref."""
    s3_domains: tuple[str, ...] = ()
    """Lower case. A host `BUCKET.DOMAIN` names a bucket."""
    tls: TlsFiles | None = None
    metrics: Endpoint | None = None
    """Figures for Prometheus; None: none are given out."""
    expose_metrics: bool = False
    """Others than this machine may read them."""
    access_log: str | None = None
    """A file, or `-` for stdout; None: none is written."""

    region: str = "us-east-1"
    """The region that signatures name, beside `us-east-1`, which clients fall back to."""
    clock_skew_s_max: int = 15 * 60
    """How far the time of a signed request may be from ours; AWS's figure."""

    line_bytes_max: int = 16 * KIB
    """Longest request line and header: presigned URLs carry tokens of several KiB, and
    8 KiB, the usual limit, refuses some."""
    header_bytes_max: int = 16 * KIB
    """All headers of a request together; AWS takes 8 KiB, some SDKs send 4 KiB of tokens
    beside 2 KiB of metadata."""
    header_count_max: int = 128
    """Headers of one request: an upload with much metadata has 40."""
    put_bytes_max: int = 5 * GIB
    """Longest body of one PutObject; AWS's figure. More goes in parts."""
    small_body_bytes_max: int = 256 * KIB
    """Bodies up to here are read whole and sent whole: one write instead of a stream. A
    hundred of them at once fit in a worker's memory."""
    body_step_bytes: int = 64 * KIB
    """What of a body must come in `body_step_s_max`; see there."""
    body_step_s_max: float = 30.0
    """A body comes at least this fast: so many bytes in so long a time of waiting for
    it, or it is given up. 2 KiB/s is slower than any line that uploads are made over;
    AWS gives up after about 20 s without a byte."""
    streams_max: int = 16
    """Larger bodies taken in at one time: each holds up to about 8 MiB, half a worker's
    memory in all. Others wait."""
    streams_waiting_max: int = 128
    """Requests that may wait for a stream; the next is told to slow down."""
    part_bytes_min: int = 5 * MIB
    """Smallest part of an upload but for the last; AWS's figure. Parts of less than a
    chunk are read again when they are joined, so that tiny ones cost their bytes twice."""
    uploads_kept_h: int = 7 * 24
    """Hours after which an upload that got no part is aborted; 0: never. A client that
    goes on with an upload of last week is rare, the bytes of forgotten ones are not."""
    tokens_kept_h: int = 12
    """Hours for which the token of a login counts: a day of work. They end earlier with
    the key that they came from."""
    presigned_s: int = 15 * 60
    """How long the address of an object counts that was presigned over REST: time to
    begin a download."""
    silence_s_max: float = 10.0
    """Time without a sign of an answer that is being worked at: clients and proxies
    give up after 30 to 60 s."""
    keys_max: int = 1000
    """Keys and common prefixes of a page; AWS's figure."""

    connections_max: int = 4096
    """Open connections, over all listeners; each takes some 10 KiB. The next is told to
    slow down and closed. A lower limit on open files lowers it."""
    requests_max: int = 512
    """Requests that run or wait to begin at one time; the next is told to slow down before
    its body is read, unless one that waits for its client gives way. Small bodies of so
    many take half a worker's memory, and they are done within half a second."""
    grace_s: float = 1.0
    """A request that has waited so long for its client, in one step of a body or of an
    answer, gives way when there are too many. Good lines take a step in some milliseconds;
    at double, twice as many slow clients hold the places."""
    unread_bytes_max: int = 64 * MIB
    """What clients leave of what is sent to them, in all; then those are let go who have
    left theirs for longest. A quarter of a worker's memory: of readers that stream it
    holds a thousand, of answers that are sent whole 256."""
    head_s_max: float = 20.0
    """Time from the first byte of a request to the end of its headers: a slow link needs
    one second, and who sends a byte at a time is let go."""
    keepalive_s: float = 75.0
    """An idle connection is closed after it; load balancers keep theirs for 60 s, and
    must be the first to let go."""
    stall_s_max: float = 120.0
    """Time in which a client must take something of what is being sent to it. Readers
    that work between reads pause for seconds; at half, a training step of a minute would
    cost its connection."""
    linger_s: float = 10.0
    """How long the rest of a body that was refused is read and thrown away, so that its
    sender comes to see why."""
    handshake_s_max: float = 10.0
    """Time for the TLS handshake; it takes two round trips."""
    stop_s_max: float = 30.0
    """Time that running requests have when the server is told to stop."""
    parting_s_max: float = 5.0
    """Time that clients have, when their worker is replaced, to ask once more and be told
    in the answer to come by a new connection. Then idle connections are closed: who has
    not asked for so long sees that before the next request."""

    def metrics_listeners(self) -> tuple[Listener, ...]:
        """Return the place where figures are shown, if there is one."""
        return () if self.metrics is None else (Listener(self.metrics, METRICS),)

    def listeners(self) -> tuple[Listener, ...]:
        """Return all places where requests come in."""
        main = Role(speaks_s3=not self.s3_listen)
        s3 = Role(speaks_rest=False)
        return (
            *(Listener(where, main) for where in self.listen),
            *(Listener(where, s3) for where in self.s3_listen),
            *(
                Listener(where, Role(speaks_rest=False, flat_ref=ref))
                for where, ref in self.flat_s3
            ),
        )
