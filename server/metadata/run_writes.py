"""Changes runs, inside a write transaction: `runs/store.py` has the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lakebed.client.wire.runs import ParamValue

from ..errors import RepositoryNotFoundError, RunEndedError
from ..ids import CommitId
from ..runs.documents import kept_as, type_of
from ..runs.points import Summary
from ..runs.rows import (
    Artifact,
    FileRow,
    NewRun,
    RunRow,
    VerdictRow,
)
from ..runs.statuses import How, Status
from .database import Session
from .refs import NAMED
from .run_reads import RunReads

_OWN_TABLES = (
    "run_written",
    "run_draft",
    "run_key",
    "run_writer",
    "run_gap",
    "run_branch",
    "run_file",
    "run_log",
    "run_param",
    "run_metric",
    "run_points",
    "run_input",
    "run_output",
    "needed_commit",
    "run_verdict",
)
"""What belongs to a run, by its id."""
_OF_A_RUN_THAT_GOES_ON = (
    "run_draft",
    "run_log",
    "run_points",
    "run_writer",
    "run_gap",
    "run_written",
)


class RunWrites(RunReads):
    """`RunTransaction` inside a write transaction."""

    async def create_run(self, run: NewRun) -> RunRow:
        """See `RunTransaction.create_run`."""
        created = self._session.run(
            "INSERT INTO run (name, repository_id, experiment, status, user_id, "
            "user_name, host, command, parent_id, rerun_of_id, started_ms, heard_ms, "
            "lost_after_s, log_sequence) "
            "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
            "coalesce(?14, (SELECT coalesce(max(sequence), 0) FROM ref_log)) "
            f"FROM repository WHERE id = ?2 AND {NAMED}",
            (
                run.name,
                run.repository_id,
                run.experiment,
                int(Status.RUNNING),
                run.user_id,
                run.user,
                run.host,
                run.command,
                run.parent_id,
                run.rerun_of_id,
                run.started_ms,
                run.heard_ms,
                run.lost_after_s,
                run.log_sequence,
            ),
        )
        found = await self.find_run(run.name) if created else None
        if found is None:
            raise RepositoryNotFoundError(f"#{run.repository_id}")
        await self.put_draft(found.id, run.draft)
        return found

    async def add_run_key(
        self, run_id: int, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> None:
        """See `RunTransaction.add_run_key`."""
        self._session.run(
            "INSERT INTO run_key (access_key_id, run_id, sealed_secret, created_ms) "
            "VALUES (?, ?, ?, ?)",
            (access_key_id, run_id, sealed_secret, now_ms),
        )

    async def hear_run(self, run_id: int, *, now_ms: int) -> None:
        """See `RunTransaction.hear_run`."""
        if not self._session.run(
            "UPDATE run SET heard_ms = max(heard_ms, ?) "
            "WHERE id = ? AND record IS NULL AND ended_ms IS NULL",
            (now_ms, run_id),
        ):
            row = self._session.row("SELECT name FROM run WHERE id = ?", (run_id,))
            raise RunEndedError(
                f"#{run_id}" if row is None else str(row[0]),
                "nothing is added to it any more",
            )

    async def advance_writer(self, run_id: int, writer: str, sequence: int) -> bool:
        """See `RunTransaction.advance_writer`."""
        before = await self.find_writer(run_id, writer)
        if sequence <= before:
            return False
        self._session.run(
            "INSERT OR REPLACE INTO run_writer (run_id, writer, sequence) "
            "VALUES (?, ?, ?)",
            (run_id, writer, sequence),
        )
        if sequence > before + 1:
            self._session.run(
                "INSERT INTO run_gap (run_id, writer, first, last) VALUES (?, ?, ?, ?)",
                (run_id, writer, before + 1, sequence - 1),
            )
        return True

    async def is_passed_over(self, run_id: int, writer: str, sequence: int) -> bool:
        """See `RunTransaction.is_passed_over`."""
        row = self._session.row(
            "SELECT 1 FROM run_gap WHERE run_id = ?1 AND writer = ?2 "
            "AND first <= ?3 AND last >= ?3",
            (run_id, writer, sequence),
        )
        return row is not None

    async def count_gaps(self, run_id: int, writer: str) -> int:
        """See `RunTransaction.count_gaps`."""
        row = self._session.row(
            "SELECT count(*) FROM run_gap WHERE run_id = ? AND writer = ?",
            (run_id, writer),
        )
        return 0 if row is None else int(row[0])

    async def find_writer(self, run_id: int, writer: str) -> int:
        """See `RunTransaction.find_writer`."""
        row = self._session.row(
            "SELECT sequence FROM run_writer WHERE run_id = ? AND writer = ?",
            (run_id, writer),
        )
        return 0 if row is None else int(row[0])

    async def put_draft(self, run_id: int, draft: bytes) -> None:
        """See `RunTransaction.put_draft`."""
        self._session.run(
            "INSERT OR REPLACE INTO run_draft (run_id, draft) VALUES (?, ?)",
            (run_id, draft),
        )

    async def set_params(self, run_id: int, params: Mapping[str, ParamValue]) -> None:
        """See `RunTransaction.set_params`."""
        self._session.run_many(
            "INSERT OR REPLACE INTO run_param (run_id, name, value, type, repository_id) "
            "VALUES (?1, ?2, ?3, ?4, (SELECT repository_id FROM run WHERE id = ?1))",
            [
                (run_id, name, kept_as(value), int(type_of(value)))
                for name, value in params.items()
            ],
        )

    async def add_points(
        self, run_id: int, name: str, points: bytes, summary: Summary
    ) -> None:
        """See `RunTransaction.add_points`."""
        row = self._session.row(
            "SELECT last, last_step, min, max, count FROM run_metric "
            "WHERE run_id = ? AND name = ?",
            (run_id, name),
        )
        short = summary if row is None else Summary(*row).then(summary)
        self._session.run(
            "INSERT OR REPLACE INTO run_metric "
            "(run_id, name, last, last_step, min, max, count, repository_id) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, "
            "(SELECT repository_id FROM run WHERE id = ?1))",
            (
                run_id,
                name,
                short.last,
                short.last_step,
                short.min,
                short.max,
                short.count,
            ),
        )
        self._session.run(
            "INSERT INTO run_points (run_id, name, sequence, points) SELECT ?1, ?2, "
            "1 + coalesce(max(sequence), 0), ?3 FROM run_points "
            "WHERE run_id = ?1 AND name = ?2",
            (run_id, name, points),
        )

    async def add_log(self, run_id: int, text: str) -> None:
        """See `RunTransaction.add_log`."""
        self._session.run(
            "INSERT INTO run_log (run_id, sequence, text) SELECT ?1, "
            "1 + coalesce(max(sequence), 0), ?2 FROM run_log WHERE run_id = ?1",
            (run_id, text),
        )
        self._session.run(
            "UPDATE run SET log_bytes = log_bytes + ? WHERE id = ?",
            (len(text.encode()), run_id),
        )

    async def add_input(
        self,
        run_id: int,
        artifact: Artifact,
        commit: CommitId,
        ref: str,
        *,
        how: How,
        local: str | None = None,
    ) -> None:
        """See `RunTransaction.add_input`."""
        self._session.run(
            "INSERT INTO run_input (run_id, artifact_id, commit_id, ref, how, local) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "how = min(how, excluded.how), local = coalesce(local, excluded.local)",
            (run_id, self._put_artifact(artifact), commit, ref, int(how), local),
        )

    async def add_output(
        self,
        run_id: int,
        artifact: Artifact,
        commit: CommitId,
        branch: str,
        *,
        how: How,
        local: str | None = None,
    ) -> None:
        """See `RunTransaction.add_output`."""
        self._session.run(
            "INSERT INTO run_output (run_id, artifact_id, commit_id, branch, how, local) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "how = min(how, excluded.how), local = coalesce(local, excluded.local)",
            (run_id, self._put_artifact(artifact), commit, branch, int(how), local),
        )

    def _put_artifact(self, artifact: Artifact) -> int:
        place = (
            artifact.repository_id,
            artifact.path,
            artifact.is_prefix,
            artifact.identity,
        )
        row = self._session.row(
            "SELECT id FROM artifact WHERE repository_id = ? AND path = ? "
            "AND is_prefix = ? AND identity = ?",
            place,
        )
        if row is None:
            row = self._session.row(
                "INSERT INTO artifact "
                "(repository_id, path, is_prefix, identity, size_bytes) "
                "VALUES (?, ?, ?, ?, ?) RETURNING id",
                (*place, artifact.size_bytes),
            )
        assert row is not None
        return int(row[0])

    async def put_file(self, run_id: int, file: FileRow) -> None:
        """See `RunTransaction.put_file`."""
        self._session.run(
            "INSERT OR REPLACE INTO run_file (run_id, name, blob_id, size_bytes) "
            "VALUES (?, ?, ?, ?)",
            (run_id, file.name, file.blob_id, file.size_bytes),
        )

    async def add_work_branch(
        self,
        run_id: int,
        repository_id: int,
        branch: str,
        *,
        work_branch_id: int,
        base: CommitId,
    ) -> None:
        """See `RunTransaction.add_work_branch`."""
        self._session.run(
            "INSERT INTO run_branch "
            "(run_id, repository_id, branch, work_branch_id, base) "
            "VALUES (?, ?, ?, ?, ?)",
            (run_id, repository_id, branch, work_branch_id, base),
        )

    async def add_written(
        self, run_id: int, repository_id: int, branch: str, paths: Sequence[bytes]
    ) -> None:
        """See `RunTransaction.add_written`."""
        self._session.run_many(
            "INSERT INTO run_written (run_id, repository_id, branch, path) "
            "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [(run_id, repository_id, branch, path) for path in paths],
        )

    async def note_published(
        self, run_id: int, repository_id: int, branch: str, commit: CommitId
    ) -> bool:
        """See `RunTransaction.note_published`."""
        return bool(
            self._session.run(
                "UPDATE run_branch SET published = ? WHERE run_id = ? "
                "AND repository_id = ? AND branch = ? AND published IS NULL",
                (commit, run_id, repository_id, branch),
            )
        )

    async def remove_work_branch(
        self, run_id: int, repository_id: int, branch: str
    ) -> None:
        """See `RunTransaction.remove_work_branch`."""
        self._session.run(
            "DELETE FROM run_branch "
            "WHERE run_id = ? AND repository_id = ? AND branch = ?",
            (run_id, repository_id, branch),
        )

    async def end_run(
        self, run_id: int, draft: bytes, *, ended_ms: int, exit_code: int | None
    ) -> bool:
        """See `RunTransaction.end_run`."""
        ended = self._session.run(
            "UPDATE run SET ended_ms = ?, exit_code = ? "
            "WHERE id = ? AND record IS NULL AND ended_ms IS NULL",
            (ended_ms, exit_code, run_id),
        )
        if ended:
            await self.put_draft(run_id, draft)
        return bool(ended)

    async def seal_run(
        self, run_id: int, record: bytes, *, status: Status, grade: str
    ) -> bool:
        """See `RunTransaction.seal_run`."""
        sealed = self._session.run(
            "UPDATE run SET record = ?, status = ?, grade = ? "
            "WHERE id = ? AND record IS NULL",
            (record, int(status), grade, run_id),
        )
        if sealed:
            for table in _OF_A_RUN_THAT_GOES_ON:
                self._session.run(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
        return bool(sealed)

    async def need_commit(
        self, repository_id: int, commit: CommitId, run_id: int
    ) -> None:
        """See `RunTransaction.need_commit`."""
        self._session.run(
            "INSERT INTO needed_commit (repository_id, commit_id, run_id) "
            "VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (repository_id, commit, run_id),
        )

    async def add_verdict(
        self, run_id: int, rerun_id: int, verdict: VerdictRow
    ) -> None:
        """See `RunTransaction.add_verdict`."""
        self._session.run(
            "INSERT OR REPLACE INTO run_verdict (run_id, rerun_id, is_identical, "
            "compared, differences, user_name, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                run_id,
                rerun_id,
                verdict.is_identical,
                verdict.compared,
                verdict.differences,
                verdict.user,
                verdict.at_ms,
            ),
        )

    async def delete_run(self, run_id: int) -> bool:
        """See `RunTransaction.delete_run`."""
        return delete_run(self._session, run_id)


def delete_run(session: Session, run_id: int) -> bool:
    """Delete a run with all its rows; tell whether there was one."""
    for table in _OWN_TABLES:
        session.run(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
    # A verdict is the word of the re-run: it goes with it. Else neither could be deleted.
    session.run("DELETE FROM run_verdict WHERE rerun_id = ?", (run_id,))
    return bool(session.run("DELETE FROM run WHERE id = ?", (run_id,)))
