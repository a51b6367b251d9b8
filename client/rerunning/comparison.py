"""What is different between two runs: the document of `lakebed compare --json`.

The sides are called left and right, as those of a diff. Lists name what differs; what is
the same is counted.
"""

from __future__ import annotations

from typing import Literal

from ..wire import ArtifactKind, How, MetricValue, ParamValue
from ..wire.body import Body

ChangeKind = Literal["added", "removed", "changed"]
"""Seen from the left."""


class ParamChange(Body, frozen=True, kw_only=True):
    """A parameter that differs."""

    name: str
    kind: ChangeKind
    left: ParamValue
    right: ParamValue


class MetricPair(Body, frozen=True, kw_only=True):
    """The last value of a metric on both sides, whether it differs or not."""

    name: str
    left: MetricValue | None
    """None: there is no such metric."""
    right: MetricValue | None
    difference: float | None
    """Right minus left; None where that is no number."""


class FileChange(Body, frozen=True, kw_only=True):
    """A file of the code that differs between the commits."""

    path: str
    kind: ChangeKind


class CodeComparison(Body, frozen=True, kw_only=True):
    """The code of both."""

    left: str | None
    """The commit; None: there is none."""
    right: str | None
    left_remote: str | None
    right_remote: str | None
    left_argv: list[str]
    right_argv: list[str]
    has_other_changes: bool
    """Whether what was not committed differs, as far as it was kept."""
    files: list[FileChange] | None
    """None: no clone here has both commits, so that only the commits are known."""


class InputComparison(Body, frozen=True, kw_only=True):
    """An input, paired by repository and path."""

    repository: str
    path: str
    artifact: ArtifactKind
    how: How
    kind: Literal["same", "added", "removed", "changed"]
    left_commit: str | None
    right_commit: str | None
    files_added: int = 0
    files_removed: int = 0
    files_changed: int = 0
    bytes_added: int = 0
    bytes_removed: int = 0
    """Of files that were changed, the bytes before count here, those after above."""
    problem: str | None = None
    """Why the files could not be counted."""
    is_complete: bool = True
    """False: there are more than were counted."""


class PackageChange(Body, frozen=True, kw_only=True):
    """A distribution, or something of the system, that differs."""

    name: str
    left: str | None
    """None: it is not there."""
    right: str | None


class Comparison(Body, frozen=True, kw_only=True):
    """Two runs."""

    left: str
    """Id of the run."""
    right: str
    params: list[ParamChange]
    same_params: int
    metrics: list[MetricPair]
    code: CodeComparison | None
    """None: one side has no record of its code."""
    inputs: list[InputComparison]
    environment: list[PackageChange] | None
    """None: one side has no record of its environment."""
    seeds: list[ParamChange]
