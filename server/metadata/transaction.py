"""What an action gets: one consistent state to read, or one transaction to write."""

from __future__ import annotations

from typing import NoReturn, cast

from .auth import AuthReads, AuthWrites
from .chunks import ChunkReads, ChunkWrites
from .database import Session
from .graph import GraphReads
from .idempotency import IdempotencyWrites
from .model_writes import ModelWrites
from .models import ModelReads
from .purge import purge_some
from .ref_writes import RefWrites
from .refs import RefReads
from .run_reads import RunReads
from .run_writes import RunWrites
from .staging import StagingReads, StagingWrites
from .uploads import UploadReads, UploadWrites
from .verifying import VerifyReads


class _Over:
    """Stands for the session of a transaction that is over."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError("the transaction is over: its action has returned")


_OVER = cast("Session", _Over())


class SqlSnapshot(
    RefReads,
    StagingReads,
    ChunkReads,
    UploadReads,
    RunReads,
    GraphReads,
    ModelReads,
    VerifyReads,
    AuthReads,
):
    """`Snapshot` on a connection that holds a read transaction open."""

    def __init__(self, session: Session) -> None:
        """Read through `session`."""
        self._session = session


class SqlTransaction(
    RefWrites,
    StagingWrites,
    ChunkWrites,
    UploadWrites,
    RunWrites,
    ModelWrites,
    IdempotencyWrites,
    AuthWrites,
):
    """`WriteTransaction` on the connection of the writer."""

    def __init__(self, session: Session) -> None:
        """Write through `session`, between `begin` and `end`."""
        self._open_session = session
        self._session = _OVER

    def begin(self) -> None:
        """Let an action write."""
        self._session = self._open_session

    def end(self) -> None:
        """Refuse what a leaked reference to us tries outside of its action."""
        self._session = _OVER

    async def purge_some(self, *, now_ms: int) -> int:
        """Remove some rows that deletes left behind; return how many (`purge.py`)."""
        return purge_some(self._session, now_ms=now_ms)
