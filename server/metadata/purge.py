"""Removes, in batches, the rows that deletes left behind.

Deleting a repository takes away its name, deleting a branch its row, and from then on
nothing finds what hung on them, because ids are never used twice. The rows themselves
may be millions, and removing them at once would hold the write lock for seconds; so the
delete notes them in `purge`, and they go bit by bit, in whichever process gets to it. A
stop in between leaves the note, and the next one goes on.
"""

from __future__ import annotations

from .database import Session
from .run_writes import delete_run
from .uploads import end_uploads_of, purge_ended

ROWS_AT_ONCE = 2000
"""Rows removed in one transaction: a few milliseconds of the write lock. At half the
commits cost more than the deletes; at double other writers notice."""

RUNS_AT_ONCE = 20
"""Runs removed in one transaction: each has some 100 rows, and at most 20,000."""


def purge_some(session: Session, *, now_ms: int) -> int:
    """Remove about `ROWS_AT_ONCE` rows; return how many, 0 when nothing is left.

    Runs in a write transaction.
    """
    note = session.row(
        "SELECT sequence, what, target_id FROM purge ORDER BY sequence LIMIT 1"
    )
    if note is None:
        return purge_ended(session) or _end_leases(session, now_ms)
    sequence, what, target_id = note
    if what == "branch":
        removed = _remove(session, "staged", "branch_id", "path, epoch", target_id)
        if removed < ROWS_AT_ONCE:
            removed += end_uploads_of(session, target_id, limit=ROWS_AT_ONCE)
    else:
        removed = _purge_repository(session, target_id)
    if removed < ROWS_AT_ONCE:
        return removed + session.run(
            "DELETE FROM purge WHERE sequence = ?", (sequence,)
        )
    return removed


def _purge_repository(session: Session, repository_id: int) -> int:
    """Remove rows of a deleted repository; fewer than `ROWS_AT_ONCE` when it is gone."""
    with_more = (
        "SELECT id FROM ref WHERE repository_id = ? AND (staged_epoch > 0 OR EXISTS "
        "(SELECT 1 FROM upload WHERE branch_id = ref.id AND ended = 0)) LIMIT ?"
    )
    removed = 0
    for (run_id,) in session.rows(
        "SELECT id FROM run WHERE repository_id = ? LIMIT ?",
        (repository_id, RUNS_AT_ONCE),
    ):
        removed += ROWS_AT_ONCE // RUNS_AT_ONCE
        delete_run(session, run_id)
    if removed:
        return ROWS_AT_ONCE  # there may be more of them
    for (branch_id,) in session.rows(with_more, (repository_id, ROWS_AT_ONCE)):
        session.run(
            "INSERT INTO purge (what, target_id) VALUES ('branch', ?)", (branch_id,)
        )
        removed += session.run("DELETE FROM ref WHERE id = ?", (branch_id,))
    for table, key in (
        ("ref", "id"),
        ("ref_log", "sequence"),
        ("commit_record", "id"),
        ("commit_step", "generation, id"),
        ("repository_document", "name"),
    ):
        if removed < ROWS_AT_ONCE:
            removed += _remove(session, table, "repository_id", key, repository_id)
    if removed < ROWS_AT_ONCE:
        removed += session.run(
            "DELETE FROM repository WHERE id = ? AND name IS NULL", (repository_id,)
        )
    return removed


def _end_leases(session: Session, now_ms: int) -> int:
    """Remove a lease that has ended, with its items."""
    lease = session.row(
        "SELECT id FROM lease WHERE expires_at_ms < ? LIMIT 1", (now_ms,)
    )
    if lease is None:
        return 0
    removed = _remove(session, "lease_item", "lease_id", "kind, id", lease[0])
    if removed < ROWS_AT_ONCE:
        removed += session.run("DELETE FROM lease WHERE id = ?", (lease[0],))
    return removed


def _remove(session: Session, table: str, owner: str, key: str, owner_id: int) -> int:
    """Remove up to `ROWS_AT_ONCE` rows of `table` that belong to `owner_id`."""
    return session.run(
        f"DELETE FROM {table} WHERE ({owner}, {key}) IN "
        f"(SELECT {owner}, {key} FROM {table} WHERE {owner} = ? LIMIT {ROWS_AT_ONCE})",
        (owner_id,),
    )
