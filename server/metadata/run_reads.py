"""Reads runs: `runs/store.py` has the contract, `run_lists.py` lists by condition."""

from __future__ import annotations

from collections.abc import Sequence

from ..ids import CommitId
from ..runs.documents import value_of
from ..runs.points import Summary
from ..runs.rows import (
    Artifact,
    EdgeRow,
    FileRow,
    MetricRow,
    Param,
    RunFilter,
    RunRow,
    VerdictRow,
    WorkBranchRow,
)
from ..runs.statuses import How
from .database import Row, Session
from .refs import BRANCH, NAMED
from .run_lists import RUN, list_run_ids, run_of

_EDGE = (
    "run_id, artifact.repository_id, artifact.path, is_prefix, identity, size_bytes, "
    "coalesce(repository.name, '#' || artifact.repository_id), commit_id, {ref}, how, "
    "local FROM {table} JOIN artifact ON artifact.id = artifact_id "
    "LEFT JOIN repository ON repository.id = artifact.repository_id "
    "WHERE run_id = ? "
    "ORDER BY artifact.repository_id, artifact.path, commit_id, is_prefix"
)
_INPUTS = "SELECT " + _EDGE.format(table="run_input", ref="ref")
_OUTPUTS = "SELECT " + _EDGE.format(table="run_output", ref="branch")
_WORK_BRANCH = (
    "run_branch.repository_id, coalesce(repository.name, '#' || run_branch.repository_id),"
    " branch, work_branch_id, ref.name, base, published FROM run_branch "
    "LEFT JOIN repository ON repository.id = run_branch.repository_id "
    "LEFT JOIN ref ON ref.id = work_branch_id WHERE run_id = ?"
)


class RunReads:
    """`RunReader` on one connection."""

    _session: Session

    async def find_run(self, name: str) -> RunRow | None:
        """See `RunReader.find_run`."""
        return self._find_run("run.name = ?", name)

    async def find_run_by_id(self, run_id: int) -> RunRow | None:
        """See `RunReader.find_run_by_id`."""
        return self._find_run("run.id = ?", run_id)

    async def find_run_of_record(self, record: bytes) -> RunRow | None:
        """See `RunReader.find_run_of_record`."""
        return self._find_run("run.record = ?", record)

    def _find_run(self, where: str, value: object) -> RunRow | None:
        row = self._session.row(f"SELECT {RUN} WHERE {where} AND {NAMED}", (value,))
        return None if row is None else run_of(row)

    async def find_runs(self, beginning: str, *, limit: int) -> list[RunRow]:
        """See `RunReader.find_runs`."""
        rows = self._session.rows(
            f"SELECT {RUN} WHERE run.name >= ? AND run.name < ? AND {NAMED} "
            "ORDER BY run.name LIMIT ?",
            (beginning, beginning + "g", limit),  # behind every hex digit
        )
        return [run_of(row) for row in rows]

    async def find_draft(self, run_id: int) -> bytes | None:
        """See `RunReader.find_draft`."""
        row = self._session.row(
            "SELECT draft FROM run_draft WHERE run_id = ?", (run_id,)
        )
        return None if row is None else row[0]

    async def list_runs(
        self, wanted: RunFilter, *, before: int | None, limit: int
    ) -> list[RunRow]:
        """See `RunReader.list_runs`."""
        ids = list_run_ids(self._session, wanted, before=before, limit=limit)
        found = (self._find_run("run.id = ?", run_id) for run_id in ids)
        return [run for run in found if run is not None]

    async def find_run_key(self, run_id: int) -> tuple[str, bytes] | None:
        """See `RunReader.find_run_key`."""
        row = self._session.row(
            "SELECT access_key_id, sealed_secret FROM run_key WHERE run_id = ? LIMIT 1",
            (run_id,),
        )
        return None if row is None else (row[0], row[1])

    async def list_lost(self, now_ms: int, *, limit: int) -> list[RunRow]:
        """See `RunReader.list_lost`."""
        rows = self._session.rows(
            f"SELECT {RUN} WHERE run.record IS NULL AND {NAMED} "
            "AND run.heard_ms + 1000 * run.lost_after_s < ? "
            "ORDER BY run.heard_ms LIMIT ?",
            (now_ms, limit),
        )
        return [run_of(row) for row in rows]

    async def list_params(self, run_ids: Sequence[int]) -> list[Param]:
        """See `RunReader.list_params`."""
        rows = self._session.rows(
            "SELECT run_id, name, value, type FROM run_param "
            f"WHERE run_id IN ({_marks(run_ids)}) ORDER BY run_id, name",
            tuple(run_ids),
        )
        return [Param(row[0], row[1], value_of(row[2], row[3])) for row in rows]

    async def list_metrics(self, run_ids: Sequence[int]) -> list[MetricRow]:
        """See `RunReader.list_metrics`."""
        rows = self._session.rows(
            "SELECT run_id, name, last, last_step, min, max, count FROM run_metric "
            f"WHERE run_id IN ({_marks(run_ids)}) ORDER BY run_id, name",
            tuple(run_ids),
        )
        return [MetricRow(row[0], row[1], Summary(*row[2:])) for row in rows]

    async def list_points(
        self, run_id: int, name: str, *, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        """See `RunReader.list_points`."""
        rows = self._session.rows(
            "SELECT sequence, points FROM run_points WHERE run_id = ? AND name = ? "
            "AND sequence > ? ORDER BY sequence LIMIT ?",
            (run_id, name, after, limit),
        )
        return [(row[0], row[1]) for row in rows]

    async def list_log(
        self, run_id: int, *, after: int, limit: int
    ) -> list[tuple[int, str]]:
        """See `RunReader.list_log`."""
        rows = self._session.rows(
            "SELECT sequence, text FROM run_log WHERE run_id = ? AND sequence > ? "
            "ORDER BY sequence LIMIT ?",
            (run_id, after, limit),
        )
        return [(row[0], row[1]) for row in rows]

    async def list_inputs(self, run_id: int) -> list[EdgeRow]:
        """See `RunReader.list_inputs`."""
        return [_edge_of(row) for row in self._session.rows(_INPUTS, (run_id,))]

    async def list_outputs(self, run_id: int) -> list[EdgeRow]:
        """See `RunReader.list_outputs`."""
        return [_edge_of(row) for row in self._session.rows(_OUTPUTS, (run_id,))]

    async def count_inputs(self, run_id: int) -> int:
        """See `RunReader.count_inputs`."""
        row = self._session.row(
            "SELECT count(*) FROM run_input WHERE run_id = ?", (run_id,)
        )
        return 0 if row is None else int(row[0])

    async def find_artifact(self, artifact: Artifact) -> int | None:
        """See `RunReader.find_artifact`."""
        row = self._session.row(
            "SELECT id FROM artifact WHERE repository_id = ? AND path = ? "
            "AND is_prefix = ? AND identity = ?",
            (
                artifact.repository_id,
                artifact.path,
                artifact.is_prefix,
                artifact.identity,
            ),
        )
        return None if row is None else int(row[0])

    async def list_files(self, run_id: int) -> list[FileRow]:
        """See `RunReader.list_files`."""
        rows = self._session.rows(
            "SELECT name, blob_id, size_bytes FROM run_file WHERE run_id = ? "
            "ORDER BY name",
            (run_id,),
        )
        return [FileRow(*row) for row in rows]

    async def list_work_branches(self, run_id: int) -> list[WorkBranchRow]:
        """See `RunReader.list_work_branches`."""
        rows = self._session.rows(
            f"SELECT {_WORK_BRANCH} ORDER BY run_branch.repository_id, branch",
            (run_id,),
        )
        return [WorkBranchRow(*row) for row in rows]

    async def list_written(
        self, run_id: int, repository_id: int, branch: str, *, limit: int
    ) -> list[bytes]:
        """See `RunReader.list_written`."""
        rows = self._session.rows(
            "SELECT path FROM run_written WHERE run_id = ? AND repository_id = ? "
            "AND branch = ? ORDER BY path LIMIT ?",
            (run_id, repository_id, branch, limit),
        )
        return [row[0] for row in rows]

    async def find_work_branch(
        self, run_id: int, repository_id: int, branch: str
    ) -> WorkBranchRow | None:
        """See `RunReader.find_work_branch`."""
        row = self._session.row(
            f"SELECT {_WORK_BRANCH} AND run_branch.repository_id = ? AND branch = ?",
            (run_id, repository_id, branch),
        )
        return None if row is None else WorkBranchRow(*row)

    async def list_verdicts(self, run_id: int) -> list[VerdictRow]:
        """See `RunReader.list_verdicts`."""
        rows = self._session.rows(
            "SELECT run.name, is_identical, compared, differences, "
            "run_verdict.user_name, at_ms FROM run_verdict "
            "JOIN run ON run.id = rerun_id WHERE run_id = ? ORDER BY at_ms, rerun_id",
            (run_id,),
        )
        return [VerdictRow(row[0], bool(row[1]), *row[2:]) for row in rows]

    async def list_children(self, run_id: int, *, limit: int) -> list[RunRow]:
        """See `RunReader.list_children`."""
        rows = self._session.rows(
            f"SELECT {RUN} WHERE run.parent_id = ? AND {NAMED} "
            "ORDER BY run.id DESC LIMIT ?",
            (run_id, limit),
        )
        return [run_of(row) for row in rows]

    async def list_users_of_run(self, run_id: int, *, limit: int) -> list[str]:
        """See `RunReader.list_users_of_run`."""
        rows = self._session.rows(
            "SELECT model.name || '@' || number FROM model_version "
            "JOIN model ON model.id = model_id WHERE run_id = ?1 "
            "UNION ALL SELECT 'the check of ' || model.name || '@' || number "
            "FROM model_check JOIN model ON model.id = model_id WHERE run_id = ?1 "
            "UNION ALL SELECT 'run ' || name || ', which is a part of it' FROM run "
            "WHERE parent_id = ?1 AND record IS NOT NULL "
            "UNION ALL SELECT 'run ' || name || ', which did it again' FROM run "
            "WHERE rerun_of_id = ?1 AND record IS NOT NULL LIMIT ?2",
            (run_id, limit),
        )
        return [str(row[0]) for row in rows]

    async def find_last_sequence(self) -> int:
        """See `RunReader.find_last_sequence`."""
        row = self._session.row("SELECT coalesce(max(sequence), 0) FROM ref_log")
        return 0 if row is None else int(row[0])

    async def find_head_at(
        self, repository_id: int, ref: str, sequence: int
    ) -> CommitId | None:
        """See `RunReader.find_head_at`."""
        row = self._session.row(
            "SELECT new FROM ref_log INDEXED BY ref_log_by_sequence "
            f"WHERE repository_id = ? AND ref = ? AND kind = {BRANCH} "
            "AND sequence <= ? ORDER BY sequence DESC LIMIT 1",
            (repository_id, ref, sequence),
        )
        return None if row is None else row[0]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _edge_of(row: Row) -> EdgeRow:
    artifact = Artifact(row[1], row[2], bool(row[3]), row[4], row[5])
    return EdgeRow(row[0], artifact, row[6], row[7], row[8], How(row[9]), row[10])
