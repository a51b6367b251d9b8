"""What verification reads, in SQL: `repository/verifying/store.py` has the contract."""

from __future__ import annotations

from collections.abc import Sequence

from ..chunks.index import Location, StoredFrame
from ..errors import CorruptDataError
from ..history.step import CommitStep
from ..ids import CommitId, Kind
from ..repository.verifying.store import (
    CommitRecord,
    DanglingCommit,
    NamedCommit,
    PackRow,
    PartRow,
    RunFileRow,
    RunRow,
    StagedRow,
)
from .database import Session, blob_array

_PROBLEMS_MAX = 100
"""Problems of one table that SQLite lists: they tell a torn page from a torn disk."""

_NOT_RECORDED = (
    "NOT EXISTS (SELECT 1 FROM commit_record AS record "
    "WHERE record.repository_id = {repository} AND record.id = {commit})"
)
_OF_RUN = (
    "SELECT run.name, commit_id FROM {table} JOIN run ON run.id = run_id "
    "JOIN artifact ON artifact.id = artifact_id WHERE "
    + _NOT_RECORDED.format(repository="artifact.repository_id", commit="commit_id")
)
_DANGLING = {
    "needed_commit": "SELECT coalesce(run.name, 'a model'), commit_id "
    "FROM needed_commit AS needed LEFT JOIN run ON run.id = run_id WHERE "
    + _NOT_RECORDED.format(
        repository="needed.repository_id", commit="needed.commit_id"
    ),
    "run_input": _OF_RUN.format(table="run_input"),
    "run_output": _OF_RUN.format(table="run_output"),
    "model_version": "SELECT model.name || '@' || number, commit_id "
    "FROM model_version AS version JOIN model ON model.id = model_id WHERE "
    + _NOT_RECORDED.format(
        repository="version.repository_id", commit="version.commit_id"
    ),
}
"""What names commits beside refs, and which of it names one that is not there."""


def page_chunks_of(
    session: Session, pack: str, after: tuple[int, bytes], limit: int
) -> list[StoredFrame]:
    """Return rows of the index that point into `pack`, by (kind, id)."""
    rows = session.rows(
        "SELECT kind, id, offset, stored_bytes, plain_bytes, codec, base FROM chunk "
        "WHERE (kind, id) > (?, ?) AND pack_id = "
        "(SELECT id FROM pack WHERE name = ?) ORDER BY kind, id LIMIT ?",
        (*after, pack, limit),
    )
    return [StoredFrame(Kind(row[0]), row[1], Location(pack, *row[2:])) for row in rows]


class VerifyReads:
    """`VerifyReader` on one connection."""

    _session: Session

    async def list_pack_rows(self) -> list[PackRow]:
        """See `VerifyReader.list_pack_rows`."""
        counts: dict[int, int] = {
            row[0]: row[1]
            for row in self._session.rows(
                "SELECT pack_id, count(*) FROM chunk GROUP BY pack_id"
            )
        }
        return [
            PackRow(name, state, size_bytes, counts.get(pack_id, 0))
            for pack_id, name, state, size_bytes in self._session.rows(
                "SELECT id, name, state, size_bytes FROM pack ORDER BY name"
            )
        ]

    async def list_homeless(self, *, limit: int) -> list[tuple[int, bytes]]:
        """See `VerifyReader.list_homeless`."""
        rows = self._session.rows(
            "SELECT kind, id FROM chunk WHERE pack_id NOT IN (SELECT id FROM pack) "
            "LIMIT ?",
            (limit,),
        )
        return [(row[0], row[1]) for row in rows]

    async def page_damaged(
        self, *, after: tuple[int, bytes], limit: int
    ) -> list[StoredFrame]:
        """See `VerifyReader.page_damaged`."""
        rows = self._session.rows(
            "SELECT kind, chunk.id, name, offset, stored_bytes, plain_bytes, codec, base "
            "FROM chunk JOIN pack ON pack.id = pack_id WHERE damaged_ms IS NOT NULL "
            "AND (kind, chunk.id) > (?, ?) ORDER BY kind, chunk.id LIMIT ?",
            (*after, limit),
        )
        return [StoredFrame(Kind(row[0]), row[1], Location(*row[2:8])) for row in rows]

    async def page_refs(self, *, after: int, limit: int) -> list[NamedCommit]:
        """See `VerifyReader.page_refs`."""
        rows = self._session.rows(
            "SELECT ref.id, repository_id, repository.name, ref.name, head FROM ref "
            "JOIN repository ON repository.id = repository_id "
            "WHERE ref.id > ? AND repository.name IS NOT NULL ORDER BY ref.id LIMIT ?",
            (after, limit),
        )
        return [NamedCommit(row[0], row[1], row[2], row[3], (row[4],)) for row in rows]

    async def page_ref_log(self, *, after: int, limit: int) -> list[NamedCommit]:
        """See `VerifyReader.page_ref_log`."""
        rows = self._session.rows(
            "SELECT sequence, repository_id, repository.name, ref, old, new "
            "FROM ref_log JOIN repository ON repository.id = repository_id "
            "WHERE sequence > ? AND repository.name IS NOT NULL "
            "ORDER BY sequence LIMIT ?",
            (after, limit),
        )
        return [
            NamedCommit(
                row[0],
                row[1],
                row[2],
                row[3],
                tuple(id_ for id_ in row[4:] if id_ is not None),
            )
            for row in rows
        ]

    async def page_commits(
        self, *, after: tuple[int, bytes], limit: int
    ) -> list[CommitRecord]:
        """See `VerifyReader.page_commits`."""
        rows = self._session.rows(
            "SELECT repository_id, repository.name, commit_record.id, record, expired "
            "FROM commit_record JOIN repository ON repository.id = repository_id "
            "WHERE (repository_id, commit_record.id) > (?, ?) "
            "AND repository.name IS NOT NULL "
            "ORDER BY repository_id, commit_record.id LIMIT ?",
            (*after, limit),
        )
        return [
            CommitRecord(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows
        ]

    async def find_commit_step(
        self, repository_id: int, generation: int, commit_id: CommitId
    ) -> CommitStep | None:
        """See `VerifyReader.find_commit_step`."""
        row = self._session.row(
            "SELECT id, generation, parents, created_ms, traces FROM commit_step "
            "WHERE repository_id = ? AND generation = ? AND id = ?",
            (repository_id, generation, commit_id),
        )
        return None if row is None else CommitStep(*row)

    async def list_steps_without_commit(self, *, limit: int) -> list[NamedCommit]:
        """See `VerifyReader.list_steps_without_commit`."""
        rows = self._session.rows(
            "SELECT repository_id, repository.name, step.id FROM commit_step AS step "
            "JOIN repository ON repository.id = repository_id "
            "WHERE repository.name IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM commit_record AS record WHERE "
            "record.repository_id = step.repository_id AND record.id = step.id) LIMIT ?",
            (limit,),
        )
        return [NamedCommit(0, row[0], row[1], "", (row[2],)) for row in rows]

    async def missing_commits(
        self, repository_id: int, commit_ids: Sequence[CommitId]
    ) -> list[CommitId]:
        """See `VerifyReader.missing_commits`."""
        if not commit_ids:
            return []
        found = {
            row[0]
            for row in self._session.rows(
                "SELECT id FROM commit_record "
                "WHERE repository_id = ? AND id IN carray(?)",
                (repository_id, blob_array(tuple(commit_ids))),
            )
        }
        return [wanted for wanted in commit_ids if wanted not in found]

    async def page_lost_commits(self, *, after: bytes, limit: int) -> list[CommitId]:
        """See `VerifyReader.page_lost_commits`."""
        rows = self._session.rows(
            "SELECT id FROM chunk WHERE kind = ? AND id > ? AND NOT EXISTS "
            "(SELECT 1 FROM commit_record WHERE commit_record.id = chunk.id "
            "AND repository_id IN (SELECT id FROM repository)) ORDER BY id LIMIT ?",
            (int(Kind.COMMIT), after, limit),
        )
        return [CommitId(row[0]) for row in rows]

    async def page_staged(
        self, *, after: tuple[int, bytes, int], limit: int
    ) -> list[StagedRow]:
        """See `VerifyReader.page_staged`."""
        rows = self._session.rows(
            "SELECT branch_id, repository.name, ref.name, path, staged.epoch, entry "
            "FROM staged JOIN ref ON ref.id = branch_id "
            "JOIN repository ON repository.id = repository_id "
            "WHERE (branch_id, path, staged.epoch) > (?, ?, ?) "
            "AND staged.epoch >= floor AND entry IS NOT NULL "
            "AND repository.name IS NOT NULL "
            "ORDER BY branch_id, path, staged.epoch LIMIT ?",
            (*after, limit),
        )
        return [StagedRow(*row) for row in rows]

    async def page_parts(self, *, after: tuple[str, int], limit: int) -> list[PartRow]:
        """See `VerifyReader.page_parts`."""
        rows = self._session.rows(
            "SELECT upload_id, number, repository.name, ref.name, path, size_bytes, "
            "pieces FROM upload_part JOIN upload ON upload.id = upload_id "
            "JOIN ref ON ref.id = branch_id "
            "JOIN repository ON repository.id = repository_id "
            "WHERE (upload_id, number) > (?, ?) AND ended = 0 "
            "AND repository.name IS NOT NULL ORDER BY upload_id, number LIMIT ?",
            (*after, limit),
        )
        return [PartRow(*row) for row in rows]

    async def page_runs(self, *, after: int, limit: int) -> list[RunRow]:
        """See `VerifyReader.page_runs`."""
        rows = self._session.rows(
            "SELECT id, name, record FROM run WHERE id > ? AND record IS NOT NULL "
            "ORDER BY id LIMIT ?",
            (after, limit),
        )
        return [RunRow(row[0], row[1], row[2]) for row in rows]

    async def page_run_files(
        self, *, after: tuple[int, str], limit: int
    ) -> list[RunFileRow]:
        """See `VerifyReader.page_run_files`."""
        rows = self._session.rows(
            "SELECT run_id, run.name, run_file.name, blob_id, size_bytes FROM run_file "
            "JOIN run ON run.id = run_id WHERE (run_id, run_file.name) > (?, ?) "
            "ORDER BY run_id, run_file.name LIMIT ?",
            (*after, limit),
        )
        return [RunFileRow(row[0], row[1], row[2], row[3], row[4]) for row in rows]

    async def list_dangling_commits(self, *, limit: int) -> list[DanglingCommit]:
        """See `VerifyReader.list_dangling_commits`."""
        found: list[DanglingCommit] = []
        for table, sql in _DANGLING.items():
            rows = self._session.rows(f"{sql} LIMIT ?", (limit,))
            found += [DanglingCommit(table, row[0], row[1]) for row in rows]
        return found

    async def list_tables(self) -> list[str]:
        """See `VerifyReader.list_tables`."""
        rows = self._session.rows(
            "SELECT name FROM sqlite_schema WHERE type = 'table' "
            "AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
        return [row[0] for row in rows]

    async def check_table(self, table: str) -> list[str]:
        """See `VerifyReader.check_table`."""
        name = table.replace("'", "''")
        try:
            rows = self._session.rows(f"PRAGMA integrity_check('{name}')")
        except CorruptDataError as error:
            return [str(error)]
        found = [str(row[0]) for row in rows if row[0] != "ok"]
        return found[:_PROBLEMS_MAX]
