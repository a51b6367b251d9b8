"""Operations that happen once, however often their request is sent (P10).

A client that lost an answer sends its request again, with the same idempotency key. The
key is recorded in the transaction of the effect, so there is never the one without the
other. What is recorded is the commit that the operation came to: every answer follows
from it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from ..errors import IdempotencyKeyReusedError, LakeError
from ..ids import CommitId
from .contracts import Outcome, WriteTransaction
from .engine import Engine


class DoneBeforeError(Exception):
    """The transaction must not happen: another one of the same key did."""


class Claim(Protocol):
    """Notes in the transaction of a commit that it was made, or that it must not be."""

    async def claim(
        self, tx: WriteTransaction, commit_id: CommitId, *, now_ms: int
    ) -> None:
        """Note `commit_id`.

        Raises:
            DoneBeforeError: it was done before; the transaction undoes itself.
        """
        ...


@dataclass(frozen=True, slots=True)
class Once:
    """The key of a request."""

    scope: str
    """Whose key it is: the user's name."""
    key: str
    request_digest: bytes
    """Hash of what is asked: the same key with another request is an error."""

    async def claim(
        self, tx: WriteTransaction, commit_id: CommitId, *, now_ms: int
    ) -> None:
        """Record, in the transaction of the effect, that it came to `commit_id`.

        Raises:
            DoneBeforeError: the key is taken; the transaction undoes itself.
        """
        if await tx.find_outcome(self.scope, self.key) is not None:
            raise DoneBeforeError
        await tx.record_outcome(
            self.scope, self.key, Outcome(self.request_digest, commit_id), now_ms=now_ms
        )


async def run_once(
    engine: Engine, once: Once | None, operation: Callable[[], Awaitable[CommitId]]
) -> CommitId:
    """Return what `operation` comes to, or came to when it was done under this key.

    `operation` must claim `once` in its transaction. Of several that run at the same
    time one does it, and all return its commit.

    Raises:
        IdempotencyKeyReusedError: another request was done under this key.
        and what `operation` raises.
    """
    if once is None:
        return await operation()
    done = await _find(engine, once)
    if done is not None:
        return done
    try:
        return await operation()
    except (DoneBeforeError, LakeError):
        # The same request, at the same time, was faster: for us there is nothing left
        # to commit, or the name is taken.
        done = await _find(engine, once)
        if done is None:
            raise
        return done


async def _find(engine: Engine, once: Once) -> CommitId | None:
    outcome = await engine.metadata.write(
        lambda tx: tx.find_outcome(once.scope, once.key)
    )
    if outcome is None:
        return None
    if outcome.request_digest != once.request_digest:
        raise IdempotencyKeyReusedError(once.key)
    return CommitId(outcome.response)
