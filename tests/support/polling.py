"""Wait for what another process does, with a limit."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

LIMIT_S = 60.0


def until(holds: Callable[[], bool], *, limit_s: float = LIMIT_S) -> None:
    """Return as soon as `holds()`.

    Raises:
        AssertionError: it does not come to that.
    """
    end_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end_s, "it never came to that"
        select.select([], [], [], 0.01)
