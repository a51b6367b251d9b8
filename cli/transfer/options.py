"""What a copy was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

JOBS = 4
"""As many as `lakebed.client` takes, which is not imported before it is needed."""


@dataclass(slots=True)
class CopyReport:
    """What a copy did, for programs; a dry run counts what it would copy."""

    object_count: int = 0
    size_bytes: int = 0
    unchanged_count: int = 0
    kept_count: int = 0


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """What was asked for."""

    recursive: bool = False
    content_type: str | None = None
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    no_clobber: bool = False
    dry_run: bool = False
    jobs: int = JOBS
    """Requests at once."""
    into_folder: bool = False
    """The local end was written with a slash: it is a folder, made if it is not there."""
    is_quiet: bool = False
    """Tell nothing on standard output: a document follows."""
    report: CopyReport = field(default_factory=CopyReport)
