"""What verifying a lake, and making its index anew, tell: lines of JSON while they run.

Each line is one event. The last one has the report; a stream without it was cut off.
"""

from __future__ import annotations

from .body import Body


class VerifyProgress(Body, frozen=True, kw_only=True):
    """How far a verification is."""

    packs_total: int
    packs: int
    pack_bytes: int
    pack_bytes_total: int
    fault_count: int


class FaultName(Body, frozen=True, kw_only=True):
    """What of a repository a fault concerns; what it does not name is empty."""

    repository: str
    ref: str
    path: str


class VerifyFault(Body, frozen=True, kw_only=True):
    """Something that is not as it was written."""

    what: str
    id: str
    reason: str
    pack: str | None
    offset: int | None
    names: list[FaultName]
    more_names: int


class VerifyReport(Body, frozen=True, kw_only=True):
    """What a verification looked at, and found."""

    is_sound: bool
    seed: int | None
    """Of the sample; None: everything was looked at."""
    packs_total: int
    packs: int
    pack_bytes: int
    frames: dict[str, int]
    rows: dict[str, int]
    faults: list[VerifyFault]
    more_faults: int
    notes: list[str]
    quarantined: int
    healed: int
    seconds: float
    cpu_seconds: float


class VerifyEvent(Body, frozen=True, kw_only=True):
    """A line of a verification."""

    progress: VerifyProgress | None = None
    report: VerifyReport | None = None


class LostCommit(Body, frozen=True, kw_only=True):
    """A commit that no repository has, and that is no parent of another such commit."""

    id: str
    creation_date: int
    committer: str
    message: str
    is_readable: bool
    """Whether the root of its tree is stored."""


class RebuildReport(Body, frozen=True, kw_only=True):
    """What became of the index, and which commits lie in packs without a repository."""

    is_new_database: bool
    packs: int
    packs_added: int
    packs_lost: int
    chunks_before: int
    chunks: int
    added: int
    kept: int
    lost: int
    damaged: int
    scanned: list[str]
    lost_commits: int
    lost_heads: list[LostCommit]
    recovered_repository: str | None
    recovered_commits: int
    recovered_branches: list[str]


class RebuildEvent(Body, frozen=True, kw_only=True):
    """A line of making the index anew."""

    packs: int | None = None
    """Packs that are read."""
    report: RebuildReport | None = None
