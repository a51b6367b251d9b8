"""Outcomes of requests that carry an idempotency key (P10)."""

from __future__ import annotations

from ..repository.contracts import Outcome
from .database import Session

KEPT_MS = 24 * 60 * 60 * 1000
"""How long an outcome is remembered: a day, as the interface promises."""

_DROPPED_AT_ONCE = 16
"""Old outcomes removed with each new one: more than one, so that they never pile up, and
few, so that no request pays for all of yesterday."""


class IdempotencyWrites:
    """`IdempotencyTransaction` inside a write transaction."""

    _session: Session

    async def find_outcome(self, scope: str, key: str) -> Outcome | None:
        """See `IdempotencyTransaction.find_outcome`."""
        row = self._session.row(
            "SELECT request_digest, response FROM idempotency "
            "WHERE scope = ? AND key = ?",
            (scope, key),
        )
        return None if row is None else Outcome(row[0], row[1])

    async def record_outcome(
        self, scope: str, key: str, outcome: Outcome, *, now_ms: int
    ) -> None:
        """See `IdempotencyTransaction.record_outcome`."""
        self._session.run(
            "DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key "
            "FROM idempotency WHERE created_ms < ? ORDER BY created_ms LIMIT ?)",
            (now_ms - KEPT_MS, _DROPPED_AT_ONCE),
        )
        self._session.run(
            "INSERT OR REPLACE INTO idempotency "
            "(scope, key, request_digest, response, created_ms) VALUES (?, ?, ?, ?, ?)",
            (scope, key, outcome.request_digest, outcome.response, now_ms),
        )
