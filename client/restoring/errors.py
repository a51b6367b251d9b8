"""How restoring fails: each error is one line with the way out."""

from __future__ import annotations

from ..errors import ClientError


class RestoreError(ClientError):
    """The code or the environment of a run cannot be made again."""
