"""What the interface is told about the server around it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Settings of the REST interface."""

    version: str
    """Of lakebed."""
    is_loopback_only: bool = False
    """Only programs on this machine can reach us, so that the first set-up needs no
    token: whoever could make it could read the data directory just as well."""
