"""Continuation tokens: where a listing goes on, and of which commit.

Opaque to clients: URL-safe base64 of a version byte, a commit id (32 bytes, or none)
and the last key. A listing of a ref expression is pinned to the commit of its first
page, so that its pages are of one state (P5).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from ..ids import DIGEST_BYTES, CommitId
from .errors import S3Error

_MOVING, _PINNED = b"\x01", b"\x02"
_CHARS_MAX = 4096
"""A key of 1,024 bytes behind a ref makes at most 3,100."""


@dataclass(frozen=True, slots=True)
class PageToken:
    """Where a listing goes on."""

    after: str
    """The last key or common prefix of the page before."""
    commit_id: CommitId | None = None
    """The commit that is being listed, if it is not to follow its branch."""

    def encode(self) -> str:
        """Return the token as clients carry it."""
        pinned = _MOVING if self.commit_id is None else _PINNED + self.commit_id
        return base64.urlsafe_b64encode(pinned + self.after.encode()).decode()

    @classmethod
    def decode(cls, text: str) -> PageToken:
        """Return the token that was encoded as `text`.

        Raises:
            S3Error: it never was.
        """
        try:
            if len(text) > _CHARS_MAX:
                raise ValueError
            data = base64.b64decode(text, altchars=b"-_", validate=True)
            if data[:1] == _MOVING:
                return cls(data[1:].decode())
            if data[:1] == _PINNED and len(data) > DIGEST_BYTES:
                stop = 1 + DIGEST_BYTES
                return cls(data[stop:].decode(), CommitId(data[1:stop]))
        except (ValueError, binascii.Error):
            pass
        raise S3Error(
            "InvalidArgument",
            "the continuation token provided is incorrect",
            ArgumentName="continuation-token",
        )
