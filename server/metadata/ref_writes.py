"""Changes repositories, refs, commits and the ref log, inside a write transaction.

`refs/store.py` has the contract. A move of a branch is a compare-and-set in one UPDATE:
its WHERE names all that the mover saw.
"""

from __future__ import annotations

import msgspec

from ..errors import RefExistsError, RepositoryExistsError, RepositoryNotFoundError
from ..ids import CommitId
from ..refs.store import Branch, CommitRow, RefKind, Repository, Tag
from ..tree.lookup import after_prefix
from .database import Row
from .refs import (
    BRANCH,
    NAMED,
    REF_KINDS,
    REPOSITORY_COLUMNS,
    TAG,
    RefReads,
    branch_of,
    record_step,
    repository_of,
)


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
            f"RETURNING {REPOSITORY_COLUMNS}",
            (name, storage_namespace, default_branch, read_only, created_ms),
        )
        if row is None:
            raise RepositoryExistsError(name)
        return repository_of(row)

    async def set_protection(
        self, repository_id: int, patterns: tuple[str, ...]
    ) -> None:
        """See `RefTransaction.set_protection`."""
        text = msgspec.json.encode(patterns).decode() if patterns else ""
        self._session.run(
            "UPDATE repository SET protection = ? WHERE id = ?", (text, repository_id)
        )

    async def set_document(
        self, repository_id: int, name: str, document: bytes | None
    ) -> None:
        """See `RefTransaction.set_document`."""
        if document is None:
            self._session.run(
                "DELETE FROM repository_document WHERE repository_id = ? AND name = ?",
                (repository_id, name),
            )
            return
        self._check_repository(repository_id)
        self._session.run(
            "INSERT OR REPLACE INTO repository_document "
            "(repository_id, name, document) VALUES (?, ?, ?)",
            (repository_id, name, document),
        )

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
        if commit.step is not None:
            record_step(self._session, repository_id, commit.step)

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
        """See `RefTransaction.delete_ref`; the rest of a branch is purged later."""
        number = REF_KINDS.index(kind)
        row = self._session.row(
            "DELETE FROM ref WHERE repository_id = ? AND name = ? AND kind = ? "
            "RETURNING id, head, staged_epoch > 0 OR EXISTS "
            "(SELECT 1 FROM upload WHERE branch_id = ref.id AND ended = 0)",
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
            f"(SELECT 1 FROM repository WHERE id = ref.repository_id AND {NAMED})",
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
        if not discarded:
            return 0  # nothing that a commit under way could have taken
        # Nothing live left: the branch is clean, and says so without a look at rows;
        # and that there may be dead ones, for whoever purges it.
        self._session.run(
            "UPDATE ref SET resets = resets + 1, staged_epoch = CASE WHEN EXISTS "
            "(SELECT 1 FROM staged WHERE branch_id = ref.id AND epoch >= ref.floor) "
            "THEN staged_epoch ELSE floor - 1 END WHERE id = ?",
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
            f"SELECT 1 FROM repository WHERE id = ? AND {NAMED}", (repository_id,)
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
