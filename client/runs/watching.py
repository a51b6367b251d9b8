"""Whom to tell how far a transfer of a run is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Watched(Protocol):
    """What looks at one transfer."""

    def advance(self, size_bytes: int) -> None:
        """Count `size_bytes` more; from any thread."""
        ...

    def set_total(self, total_bytes: int) -> None:
        """Say how many bytes there are, once that is known."""
        ...


Watch = Callable[[str], AbstractContextManager[Watched]]
"""Called with the name of what is moved; the context ends when it is there."""
