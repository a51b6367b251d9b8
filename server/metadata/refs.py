"""Reads repositories, refs, commits and the ref log: `refs/store.py` has the contract.

A deleted repository keeps its row, without a name, until its other rows are purged;
every statement that starts from an id asks for the name, so that nothing can be done to
a repository that is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from ..history.step import CommitStep
from ..ids import DIGEST_BYTES, CommitId
from ..refs.store import (
    Branch,
    CommitRow,
    Ref,
    RefKind,
    RefLogEntry,
    Repository,
    Tag,
)
from .database import Row, Session, blob_array

BRANCH, TAG = 0, 1
REF_KINDS: tuple[RefKind, RefKind] = ("branch", "tag")

REPOSITORY_COLUMNS = (
    "id, name, storage_namespace, default_branch, created_ms, read_only, protection"
)
_REF = (
    "ref.kind, ref.id, ref.repository_id, ref.name, ref.head, ref.epoch, ref.floor, "
    "ref.resets, ref.hidden, ref.created_ms"
)
_LIVE_REF = "FROM ref JOIN repository ON repository.id = ref.repository_id"
NAMED = "repository.name IS NOT NULL"
_LOG = "sequence, repository_id, ref, kind, at_ms, actor, action, old, new"

LAST_CHARACTER = "\U0010ffff"
"""Above every character of a name: ends the range of names with one prefix."""

_read_patterns = lru_cache(256)(msgspec.json.Decoder(tuple[str, ...]).decode)
"""Patterns of branches are read with each write, and hardly ever change."""

_IDS_PER_STATEMENT_MAX = 4096
"""Bounds what one statement binds: 128 KiB of ids."""


def repository_of(row: Row) -> Repository:
    """Return the repository in the columns `REPOSITORY_COLUMNS`."""
    protection = _read_patterns(row[6]) if row[6] else ()
    return Repository(row[0], row[1], row[2], row[3], row[4], bool(row[5]), protection)


def ref_of(row: Row) -> Ref:
    """Return the branch or tag in the columns `_REF`."""
    if row[0] == BRANCH:
        return branch_of(row)
    return Tag(row[2], row[3], row[4], row[9])


def branch_of(row: Row) -> Branch:
    """Return the branch in the columns `_REF`."""
    return Branch(
        row[1], row[2], row[3], row[4], row[5], row[6], row[7], bool(row[8]), row[9]
    )


_STEP = "id, generation, parents, created_ms, traces"
"""In the order of the fields of `CommitStep`."""


class RefReads:
    """`RefReader` on one connection."""

    _session: Session

    async def find_repository(self, name: str) -> Repository | None:
        """See `RefReader.find_repository`."""
        row = self._session.row(
            f"SELECT {REPOSITORY_COLUMNS} FROM repository WHERE name = ?", (name,)
        )
        return None if row is None else repository_of(row)

    async def find_document(self, repository_id: int, name: str) -> bytes | None:
        """See `RefReader.find_document`."""
        row = self._session.row(
            "SELECT document FROM repository_document "
            "WHERE repository_id = ? AND name = ?",
            (repository_id, name),
        )
        return None if row is None else row[0]

    async def list_repositories(
        self, *, prefix: str, after: str, limit: int
    ) -> list[Repository]:
        """See `RefReader.list_repositories`."""
        rows = self._session.rows(
            f"SELECT {REPOSITORY_COLUMNS} FROM repository "
            f"WHERE name {compare_above(prefix, after)} AND name < ? ORDER BY name LIMIT ?",
            (max(prefix, after), prefix + LAST_CHARACTER, limit),
        )
        return [repository_of(row) for row in rows]

    async def find_ref(self, repository_id: int, name: str) -> Ref | None:
        """See `RefReader.find_ref`."""
        row = self._session.row(
            f"SELECT {_REF} {_LIVE_REF} "
            f"WHERE ref.repository_id = ? AND ref.name = ? AND {NAMED}",
            (repository_id, name),
        )
        return None if row is None else ref_of(row)

    async def find_branch(self, branch_id: int) -> Branch | None:
        """See `RefReader.find_branch`."""
        row = self._session.row(
            f"SELECT {_REF} {_LIVE_REF} "
            f"WHERE ref.id = ? AND ref.kind = {BRANCH} AND {NAMED}",
            (branch_id,),
        )
        return None if row is None else branch_of(row)

    async def list_branches(
        self, repository_id: int, *, prefix: str, after: str, limit: int, hidden: bool
    ) -> list[Branch]:
        """See `RefReader.list_branches`."""
        rows = self._list_refs(repository_id, BRANCH, prefix, after, limit, hidden)
        return [branch_of(row) for row in rows]

    async def list_tags(
        self, repository_id: int, *, prefix: str, after: str, limit: int
    ) -> list[Tag]:
        """See `RefReader.list_tags`."""
        rows = self._list_refs(repository_id, TAG, prefix, after, limit, True)
        return [Tag(row[2], row[3], row[4], row[9]) for row in rows]

    def _list_refs(
        self,
        repository_id: int,
        kind: int,
        prefix: str,
        after: str,
        limit: int,
        hidden: bool,
    ) -> list[Row]:
        return self._session.rows(
            f"SELECT {_REF} {_LIVE_REF} "
            "WHERE ref.repository_id = ? AND ref.kind = ? "
            f"AND ref.name {compare_above(prefix, after)} AND ref.name < ? "
            f"AND ref.hidden <= ? AND {NAMED} ORDER BY ref.name LIMIT ?",
            (
                repository_id,
                kind,
                max(prefix, after),
                prefix + LAST_CHARACTER,
                hidden,
                limit,
            ),
        )

    async def find_commits(
        self, repository_id: int, ids: Sequence[CommitId]
    ) -> list[CommitRow | None]:
        """See `RefReader.find_commits`."""
        rows: list[Row] = []
        if len(ids) == 1:  # most walks ask for one
            rows = self._session.rows(
                "SELECT id, record, expired FROM commit_record "
                "WHERE repository_id = ? AND id = ?",
                (repository_id, ids[0]),
            )
        else:
            for at in range(0, len(ids), _IDS_PER_STATEMENT_MAX):
                some = tuple(ids[at : at + _IDS_PER_STATEMENT_MAX])
                rows += self._session.rows(
                    "SELECT id, record, expired FROM commit_record "
                    "WHERE repository_id = ? AND id IN carray(?)",
                    (repository_id, blob_array(some)),
                )
        found = {row[0]: CommitRow(row[0], row[1], bool(row[2])) for row in rows}
        return [found.get(commit_id) for commit_id in ids]

    async def find_commit_ids(
        self, repository_id: int, hex_prefix: str, *, limit: int
    ) -> list[CommitId]:
        """See `RefReader.find_commit_ids`."""
        digits = 2 * DIGEST_BYTES
        rows = self._session.rows(
            "SELECT id FROM commit_record "
            "WHERE repository_id = ? AND id BETWEEN ? AND ? ORDER BY id LIMIT ?",
            (
                repository_id,
                bytes.fromhex(hex_prefix.ljust(digits, "0")),
                bytes.fromhex(hex_prefix.ljust(digits, "f")),
                limit,
            ),
        )
        return [row[0] for row in rows]

    async def scan_steps(
        self,
        repository_id: int,
        *,
        generation: int,
        after: CommitId | None,
        limit: int,
    ) -> list[CommitStep]:
        """See `RefReader.scan_steps`."""
        rows: list[Row] = []
        if after is not None:
            rows = self._session.rows(
                f"SELECT {_STEP} FROM commit_step WHERE repository_id = ? "
                "AND generation = ? AND id > ? ORDER BY id LIMIT ?",
                (repository_id, generation, after, limit),
            )
            generation -= 1
        if len(rows) < limit:
            rows += self._session.rows(
                f"SELECT {_STEP} FROM commit_step WHERE repository_id = ? "
                "AND generation <= ? ORDER BY generation DESC, id LIMIT ?",
                (repository_id, generation, limit - len(rows)),
            )
        return [CommitStep(*row) for row in rows]

    async def list_ref_log(
        self, repository_id: int, ref: str, *, before: int | None, limit: int
    ) -> list[RefLogEntry]:
        """See `RefReader.list_ref_log`."""
        rows = self._session.rows(
            f"SELECT {_LOG} FROM ref_log INDEXED BY ref_log_by_sequence "
            "WHERE repository_id = ? AND ref = ? AND sequence < ? "
            "ORDER BY sequence DESC LIMIT ?",
            (repository_id, ref, 2**62 if before is None else before, limit),
        )
        return [_log_entry_of(row) for row in rows]

    async def find_ref_at(
        self, repository_id: int, ref: str, at_ms: int
    ) -> RefLogEntry | None:
        """See `RefReader.find_ref_at`."""
        row = self._session.row(
            f"SELECT {_LOG} FROM ref_log INDEXED BY ref_log_by_time "
            "WHERE repository_id = ? AND ref = ? AND at_ms <= ? "
            "ORDER BY at_ms DESC, sequence DESC LIMIT 1",
            (repository_id, ref, at_ms),
        )
        return None if row is None else _log_entry_of(row)


def record_step(session: Session, repository_id: int, step: CommitStep) -> None:
    """Put a commit into the order of walks; again is nothing."""
    session.run(
        f"INSERT INTO commit_step (repository_id, {_STEP}) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (
            repository_id,
            step.id,
            step.generation,
            step.parents,
            step.created_ms,
            step.traces,
        ),
    )


def compare_above(prefix: str, after: str) -> str:
    """Return how names compare with the greater of `prefix` and `after`."""
    return "> ?" if after >= prefix else ">= ?"


def _log_entry_of(row: Row) -> RefLogEntry:
    kind = REF_KINDS[int(row[3])]
    return RefLogEntry(
        row[0], row[1], row[2], kind, row[4], row[5], row[6], row[7], row[8]
    )
