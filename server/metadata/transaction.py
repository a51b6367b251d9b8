"""What an action gets: one consistent state to read, or one transaction to write."""

from __future__ import annotations

from .auth import AuthReads, AuthWrites
from .chunks import ChunkReads, ChunkWrites
from .database import Session
from .idempotency import IdempotencyWrites
from .purge import purge_some
from .refs import RefReads, RefWrites
from .staging import StagingReads, StagingWrites


class SqlSnapshot(RefReads, StagingReads, ChunkReads, AuthReads):
    """`Snapshot` on a connection that holds a read transaction open."""

    def __init__(self, session: Session) -> None:
        """Read through `session`."""
        self._session = session


class SqlTransaction(
    RefWrites, StagingWrites, ChunkWrites, IdempotencyWrites, AuthWrites
):
    """`WriteTransaction` on the connection of the writer."""

    def __init__(self, session: Session) -> None:
        """Write through `session`."""
        self._session = session

    async def purge_some(self, *, now_ms: int) -> int:
        """Remove some rows that deletes left behind; return how many (`purge.py`)."""
        return purge_some(self._session, now_ms=now_ms)
