"""The environment of a run, made again, or compared with what is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..wire import Environment
from .code import ReadFile

Faithfulness = Literal["lock", "versions", "partly"]


@dataclass(frozen=True, slots=True)
class RecreatedEnvironment:
    """An environment that was made again."""

    python: Path
    """Its interpreter: what `argv[0]` was is replaced by it."""
    faithfulness: Faithfulness
    """`lock`: from a lock file, to the byte. `versions`: each distribution in its version.
    `partly`: `notes` say what is not as it was."""
    notes: tuple[str, ...] = ()


def recreate_environment(
    environment: Environment,
    read_file: ReadFile,
    into: Path,
    *,
    pip_options: Sequence[str] = (),
) -> RecreatedEnvironment:
    """Make `environment` again in the folder `into`, which is not there yet.

    Args:
        read_file: gives the content of a kept file of the run.
        pip_options: for uv and pip alike, as `--index-url URL` or `--find-links DIR`.

    Raises:
        RestoreError: there is no Python of its version, or something cannot be installed.
    """
    raise NotImplementedError


@dataclass(frozen=True, slots=True)
class EnvironmentDifference:
    """Something of an environment that is not as it was recorded."""

    name: str
    """Of a distribution; or `python`, `libc`, `image` ..."""
    recorded: str | None
    """None: it was not there."""
    current: str | None
    """None: it is not there."""


def check_environment(
    recorded: Environment, current: Environment
) -> list[EnvironmentDifference]:
    """Return what is different, system first, then distributions by name."""
    raise NotImplementedError
