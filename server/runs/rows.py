"""Rows of runs: what is kept of one, and of what it read and wrote."""

from __future__ import annotations

from enum import Enum

from lakebed.client.wire.runs import ParamValue
from msgspec import Struct

from ..ids import CommitId
from .points import Summary
from .statuses import How, Status


class RunRow(Struct, frozen=True, gc=False):
    """A run as it is kept, but for what has rows of its own."""

    id: int
    name: str
    """32 hex digits: what people call it by."""
    repository_id: int
    repository: str
    experiment: str
    status: Status
    user_id: int
    """0: the owner of a directory."""
    user: str
    host: str
    command: str
    parent: str | None
    """Name of the run that it is a part of."""
    rerun_of: str | None
    started_ms: int
    heard_ms: int
    lost_after_s: int
    ended_ms: int | None
    """Set before the record: its end was asked for, and nothing is added any more."""
    exit_code: int | None
    grade: str | None
    log_sequence: int
    """The newest move of any ref at its start: what branches are read at."""
    log_bytes: int
    """Of its log, so far."""
    record: bytes | None
    """Id of its record; None while it goes on."""

    @property
    def is_sealed(self) -> bool:
        """Whether it has ended."""
        return self.record is not None

    @property
    def takes_more(self) -> bool:
        """Whether it goes on, and nobody has asked for its end."""
        return self.record is None and self.ended_ms is None


class NewRun(Struct, frozen=True, kw_only=True):
    """A run that begins."""

    name: str
    repository_id: int
    experiment: str
    user_id: int
    user: str
    host: str
    command: str
    parent_id: int | None
    rerun_of_id: int | None
    started_ms: int
    heard_ms: int
    lost_after_s: int
    draft: bytes
    log_sequence: int | None = None
    """What branches are read at; None: at what they are now."""


class Param(Struct, frozen=True, gc=False):
    """A parameter of a run."""

    run_id: int
    name: str
    value: ParamValue


class MetricRow(Struct, frozen=True, gc=False):
    """A metric in short."""

    run_id: int
    name: str
    summary: Summary


class Artifact(Struct, frozen=True, gc=False):
    """An object, or all below a prefix, with one content."""

    repository_id: int
    path: bytes
    is_prefix: bool
    identity: bytes
    """Blob id of a file, content id of what lies below a prefix."""
    size_bytes: int


class EdgeRow(Struct, frozen=True, gc=False):
    """What a run read, or wrote."""

    run_id: int
    artifact: Artifact
    repository: str
    """Name of the artifact's repository; `#ID` if it was deleted."""
    commit: CommitId
    ref: str
    """As it was written; of an output the branch."""
    how: How
    local: str | None


class FileRow(Struct, frozen=True, gc=False):
    """Bytes kept with a run."""

    name: str
    blob_id: bytes
    size_bytes: int


class WorkBranchRow(Struct, frozen=True, gc=False):
    """A hidden branch on which a run prepares what it will publish."""

    repository_id: int
    repository: str
    branch: str
    """Where it will be published."""
    work_branch_id: int
    work_branch: str | None
    """Its name; None: it was deleted."""
    base: CommitId
    """Where it began."""
    published: CommitId | None
    """What it became; None: nothing yet."""


class VerdictRow(Struct, frozen=True, gc=False):
    """What comparing a re-run with the first run came to."""

    rerun: str
    """Its name."""
    is_identical: bool
    compared: int
    differences: bytes
    """JSON."""
    user: str
    at_ms: int


class RunScope(Struct, frozen=True, gc=False):
    """As which run somebody asks, whose key belongs to one."""

    run_id: int
    name: str
    log_sequence: int
    """What branches are read at."""
    is_sealed: bool
    """It has ended: its key does nothing any more."""
    is_ending: bool
    """Its end was asked for: nothing but asking again is left to do."""


class Compare(Enum):
    """How a metric is compared in a filter."""

    BELOW = "<"
    AT_MOST = "<="
    EQUAL = "="
    AT_LEAST = ">="
    ABOVE = ">"


class ParamFilter(Struct, frozen=True):
    """Runs with a parameter of that value, be it a number or a text."""

    name: str
    value: str


class MetricFilter(Struct, frozen=True):
    """Runs whose last value of a metric compares so."""

    name: str
    compare: Compare
    value: float


class RunFilter(Struct, frozen=True, kw_only=True):
    """Which runs a list shows; all conditions hold."""

    repository_ids: tuple[int, ...] | None = None
    """None: of all repositories."""
    experiment: str | None = None
    status: Status | None = None
    user: str | None = None
    params: tuple[ParamFilter, ...] = ()
    metrics: tuple[MetricFilter, ...] = ()
    parent: int | None = None
    rerun_of: int | None = None
