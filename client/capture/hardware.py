"""The machine that a run works on."""

from __future__ import annotations

from ..wire.runs import Hardware
from .captured import Captured


def capture_hardware() -> Captured[Hardware]:
    """Return the processor, memory and graphics processors of this machine."""
    raise NotImplementedError
