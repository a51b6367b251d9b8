"""What a command was told beside its arguments: configuration files, and options of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..wire.runs import Configuration, ParamValue
from .captured import DEFAULT_LIMITS, Captured, Limits


def capture_configuration(
    directory: Path,
    files: Sequence[Path],
    *,
    options: Mapping[str, Any] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[Captured[Configuration], dict[str, ParamValue]]:
    """Return what the configuration `files` say, and their values as parameters.

    Secrets are masked in all of it.
    """
    raise NotImplementedError
