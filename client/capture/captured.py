"""What capturing gives: a part of the record, the files to keep with it, and what is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from ..wire import (
    Code,
    Configuration,
    Environment,
    Hardware,
    Missing,
    ParamValue,
)

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class FileToKeep:
    """A file that belongs to a run, under the name that its part of the record gives it."""

    name: str
    content: bytes

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a file to keep must have a name")


@dataclass(frozen=True, slots=True)
class Captured(Generic[P]):
    """One part of the record of a run."""

    part: P
    files: tuple[FileToKeep, ...] = ()
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True)
class CapturedRun:
    """All that is recorded before a run begins.

    `msgspec.to_builtins(captured.code)` is the part as `RunCreation` takes it.
    """

    code: Code
    configuration: Configuration
    environment: Environment
    hardware: Hardware
    params: dict[str, ParamValue]
    """Flattened from the configuration files."""
    files: tuple[FileToKeep, ...]
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept with a run, and how long capturing may take."""

    diff_bytes_max: int = 64 << 20
    """Of the diff of tracked files. A larger one is of data, not of code."""
    diff_file_bytes_max: int = 16 << 20
    """Of one changed tracked file."""
    untracked_file_bytes_max: int = 4 << 20
    """Of one untracked file: a script has 10 kB, a checkpoint 100 MB."""
    untracked_bytes_max: int = 64 << 20
    """Of all untracked files together."""
    untracked_files_max: int = 2000
    """More than that is an output folder that nobody ignored."""
    config_bytes_max: int = 4 << 20
    lock_bytes_max: int = 32 << 20
    """The largest lock files that are known have 10 MB."""
    bundle_bytes_max: int = 64 << 20
    """Of the commits that no remote has."""
    pack_objects_max: int = 3000
    """Of a commit without any remote: 35 us of processor each, at each run; who has more
    has a remote."""
    submodules_max: int = 100
    """Each is asked three times."""
    git_timeout_s: float = 30.0
    """For one call of git: on a cold network disk `status` may take seconds."""


DEFAULT_LIMITS = Limits()
