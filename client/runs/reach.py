"""Which run is meant, and how to reach it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RunAddress:
    """A run, and how to reach it."""

    server: str
    """An URL."""
    repository: str
    run: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
