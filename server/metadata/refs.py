"""Repositories, refs, commits and the ref log in SQL: `refs/store.py` keeps the contract.

A deleted repository keeps its row, without a name, until its other rows are purged;
every statement that starts from an id asks for the name, so that nothing can be done to
a repository that is gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import RefExistsError, RepositoryExistsError, RepositoryNotFoundError
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
from ..tree.lookup import after_prefix
from .database import Row, Session, blob_array

BRANCH, TAG = 0, 1
_KINDS: tuple[RefKind, RefKind] = ("branch", "tag")

_REPOSITORY = "id, name, storage_namespace, default_branch, created_ms, read_only"
_REF = (
    "ref.kind, ref.id, ref.repository_id, ref.name, ref.head, ref.epoch, ref.floor, "
    "ref.resets, ref.hidden, ref.created_ms"
)
_LIVE_REF = "FROM ref JOIN repository ON repository.id = ref.repository_id"
_NAMED = "repository.name IS NOT NULL"
_LOG = "sequence, repository_id, ref, kind, at_ms, actor, action, old, new"

_LAST_CHARACTER = "\U0010ffff"
"""Above every character of a name: ends the range of names with one prefix."""

_IDS_PER_STATEMENT_MAX = 4096
"""Bounds what one statement binds: 128 KiB of ids."""


def repository_of(row: Row) -> Repository:
    """Return the repository in the columns `_REPOSITORY`."""
    return Repository(row[0], row[1], row[2], row[3], row[4], bool(row[5]))


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


class RefReads:
    """`RefReader` on one connection."""

    _session: Session

    async def find_repository(self, name: str) -> Repository | None:
        """See `RefReader.find_repository`."""
        row = self._session.row(
            f"SELECT {_REPOSITORY} FROM repository WHERE name = ?", (name,)
        )
        return None if row is None else repository_of(row)

    async def list_repositories(
        self, *, prefix: str, after: str, limit: int
    ) -> list[Repository]:
        """See `RefReader.list_repositories`."""
        rows = self._session.rows(
            f"SELECT {_REPOSITORY} FROM repository "
            f"WHERE name {_above(prefix, after)} AND name < ? ORDER BY name LIMIT ?",
            (max(prefix, after), prefix + _LAST_CHARACTER, limit),
        )
        return [repository_of(row) for row in rows]

    async def find_ref(self, repository_id: int, name: str) -> Ref | None:
        """See `RefReader.find_ref`."""
        row = self._session.row(
            f"SELECT {_REF} {_LIVE_REF} "
            f"WHERE ref.repository_id = ? AND ref.name = ? AND {_NAMED}",
            (repository_id, name),
        )
        return None if row is None else ref_of(row)

    async def find_branch(self, branch_id: int) -> Branch | None:
        """See `RefReader.find_branch`."""
        row = self._session.row(
            f"SELECT {_REF} {_LIVE_REF} "
            f"WHERE ref.id = ? AND ref.kind = {BRANCH} AND {_NAMED}",
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
            f"AND ref.name {_above(prefix, after)} AND ref.name < ? "
            f"AND ref.hidden <= ? AND {_NAMED} ORDER BY ref.name LIMIT ?",
            (
                repository_id,
                kind,
                max(prefix, after),
                prefix + _LAST_CHARACTER,
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


class RefWrites(RefReads):
    """`RefTransaction` inside a write transaction, which holds the lock of all rows."""

    async def create_repository(
        self,
        *,
        name: str,
        storage_namespace: str,
        default_branch: str,
        read_only: bool,
        created_ms: int,
    ) -> Repository:
        """See `RefTransaction.create_repository`."""
        row = self._session.row(
            "INSERT INTO repository "
            "(name, storage_namespace, default_branch, read_only, created_ms) "
            "VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING "
            f"RETURNING {_REPOSITORY}",
            (name, storage_namespace, default_branch, read_only, created_ms),
        )
        if row is None:
            raise RepositoryExistsError(name)
        return repository_of(row)

    async def delete_repository(self, repository_id: int) -> None:
        """See `RefTransaction.delete_repository`; `purge.py` removes the rows."""
        if self._session.run(
            "UPDATE repository SET name = NULL WHERE id = ? AND name IS NOT NULL",
            (repository_id,),
        ):
            self._session.run(
                "INSERT INTO purge (what, target_id) VALUES ('repository', ?)",
                (repository_id,),
            )

    async def record_commit(self, repository_id: int, commit: CommitRow) -> None:
        """See `RefTransaction.record_commit`."""
        self._check_repository(repository_id)
        self._session.run(
            "INSERT INTO commit_record (repository_id, id, record, expired) "
            "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (repository_id, commit.id, commit.record, commit.expired),
        )

    async def create_branch(
        self,
        repository_id: int,
        name: str,
        head: CommitId,
        *,
        hidden: bool,
        actor: str,
        now_ms: int,
    ) -> Branch:
        """See `RefTransaction.create_branch`."""
        row = self._create_ref(repository_id, BRANCH, name, head, hidden, now_ms)
        self._log(repository_id, name, BRANCH, now_ms, actor, "create", None, head)
        return branch_of(row)

    async def create_tag(
        self,
        repository_id: int,
        name: str,
        commit_id: CommitId,
        *,
        actor: str,
        now_ms: int,
    ) -> Tag:
        """See `RefTransaction.create_tag`."""
        self._create_ref(repository_id, TAG, name, commit_id, False, now_ms)
        self._log(repository_id, name, TAG, now_ms, actor, "create", None, commit_id)
        return Tag(repository_id, name, commit_id, now_ms)

    async def delete_ref(
        self, repository_id: int, name: str, *, kind: RefKind, actor: str, now_ms: int
    ) -> bool:
        """See `RefTransaction.delete_ref`; staged rows of a branch are purged later."""
        number = _KINDS.index(kind)
        row = self._session.row(
            "DELETE FROM ref WHERE repository_id = ? AND name = ? AND kind = ? "
            "RETURNING id, head, staged_epoch",
            (repository_id, name, number),
        )
        if row is None:
            return False
        if row[2]:
            self._session.run(
                "INSERT INTO purge (what, target_id) VALUES ('branch', ?)", (row[0],)
            )
        self._log(repository_id, name, number, now_ms, actor, "delete", row[1], None)
        return True

    async def lock_branch(self, branch_id: int) -> Branch | None:
        """See `RefTransaction.lock_branch`: the transaction has locked everything."""
        return await self.find_branch(branch_id)

    async def seal_epoch(self, branch_id: int) -> Branch | None:
        """See `RefTransaction.seal_epoch`."""
        self._session.run(
            "UPDATE ref SET epoch = epoch + 1 WHERE id = ? AND staged_epoch = epoch",
            (branch_id,),
        )
        return await self.find_branch(branch_id)

    async def move_branch(
        self,
        seen: Branch,
        *,
        head: CommitId,
        floor: int,
        action: str,
        actor: str,
        now_ms: int,
    ) -> bool:
        """See `RefTransaction.move_branch`."""
        moved = self._session.run(
            "UPDATE ref SET head = ?, floor = ?, epoch = max(epoch, ?) "
            "WHERE id = ? AND head = ? AND floor = ? AND resets = ? AND EXISTS "
            f"(SELECT 1 FROM repository WHERE id = ref.repository_id AND {_NAMED})",
            (head, floor, floor, seen.id, seen.head, seen.floor, seen.resets),
        )
        if not moved:
            return False
        if head != seen.head:
            self._log(
                seen.repository_id,
                seen.name,
                BRANCH,
                now_ms,
                actor,
                action,
                seen.head,
                head,
            )
        return True

    async def discard_staged(
        self, branch_id: int, *, path: bytes | None = None, prefix: bytes | None = None
    ) -> int:
        """See `RefTransaction.discard_staged`."""
        row = self._session.row(
            f"SELECT floor, staged_epoch FROM ref WHERE id = ? AND kind = {BRANCH}",
            (branch_id,),
        )
        if row is None:
            return 0
        floor, staged_epoch = row
        if staged_epoch < floor:
            return 0
        if path is None and prefix is None:
            return self._discard_all(branch_id)
        if path is not None:
            discarded = self._session.run(
                "DELETE FROM staged WHERE branch_id = ? AND path = ? AND epoch >= ?",
                (branch_id, path, floor),
            )
        else:
            assert prefix is not None
            stop = after_prefix(prefix)
            discarded = self._session.run(
                "DELETE FROM staged WHERE branch_id = ? AND path >= ? AND epoch >= ?"
                + (" AND path < ?" if stop is not None else ""),
                (branch_id, prefix, floor, *(() if stop is None else (stop,))),
            )
        # Nothing live left: the branch is clean, and says so without a look at rows.
        self._session.run(
            "UPDATE ref SET resets = resets + 1, staged_epoch = CASE WHEN EXISTS "
            "(SELECT 1 FROM staged WHERE branch_id = ref.id AND epoch >= ref.floor) "
            "THEN staged_epoch ELSE 0 END WHERE id = ?",
            (branch_id,),
        )
        return discarded

    def _discard_all(self, branch_id: int) -> int:
        """Make every live row invisible, whichever epoch it is in."""
        return self._session.run(
            "UPDATE ref SET epoch = epoch + 1, floor = epoch + 1, resets = resets + 1 "
            "WHERE id = ?",
            (branch_id,),
        )

    def _check_repository(self, repository_id: int) -> None:
        row = self._session.row(
            f"SELECT 1 FROM repository WHERE id = ? AND {_NAMED}", (repository_id,)
        )
        if row is None:
            raise RepositoryNotFoundError(f"#{repository_id}")

    def _create_ref(
        self,
        repository_id: int,
        kind: int,
        name: str,
        head: CommitId,
        hidden: bool,
        now_ms: int,
    ) -> Row:
        self._check_repository(repository_id)
        row = self._session.row(
            "INSERT INTO ref (repository_id, name, kind, head, hidden, created_ms) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (repository_id, name) DO NOTHING "
            "RETURNING kind, id, repository_id, name, head, epoch, floor, resets, "
            "hidden, created_ms",
            (repository_id, name, kind, head, hidden, now_ms),
        )
        if row is None:
            raise RefExistsError(self._repository_name(repository_id), name)
        return row

    def _repository_name(self, repository_id: int) -> str:
        row = self._session.row(
            "SELECT name FROM repository WHERE id = ?", (repository_id,)
        )
        return f"#{repository_id}" if row is None else str(row[0])

    def _log(
        self,
        repository_id: int,
        ref: str,
        kind: int,
        now_ms: int,
        actor: str,
        action: str,
        old: CommitId | None,
        new: CommitId | None,
    ) -> None:
        """Write a row of the ref log, never earlier than the last one of that ref."""
        self._session.run(
            "INSERT INTO ref_log "
            "(repository_id, ref, kind, at_ms, actor, action, old, new) "
            "SELECT ?1, ?2, ?3, max(?4, coalesce((SELECT max(at_ms) FROM ref_log "
            "WHERE repository_id = ?1 AND ref = ?2), ?4)), ?5, ?6, ?7, ?8",
            (repository_id, ref, kind, now_ms, actor, action, old, new),
        )


def _above(prefix: str, after: str) -> str:
    """Return how names compare with the greater of `prefix` and `after`."""
    return "> ?" if after >= prefix else ">= ?"


def _log_entry_of(row: Row) -> RefLogEntry:
    kind = _KINDS[int(row[3])]
    return RefLogEntry(
        row[0], row[1], row[2], kind, row[4], row[5], row[6], row[7], row[8]
    )
