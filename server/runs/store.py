"""The contract of what is kept of runs. `metadata/run_reads.py` and `run_writes.py` keep it.

Held to it by `tests/contracts/test_runs.py`:

1. A run that has a record never changes. Who adds something calls `hear_run` first, in
   the same transaction, which refuses a run whose end was asked for.
2. Names of runs are unique, ids ascend in the order in which runs began.
3. Of any number of transactions that seal a run, one does.
4. A batch of a writer is taken once: `advance_writer` lets each sequence through once,
   ascending.
5. What is added (parameters, points, pieces of the log, edges, files) is there with the
   transaction, and an edge that is there already is nothing.
6. Runs of a repository that was deleted are not found any more.
7. A key of a run is found until the run is deleted; it says whether the run has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from lakebed.client.wire.runs import ParamValue

from ..ids import CommitId
from .points import Summary
from .rows import (
    Artifact,
    EdgeRow,
    FileRow,
    MetricRow,
    NewRun,
    Param,
    RunFilter,
    RunRow,
    VerdictRow,
    WorkBranchRow,
)
from .statuses import How, Status


class RunReader(Protocol):
    """Reads runs."""

    async def find_run(self, name: str) -> RunRow | None:
        """Return the run with that name, all 32 digits, or None."""
        ...

    async def find_runs(self, beginning: str, *, limit: int) -> list[RunRow]:
        """Return up to `limit` runs whose names begin so, by name."""
        ...

    async def find_run_by_id(self, run_id: int) -> RunRow | None:
        """Return the run with that row id, or None."""
        ...

    async def find_run_of_record(self, record: bytes) -> RunRow | None:
        """Return the run whose record has that id, or None."""
        ...

    async def find_draft(self, run_id: int) -> bytes | None:
        """Return what a run that goes on has no rows for; None: it is sealed."""
        ...

    async def list_runs(
        self, wanted: RunFilter, *, before: int | None, limit: int
    ) -> list[RunRow]:
        """Return up to `limit` runs with ids below `before`, newest first.

        Every condition has an index: the cost follows the answer, and what is like it.
        """
        ...

    async def find_run_key(self, run_id: int) -> tuple[str, bytes] | None:
        """Return a key of a run, its id and its sealed secret; None: it has none."""
        ...

    async def list_lost(self, now_ms: int, *, limit: int) -> list[RunRow]:
        """Return up to `limit` runs that go on and were not heard of for too long.

        And those whose end was asked for and has not come in that time.
        """
        ...

    async def list_params(self, run_ids: Sequence[int]) -> list[Param]:
        """Return the parameters of runs, by run and name."""
        ...

    async def list_metrics(self, run_ids: Sequence[int]) -> list[MetricRow]:
        """Return the metrics of runs in short, by run and name."""
        ...

    async def list_points(
        self, run_id: int, name: str, *, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        """Return up to `limit` pieces of a metric that goes on, behind sequence `after`."""
        ...

    async def list_log(
        self, run_id: int, *, after: int, limit: int
    ) -> list[tuple[int, str]]:
        """Return up to `limit` pieces of the log that goes on, behind sequence `after`."""
        ...

    async def list_inputs(self, run_id: int) -> list[EdgeRow]:
        """Return what a run read, in the order of repository, path and commit."""
        ...

    async def list_outputs(self, run_id: int) -> list[EdgeRow]:
        """Return what a sealed run wrote, in the order of repository, path and commit."""
        ...

    async def count_inputs(self, run_id: int) -> int:
        """Return how many edges to inputs a run has."""
        ...

    async def find_artifact(self, artifact: Artifact) -> int | None:
        """Return the id of an artifact, or None."""
        ...

    async def list_files(self, run_id: int) -> list[FileRow]:
        """Return the kept files of a run, by name."""
        ...

    async def list_work_branches(self, run_id: int) -> list[WorkBranchRow]:
        """Return the work branches of a run, by repository and branch."""
        ...

    async def list_written(
        self, run_id: int, repository_id: int, branch: str, *, limit: int
    ) -> list[bytes]:
        """Return up to `limit` paths that were noted as written for `branch`."""
        ...

    async def find_work_branch(
        self, run_id: int, repository_id: int, branch: str
    ) -> WorkBranchRow | None:
        """Return the work branch of a run for `branch`, or None."""
        ...

    async def list_verdicts(self, run_id: int) -> list[VerdictRow]:
        """Return what re-runs of a run came to, oldest first."""
        ...

    async def list_children(self, run_id: int, *, limit: int) -> list[RunRow]:
        """Return up to `limit` runs that are parts of a run, newest first."""
        ...

    async def list_users_of_run(self, run_id: int, *, limit: int) -> list[str]:
        """Return up to `limit` of what needs a run: versions, checks, its parts and re-runs.

        As texts for a message: `NAME@3`, `run RUN, which did it again`.
        """
        ...

    async def find_last_sequence(self) -> int:
        """Return the sequence of the newest move of any ref."""
        ...

    async def find_head_at(
        self, repository_id: int, ref: str, sequence: int
    ) -> CommitId | None:
        """Return where the log has `ref` at `sequence`; None: it was not there."""
        ...


class RunTransaction(Protocol):
    """Changes runs, inside one write transaction."""

    async def create_run(self, run: NewRun) -> RunRow:
        """Record a run that begins, at the newest move of all refs.

        Raises:
            RepositoryNotFoundError: the repository was deleted meanwhile.
        """
        ...

    async def add_run_key(
        self, run_id: int, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> None:
        """Give a run a key."""
        ...

    async def hear_run(self, run_id: int, *, now_ms: int) -> None:
        """Note that a run goes on.

        Raises:
            RunEndedError: it does not; nor does it when its end was asked for.
        """
        ...

    async def advance_writer(self, run_id: int, writer: str, sequence: int) -> bool:
        """Note a batch of `writer`; False: it, or a later one, was taken before."""
        ...

    async def is_passed_over(self, run_id: int, writer: str, sequence: int) -> bool:
        """Tell whether a later batch of `writer` was taken, and this one never."""
        ...

    async def count_gaps(self, run_id: int, writer: str) -> int:
        """Return how often `writer` passed numbers over."""
        ...

    async def find_writer(self, run_id: int, writer: str) -> int:
        """Return how far the batches of `writer` were taken; 0: none was."""
        ...

    async def put_draft(self, run_id: int, draft: bytes) -> None:
        """Replace what the run has no rows for."""
        ...

    async def set_params(self, run_id: int, params: Mapping[str, ParamValue]) -> None:
        """Set parameters, in place of those with these names."""
        ...

    async def add_points(
        self, run_id: int, name: str, points: bytes, summary: Summary
    ) -> None:
        """Add encoded points of a metric, of which `summary` is."""
        ...

    async def add_log(self, run_id: int, text: str) -> None:
        """Add a piece of the log; counts it in `log_bytes`."""
        ...

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
        """Note that a run read `artifact`; one that was declared stays so."""
        ...

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
        """Note that a run wrote `artifact`; one that was declared stays so."""
        ...

    async def put_file(self, run_id: int, file: FileRow) -> None:
        """Keep a file with a run, in place of one of that name."""
        ...

    async def add_work_branch(
        self,
        run_id: int,
        repository_id: int,
        branch: str,
        *,
        work_branch_id: int,
        base: CommitId,
    ) -> None:
        """Note where a run prepares what it will publish on `branch`."""
        ...

    async def add_written(
        self, run_id: int, repository_id: int, branch: str, paths: Sequence[bytes]
    ) -> None:
        """Note what a run wrote to its work branch of `branch`; again is nothing."""
        ...

    async def note_published(
        self, run_id: int, repository_id: int, branch: str, commit: CommitId
    ) -> bool:
        """Note what a work branch became; False: it was noted before."""
        ...

    async def remove_work_branch(
        self, run_id: int, repository_id: int, branch: str
    ) -> None:
        """Forget a work branch."""
        ...

    async def end_run(
        self, run_id: int, draft: bytes, *, ended_ms: int, exit_code: int | None
    ) -> bool:
        """Note that the end was asked for; False: it was before, or the run is sealed."""
        ...

    async def seal_run(
        self, run_id: int, record: bytes, *, status: Status, grade: str
    ) -> bool:
        """Give a run its record, and drop what is in it; False: it has one.

        Pieces of log and points, the draft and how far writers came go with it: they
        are blobs of the record, or not needed any more.
        """
        ...

    async def need_commit(
        self, repository_id: int, commit: CommitId, run_id: int
    ) -> None:
        """Note that a sealed run needs a commit; again is nothing."""
        ...

    async def add_verdict(
        self, run_id: int, rerun_id: int, verdict: VerdictRow
    ) -> None:
        """Keep what a re-run came to, in place of what it came to before."""
        ...

    async def delete_run(self, run_id: int) -> bool:
        """Delete a run with all its rows; tell whether there was one."""
        ...
