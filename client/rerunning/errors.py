"""How doing a run again fails: each error is one line with the way out."""

from __future__ import annotations

from ..errors import ClientError


class RerunError(ClientError):
    """A run cannot be done again, or what came of it cannot be compared."""
