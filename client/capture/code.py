"""The code of a run: where it comes from, and what lay beside the commit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..wire.runs import Code
from .captured import DEFAULT_LIMITS, Captured, Limits


def capture_code(
    directory: Path, argv: Sequence[str], *, limits: Limits = DEFAULT_LIMITS
) -> Captured[Code]:
    """Return the code that `argv`, run in `directory`, would use.

    Writes nothing, neither into the work tree nor into Git's folder. Never raises for
    what cannot be had: that is in `missing`.
    """
    raise NotImplementedError
