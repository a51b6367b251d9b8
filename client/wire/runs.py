"""Bodies of `/runs`: what is recorded of an execution, and what is told of it.

The parts that a recorder fills (`code`, `configuration`, `environment`, `hardware`,
`seeds`) travel as JSON objects: a server keeps fields that it does not know, so that a
newer recorder loses nothing with an older server. `docs/format/run.md` lists their fields;
the shapes of `run_parts.py` are how they are read.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .body import Body, RequestBody

RunStatus = Literal["running", "succeeded", "failed", "interrupted", "lost"]
Grade = Literal["A", "B", "C", "D"]
How = Literal["declared", "observed"]
ArtifactKind = Literal["file", "prefix"]

ParamValue = bool | int | float | str | None
MetricValue = float | Literal["nan", "inf", "-inf"]
"""JSON has no word for the last three."""


class KeptFile(Body, frozen=True, kw_only=True):
    """Bytes kept with a run: a diff, a lock file, the log."""

    name: str
    blob_id: str
    size_bytes: int


class Missing(RequestBody, frozen=True, kw_only=True):
    """What could not be recorded, and why; so that it is never silently absent."""

    what: str
    """`code`, `code.diff`, `environment.lock` ...: the field that is not there."""
    reason: str


# Requests ----------------------------------------------------------------------------


class InputWish(RequestBody, frozen=True, kw_only=True):
    """An input that is declared: an object, or all below a prefix."""

    repository: str
    ref: str
    path: str
    """Empty or with a slash at the end: a prefix."""
    local: str | None = None
    """Where it is checked out to, as the user wrote it."""


class OutputWish(RequestBody, frozen=True, kw_only=True):
    """Where an output will go."""

    repository: str
    branch: str
    path: str
    """Empty or with a slash at the end: a prefix."""
    local: str | None = None


class RunCreation(RequestBody, frozen=True, kw_only=True):
    """A run begins."""

    experiment: str = ""
    parent: str | None = None
    rerun_of: str | None = None
    started_ms: int | None = None
    """By the clock of the recorder; None: now."""
    host: str = ""
    code: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    configuration: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    environment: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    hardware: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    seeds: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    params: dict[str, ParamValue] = msgspec.field(default_factory=dict[str, ParamValue])
    inputs: list[InputWish] = msgspec.field(default_factory=list[InputWish])
    outputs: list[OutputWish] = msgspec.field(default_factory=list[OutputWish])
    lost_after_s: int = 300
    """The run counts as lost when nothing was heard of it for so long."""


class MetricPoints(RequestBody, frozen=True, kw_only=True):
    """Points of one metric, in columns of one length."""

    name: str
    values: list[MetricValue]
    steps: list[int]
    times_ms: list[int]


class RunBatch(RequestBody, frozen=True, kw_only=True):
    """What is added to a run that goes on. An empty one says that it still does.

    A batch is taken once: one whose `sequence` is not above the last one of its `writer`
    is answered like the first time, and adds nothing.
    """

    writer: str
    """Names the process that writes; random."""
    sequence: int
    """1, 2, 3 ... within the writer."""
    params: dict[str, ParamValue] = msgspec.field(default_factory=dict[str, ParamValue])
    metrics: list[MetricPoints] = msgspec.field(default_factory=list[MetricPoints])
    log: str = ""
    """What came on stdout and stderr since the last batch."""
    inputs: list[InputWish] = msgspec.field(default_factory=list[InputWish])
    outputs: list[OutputWish] = msgspec.field(default_factory=list[OutputWish])
    code: dict[str, Any] | None = None
    """Replaces the part; so do those below."""
    configuration: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    hardware: dict[str, Any] | None = None
    seeds: dict[str, Any] | None = None
    missing: list[Missing] = msgspec.field(default_factory=list[Missing])


class RunEnd(RequestBody, frozen=True, kw_only=True):
    """A run ends, is sealed, and its outputs are published if it succeeded."""

    status: Literal["succeeded", "failed", "interrupted"]
    exit_code: int | None = None
    ended_ms: int | None = None
    message: str = ""
    """Of the commits that publish outputs; empty: one that names the run."""
    missing: list[Missing] = msgspec.field(default_factory=list[Missing])


NOT_PUBLISHED = "not published: "
"""How the reason begins of outputs that are not there, whoever recorded it."""

INPUTS_CHANGED = "inputs.changed"
"""The gap that names inputs whose files changed while the run used them."""

UNLISTED = "..."
"""The path of a difference that stands for what no record lists, and nobody compared."""


class Difference(RequestBody, frozen=True, kw_only=True):
    """An output, or a metric, that did not come out as the first time."""

    path: str
    within: str = ""
    """The prefix that was compared as one output, if `path` is a file below such a one."""
    kind: Literal["changed", "missing", "added", "metric"]
    first_byte: int | None = None
    """Where the bytes differ first."""
    detail: str = ""
    """By how much, for a person: of numbers, the largest difference."""
    is_within_tolerance: bool = False


class VerdictCreation(RequestBody, frozen=True, kw_only=True):
    """What comparing a re-run with its first run came to."""

    rerun: str
    is_identical: bool
    compared: int
    """Outputs of the first run that were compared, and what it deleted. What the second run
    has beside them is `added`, and none of these."""
    differences: list[Difference] = msgspec.field(default_factory=list[Difference])


# Answers -----------------------------------------------------------------------------


class Verdict(Body, frozen=True, kw_only=True):
    """What a re-run came to, kept with the run that it did again."""

    rerun: str
    is_identical: bool
    compared: int
    differences: list[Difference]
    user: str
    at_ms: int


class RunInput(Body, frozen=True, kw_only=True):
    """What a run read, or was declared to."""

    repository: str
    ref: str
    """As it was written."""
    commit: str
    """What it meant."""
    path: str
    kind: ArtifactKind
    identity: str
    """Blob id of a file, content id of what lies below a prefix."""
    size_bytes: int
    how: How
    local: str | None = None


class RunOutput(Body, frozen=True, kw_only=True):
    """What a run published; before the end: where it will."""

    repository: str
    branch: str
    path: str
    kind: ArtifactKind
    commit: str | None = None
    identity: str | None = None
    size_bytes: int | None = None
    how: How = "declared"
    local: str | None = None


class RunDeletion(Body, frozen=True, kw_only=True):
    """What was there when a run began, and is not where it published."""

    repository: str
    branch: str
    path: str
    commit: str
    """What the run published: the first one without it."""


class MetricSummary(Body, frozen=True, kw_only=True):
    """A metric in short."""

    name: str
    last: MetricValue
    last_step: int
    min: MetricValue
    max: MetricValue
    count: int


class Reason(Body, frozen=True, kw_only=True):
    """Why a grade is not better."""

    grade: Grade
    """The best grade that this leaves."""
    what: str
    """The field that it is about, as in `Missing`."""
    text: str
    """For a person: what is missing, and how to have it next time."""


class WorkBranch(Body, frozen=True, kw_only=True):
    """A hidden branch on which a run prepares what it will publish."""

    repository: str
    branch: str
    """Where it will be published."""
    work_branch: str


class RunSummary(Body, frozen=True, kw_only=True):
    """A run in a list."""

    id: str
    repository: str
    experiment: str
    status: RunStatus
    user: str
    host: str
    started_ms: int
    ended_ms: int | None
    exit_code: int | None
    grade: Grade | None
    command: str
    """The arguments in one line, cut to 200 characters."""
    rerun_of: str | None
    params: dict[str, ParamValue]
    metrics: dict[str, MetricValue]
    """The last value of each."""


class Run(Body, frozen=True, kw_only=True):
    """All that is known of a run."""

    id: str
    repository: str
    experiment: str
    status: RunStatus
    user: str
    host: str
    started_ms: int
    heard_ms: int
    """When it was heard of last."""
    ended_ms: int | None
    exit_code: int | None
    parent: str | None
    rerun_of: str | None
    record: str | None
    """Id of the sealed record; None while the run goes on."""
    grade: Grade | None
    """None while the run goes on."""
    reasons: list[Reason]
    code: dict[str, Any]
    configuration: dict[str, Any]
    environment: dict[str, Any]
    hardware: dict[str, Any]
    seeds: dict[str, Any]
    params: dict[str, ParamValue]
    metrics: list[MetricSummary]
    inputs: list[RunInput]
    outputs: list[RunOutput]
    files: list[KeptFile]
    deleted: list[RunDeletion] = msgspec.field(default_factory=list[RunDeletion])
    """What it deleted, as far as it was there when it began; nothing before the end."""
    missing: list[Missing]
    verdicts: list[Verdict]
    work_branches: list[WorkBranch]
    """What is prepared and not published: of a run that goes on, or that failed to."""

    def __repr__(self) -> str:
        # All that is known of it would fill the screen.
        name = f" of '{self.experiment}'" if self.experiment else ""
        grade = f", grade {self.grade}" if self.grade else ""
        return f"<run {self.id[:12]}{name}: {self.status}{grade}>"

    def _repr_html_(self) -> str:
        from ..tables import facts

        rows = [
            ("id", self.id),
            ("repository", self.repository),
            ("status", self.status),
            *([("experiment", self.experiment)] if self.experiment else []),
            *([("grade", self.grade)] if self.grade else []),
        ]
        return facts("run", rows)


class RunStart(Body, frozen=True, kw_only=True):
    """A run that has begun, and the key that belongs to it."""

    run: Run
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"RunStart(run={self.run!r}, access_key_id={self.access_key_id!r})"


class BatchTaken(Body, frozen=True, kw_only=True):
    """How far a writer's batches were taken."""

    sequence: int
