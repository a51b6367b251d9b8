"""Secrets are masked before anything is recorded."""

from __future__ import annotations

from collections.abc import Sequence

MASK = "***"
"""What stands where a secret was."""


def mask_argv(argv: Sequence[str]) -> list[str]:
    """Return `argv` with its secrets masked."""
    raise NotImplementedError


def mask_text(text: str) -> str:
    """Return `text` with what has the shape of a secret masked (one log line, an error)."""
    raise NotImplementedError


def mask_url(url: str) -> str:
    """Return `url` without user, password and token."""
    raise NotImplementedError


def is_secret_name(name: str) -> bool:
    """Tell whether a value of this name (a key, an option, a variable) is a secret."""
    raise NotImplementedError
