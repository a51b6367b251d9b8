"""What a command runs in: its Python, what is installed there, the system around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..wire.runs import Environment
from .captured import DEFAULT_LIMITS, Captured, Limits


def capture_environment(
    directory: Path,
    argv: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    in_process: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Captured[Environment]:
    """Return what `argv` will run in when it is started in `directory`.

    Args:
        environ: what the command will have in its environment; None: what we have.
        in_process: the command is this very process, which need not be found.
    """
    raise NotImplementedError
