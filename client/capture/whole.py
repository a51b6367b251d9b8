"""All parts of the record at once, which is how little of the time is waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .captured import DEFAULT_LIMITS, CapturedRun, Limits


def capture_run(
    directory: Path,
    argv: Sequence[str],
    *,
    config_files: Sequence[Path] = (),
    options: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    in_process: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> CapturedRun:
    """Return all that is recorded of a command before it begins.

    Never raises for what cannot be had: that is in `missing`. Secrets are masked.

    Args:
        directory: where the command runs.
        argv: the command; of a run from Python, `sys.orig_argv`.
        config_files: relative to `directory`, or absolute.
        options: of `lakebed run` itself.
        environ: what the command will have in its environment; None: what we have.
        in_process: the command is this very process.
    """
    raise NotImplementedError
